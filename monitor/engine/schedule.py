"""When checks are due: a heap of moments of our own.

APScheduler drives the tick; its CronTrigger loses runs after changes of daylight saving time, so
cron expressions are read by cronsim, in the check's own zone.
"""

import heapq
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2s
from zoneinfo import ZoneInfo

from cronsim import CronSim

from monitor.config.plan import PlannedCheck, Schedule

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_LOOK_WITHIN = timedelta(seconds=5)
"""After a start every check looks once within this time, however rarely it is due; or sooner."""


@dataclass(frozen=True, slots=True)
class Due:
    """A slot that is due; ``missed`` are earlier slots of the same check that nobody looked at."""

    check: str
    at: datetime
    missed: tuple[datetime, ...] = ()


def next_due(schedule: Schedule, phase: timedelta, after: datetime) -> datetime:
    """Return the first due moment later than ``after``.

    Intervals count from the epoch plus a phase, so that a restart does not move them.
    """
    if schedule.cron is not None:
        local = after.astimezone(ZoneInfo(schedule.timezone))
        return next(CronSim(schedule.cron, local)).astimezone(UTC)
    assert schedule.every is not None
    passed = (after - EPOCH - phase) // schedule.every
    return EPOCH + phase + schedule.every * (passed + 1)


def phase_of(check: PlannedCheck) -> timedelta:
    """Spread intervals by what is asked together: a stable hash of source, kind and interval."""
    every = check.schedule.every
    if every is None:
        return timedelta(0)
    text = f"{check.source}|{check.kind}|{every.total_seconds()}"
    share = int.from_bytes(blake2s(text.encode(), digest_size=4).digest()) / 2**32
    return timedelta(seconds=round(share * min(every.total_seconds(), 10), 3))


class Calendar:
    """The heap: what is due next, for every check of a plan."""

    def __init__(self) -> None:
        """Start empty."""
        self._heap: list[tuple[datetime, str]] = []
        self._checks: dict[str, PlannedCheck] = {}
        self._phases: dict[str, timedelta] = {}

    def plan(self, checks: Mapping[str, PlannedCheck], now: datetime) -> None:
        """Take over a plan: new and rescheduled checks look soon, the others keep their moment."""
        same = {
            check
            for check, planned in checks.items()
            if (old := self._checks.get(check)) and old.schedule == planned.schedule
        }
        kept = [(at, check) for at, check in self._heap if check in same]
        new = [
            (now + _soon(planned), check) for check, planned in checks.items() if check not in same
        ]
        self._heap = [*kept, *new]
        heapq.heapify(self._heap)
        self._checks = dict(checks)
        self._phases = {check: phase_of(planned) for check, planned in checks.items()}

    def rewind(self, now: datetime) -> None:
        """Look soon again, because the clock was set back."""
        self._heap = [
            (
                min(at, next_due(self._checks[name].schedule, self._phases[name], now)),
                name,
            )
            for at, name in self._heap
        ]
        heapq.heapify(self._heap)

    def hasten(self, checks: Container[str], now: datetime) -> None:
        """Let checks look soon that were left out, however long it is until they are due again."""
        self._heap = [
            (min(at, now + _soon(self._checks[check])) if check in checks else at, check)
            for at, check in self._heap
        ]
        heapq.heapify(self._heap)

    def next_at(self) -> datetime | None:
        """Return the next due moment of all; None without checks."""
        return self._heap[0][0] if self._heap else None

    def due(self, now: datetime) -> Iterable[Due]:
        """Take out what is due, and put in when it is due again.

        A check that missed slots (a suspended machine) looks once; the earlier ones are named.
        """
        while self._heap and self._heap[0][0] <= now:
            at, check = heapq.heappop(self._heap)
            schedule, phase = self._checks[check].schedule, self._phases[check]
            missed: list[datetime] = []
            following = next_due(schedule, phase, at)
            while following <= now:
                missed.append(at)
                at, following = following, next_due(schedule, phase, following)
            heapq.heappush(self._heap, (following, check))
            yield Due(check, at, tuple(missed))


def _soon(check: PlannedCheck) -> timedelta:
    """Return when a check looks first: not all at once, and none later than its interval."""
    within = min(FIRST_LOOK_WITHIN, check.schedule.every or FIRST_LOOK_WITHIN)
    share = int.from_bytes(blake2s(check.id.encode(), digest_size=4).digest()) / 2**32
    return timedelta(milliseconds=round(within.total_seconds() * 1000 * share))
