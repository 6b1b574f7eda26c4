"""A breaker for each source: one that fails again and again is asked by one check at a time."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

OPENS_AFTER = 5
"""Faults of a source in a row, after which it is spared, and the checks their deadlines."""

FIRST_WAIT = timedelta(seconds=10)
LONGEST_WAIT = timedelta(minutes=1)
"""Between two tries; each that fails doubles the wait up to this."""


@dataclass(frozen=True, slots=True)
class Breaker:
    """What is known of a source: faults in a row, and while it is open, since when and why.

    ``try_at`` is when the next check may try, ``trying`` the one that does.
    """

    faults: int = 0
    reason: str = ""
    opened_at: datetime | None = None
    try_at: datetime | None = None
    wait: timedelta = FIRST_WAIT
    trying: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether checks are left out."""
        return self.opened_at is not None

    def failed(self, reason: str, at: datetime) -> "Breaker":
        """Return it after a fault of the source."""
        seen = replace(self, faults=self.faults + 1, reason=reason)
        if seen.faults < OPENS_AFTER:
            return seen
        if self.try_at is None:
            return replace(seen, opened_at=at, try_at=at + FIRST_WAIT)
        if self.trying is None:  # one that was under way when it opened says nothing new
            return seen
        wait = min(self.wait * 2, LONGEST_WAIT)
        return replace(seen, wait=wait, try_at=at + wait, trying=None)

    def refusal(self, at: datetime) -> str | None:
        """Return why a check is not asked; None when it may be."""
        if self.opened_at is None or self.try_at is None:
            return None
        # A clock that went back must not keep it open for longer than it waits.
        if self.trying is None and not at < self.try_at <= at + LONGEST_WAIT:
            return None
        since = f"{self.opened_at:%H:%M:%S} UTC"
        return f"fails since {since}, {self.faults} times in a row: {self.reason}"


@dataclass
class Breakers:
    """The breakers of all sources; ``left_out`` are the checks that saw nothing since."""

    of: dict[str, Breaker] = field(default_factory=dict)
    left_out: dict[str, set[str]] = field(default_factory=dict)
    _closed: set[str] = field(default_factory=set)

    def failed(self, source: str, reason: str, at: datetime) -> None:
        """Note a fault of a source."""
        self.of[source] = self.of.get(source, Breaker()).failed(reason, at)

    def blind(self, source: str, check: str) -> None:
        """Note a check that saw nothing because of a fault of its source."""
        self.left_out.setdefault(source, set()).add(check)

    def answered(self, source: str) -> None:
        """Note that a source answers: it is asked by everybody again."""
        before, waiting = self.of.pop(source, None), self.left_out.pop(source, set())
        if before is not None and before.is_open:
            self._closed |= waiting

    def admit(self, source: str, check: str, at: datetime) -> str | None:
        """Let a check ask; return why not, when it may not. With an open breaker it is the try."""
        breaker = self.of.get(source)
        if breaker is None or not breaker.is_open:
            return None
        why = breaker.refusal(at)
        if why is None:
            self.of[source] = replace(breaker, trying=check)
            return None
        self.blind(source, check)
        return f"not asked: {source} {why}"

    def over(self, source: str, checks: Iterable[str]) -> None:
        """Note that looks are over, whether or not they came to ask: another one may try."""
        breaker = self.of.get(source)
        if breaker is not None and breaker.trying in set(checks):
            self.of[source] = replace(breaker, trying=None)

    def take_closed(self) -> set[str]:
        """Return the checks that were left out by breakers that have closed since."""
        closed, self._closed = self._closed, set()
        return closed
