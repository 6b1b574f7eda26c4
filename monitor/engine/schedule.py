"""When checks are due: a heap of moments of our own.

APScheduler drives the tick; its CronTrigger loses runs after changes of daylight saving time, so
cron expressions are read by cronsim, in the check's own zone.
"""

import heapq
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeAlias
from zoneinfo import ZoneInfo

from cronsim import CronSim

from monitor.config.plan import PlannedCheck, Schedule
from monitor.engine.beats import Beat, share_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
FIRST_LOOK_WITHIN = timedelta(seconds=5)
"""After a start every check looks once within this time, however rarely it is due; or sooner."""
FIRST_LOOK_TAKES = timedelta(microseconds=500)
"""With more than 10,000 checks it takes longer: they would wait, in memory, for those before."""

_Pace: TypeAlias = tuple[Schedule, Beat]


@dataclass(frozen=True, slots=True)
class Due:
    """A slot of checks that are due together; ``missed`` are their earlier ones without a look."""

    checks: Sequence[str]
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


class Calendar:
    """What is due next, for every check of a plan: a heap of moments, each with its checks.

    Those of one schedule and beat are due at the same moments: they go on together.
    """

    def __init__(self) -> None:
        """Start empty."""
        self._moments: list[datetime] = []
        self._at: dict[datetime, dict[_Pace, list[str]]] = {}
        self._checks: Mapping[str, PlannedCheck] = {}
        self._beats: Mapping[str, Beat] = {}
        self._within = FIRST_LOOK_WITHIN

    def plan(
        self, checks: Mapping[str, PlannedCheck], beats: Mapping[str, Beat], now: datetime
    ) -> None:
        """Take over a plan: new and rescheduled checks look soon, the others keep their moment."""
        same = {
            check
            for check, planned in checks.items()
            if (old := self._checks.get(check)) is planned
            or (old and old.schedule == planned.schedule)
        }
        kept = [(at, check) for at, check in self._all() if check in same]
        self._checks, self._beats = checks, beats
        self._within = max(FIRST_LOOK_WITHIN, FIRST_LOOK_TAKES * len(checks))
        self._put([*kept, *((now + self._soon(name), name) for name in checks if name not in same)])

    def rewind(self, now: datetime) -> None:
        """Look soon again, because the clock was set back."""
        self._put([(min(at, self._next(check, now)), check) for at, check in self._all()])

    def hasten(self, checks: Container[str], now: datetime) -> None:
        """Let checks look soon that were left out, however long it is until they are due again."""
        self._put(
            [
                (min(at, now + self._soon(check)) if check in checks else at, check)
                for at, check in self._all()
            ]
        )

    def next_at(self) -> datetime | None:
        """Return the next due moment of all; None without checks."""
        return self._moments[0] if self._moments else None

    def due(self, now: datetime) -> list[Due]:
        """Take out what is due, and put in when it is due again.

        A check that missed slots (a suspended machine) looks once; the earlier ones are named.
        """
        found: list[Due] = []
        while self._moments and self._moments[0] <= now:
            at = heapq.heappop(self._moments)
            for pace, checks in self._at.pop(at).items():
                checks.sort()
                slots, following = self._passed(checks[0], at, now)
                found.append(Due(tuple(checks), slots[-1], tuple(slots[:-1])))
                self._add(following, pace, checks)
        return found

    def missed(self, now: datetime) -> int:
        """Return about how many slots are due: of a cron schedule at most one a minute."""
        return sum(
            len(mine) * (1 + (now - at) // (self._checks[mine[0]].schedule.every or MINUTE))
            for at, paces in self._at.items()
            if at <= now
            for mine in paces.values()
        )

    def leap(self, now: datetime) -> None:
        """Leave out all that is due but the newest slot of each check: nobody was there to look."""
        self._put([(max(at, self._newest(check, now)), check) for at, check in self._all()])

    def _newest(self, check: str, now: datetime) -> datetime:
        schedule, phase = self._checks[check].schedule, self._beats[check].phase
        if schedule.every is not None:
            return next_due(schedule, phase, now) - schedule.every
        assert schedule.cron is not None
        local = now.astimezone(ZoneInfo(schedule.timezone))
        return next(CronSim(schedule.cron, local, reverse=True)).astimezone(UTC)

    def _passed(self, check: str, at: datetime, now: datetime) -> tuple[list[datetime], datetime]:
        """Return the slots of a check from one until now, and the first one later."""
        slots = [at]
        while (following := self._next(check, slots[-1])) <= now:
            slots.append(following)
        return slots, following

    def _next(self, check: str, after: datetime) -> datetime:
        return next_due(self._checks[check].schedule, self._beats[check].phase, after)

    def _all(self) -> Iterator[tuple[datetime, str]]:
        return (
            (at, check)
            for at, paces in self._at.items()
            for mine in paces.values()
            for check in mine
        )

    def _put(self, all_of: Iterable[tuple[datetime, str]]) -> None:
        self._moments, self._at = [], {}
        for at, check in all_of:
            self._add(at, (self._checks[check].schedule, self._beats[check]), [check])

    def _add(self, at: datetime, pace: _Pace, checks: list[str]) -> None:
        paces = self._at.get(at)
        if paces is None:
            self._at[at] = {pace: checks}
            heapq.heappush(self._moments, at)
        elif pace in paces:
            paces[pace] += checks
        else:
            paces[pace] = checks

    def _soon(self, check: str) -> timedelta:
        """Return when a check looks first: not all at once, and none later than its interval."""
        within = min(self._within, self._checks[check].schedule.every or self._within)
        share = self._beats[check].share
        share = share_of(check) if share is None else share
        return timedelta(milliseconds=round(within.total_seconds() * 1000 * share))
