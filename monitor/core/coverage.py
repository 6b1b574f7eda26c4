"""How much of what was due was really looked at: what "all clear" stands on."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.core.digest import Blind, Coverage, NotRun
from monitor.core.model import Outcome
from monitor.core.route import ON_CALL
from monitor.core.state import Slot
from monitor.core.world import World

LONGEST_BLINK = timedelta(minutes=15)
"""A check that saw nothing for longer than this, whatever came after, did not watch the night."""

BLIND = frozenset({Outcome.ERROR, Outcome.NO_DATA, Outcome.SKIPPED})
"""Looks that saw nothing."""


@dataclass(frozen=True, slots=True)
class Looks:
    """How one check went in a window: its last slot, how many were judged, its longest blindness.

    ``blind_from`` is the first look of the longest run that saw nothing, ``blind_to`` the next one
    that saw something, or the end of the window.
    """

    last: Slot
    judged: int
    blind_from: datetime | None = None
    blind_to: datetime | None = None
    blind_reason: str = ""


def looks_of(slots: Iterable[Slot], until: datetime) -> Looks | None:
    """Sum up the slots of one check, oldest first; None without any."""
    last: Slot | None = None
    judged = 0
    started: Slot | None = None
    longest: tuple[timedelta, Slot, datetime] | None = None
    for slot in slots:
        last = slot
        judged += slot.outcome.is_judged
        if slot.outcome in BLIND:
            started = started or slot
        elif started is not None:
            longest = _longer(longest, started, slot.due_at)
            started = None
    if last is None:
        return None
    if started is not None:
        longest = _longer(longest, started, until)
    if longest is None:
        return Looks(last, judged)
    _, first, end = longest
    return Looks(last, judged, first.due_at, end, first.reason or str(first.outcome))


def _longer(
    longest: tuple[timedelta, Slot, datetime] | None, first: Slot, end: datetime
) -> tuple[timedelta, Slot, datetime]:
    span = end - first.due_at
    return longest if longest is not None and longest[0] >= span else (span, first, end)


def coverage(
    checks: Iterable[str],
    looks: Mapping[str, Looks],
    blind: tuple[Blind, ...],
    world: World,
    broken: Mapping[str, str] | None = None,
) -> Coverage:
    """Count the checks that can vouch for themselves.

    A check ran when a look in the window was judged, its last one too, and it was never blind for
    longer than ``LONGEST_BLINK``; anything else is named with its reason. ``broken`` are checks
    that are written but cannot be used, and why.
    """
    missing = [
        NotRun(name, _owner(name, world), Outcome.SKIPPED, f"configuration: {why}")
        for name, why in sorted((broken or {}).items())
    ]
    names = sorted(checks)
    for name in names:
        found = _not_run(name, looks.get(name), world)
        if found is not None:
            missing.append(found)
    due = len(names) + len(broken or {})
    return Coverage(due, due - len(missing), tuple(missing), blind)


def _not_run(name: str, looks: Looks | None, world: World) -> NotRun | None:
    owner = _owner(name, world)
    if looks is None:
        return NotRun(name, owner, Outcome.SKIPPED, "no look in this window")
    last = looks.last
    if not last.outcome.is_judged or not looks.judged:
        return NotRun(name, owner, last.outcome, last.reason or "no look in this window")
    start, end = looks.blind_from, looks.blind_to
    if start is not None and end is not None and end - start > LONGEST_BLINK:
        return NotRun(name, owner, Outcome.ERROR, looks.blind_reason, start, end)
    return None


def _owner(name: str, world: World) -> str:
    facts = world.checks.get(name)
    return (facts.maintainer if facts else None) or ON_CALL
