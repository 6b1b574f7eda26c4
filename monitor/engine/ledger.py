"""The slots that were due and have no stored outcome yet: each must end as exactly one."""

from collections.abc import Container, Iterable
from datetime import datetime
from itertools import repeat

from monitor.core.advance import Finding


class Ledger:
    """Knows every slot from the moment it is due until its outcome is on the disk."""

    def __init__(self) -> None:
        """Start with none."""
        self._open: set[tuple[str, datetime | None]] = set()

    def opened(self, checks: Iterable[str], at: datetime) -> None:
        """Note that a slot of some checks is due."""
        self._open.update(zip(checks, repeat(at)))

    def closed(self, findings: Iterable[Finding]) -> None:
        """Note that outcomes are stored, or that they are about checks that are no more."""
        self._open.difference_update([(one.check, one.due_at) for one in findings])

    def unaccounted(self, looking: Container[str], found: Iterable[Finding]) -> int:
        """Count the slots that nobody looks at and whose outcome does not wait to be stored."""
        waiting = {(finding.check, finding.due_at) for finding in found}
        return sum(slot[0] not in looking and slot not in waiting for slot in self._open)
