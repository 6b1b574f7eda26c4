"""Which days count, and until when on them something must be ready."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

LONGEST_BREAK = timedelta(days=400)
"""How far a next or last counting day is searched for: a calendar without any has none."""


@dataclass(frozen=True, slots=True)
class BusinessDays:
    """A calendar: its weekdays (Monday is 0) but the days off, and the extra days in any case."""

    weekdays: frozenset[int] = frozenset(range(7))
    off: frozenset[date] = frozenset()
    extra: frozenset[date] = frozenset()

    def has(self, day: date) -> bool:
        """Say whether a day counts."""
        return day in self.extra or (day.weekday() in self.weekdays and day not in self.off)


EVERY_DAY = BusinessDays()


def first_deadline(
    since: datetime, minutes: int, days: BusinessDays, timezone: str
) -> datetime | None:
    """Return the first moment not before ``since`` at which a counting day is ``minutes`` old.

    The local clock counts: on a day of 23 hours 07:30 is 07:30. None when no such day comes.
    """
    return next((at for at in _deadlines(since, minutes, days, timezone, 1) if at >= since), None)


def last_deadline(
    until: datetime, minutes: int, days: BusinessDays, timezone: str
) -> datetime | None:
    """Return the last such moment at or before ``until``; None when there was no such day."""
    return next((at for at in _deadlines(until, minutes, days, timezone, -1) if at <= until), None)


def _deadlines(
    near: datetime, minutes: int, days: BusinessDays, timezone: str, step: int
) -> Iterator[datetime]:
    zone = ZoneInfo(timezone)
    day = near.astimezone(zone).date()
    for ahead in range(LONGEST_BREAK.days):
        candidate = day + timedelta(days=ahead * step)
        if days.has(candidate):
            local = datetime(candidate.year, candidate.month, candidate.day, tzinfo=zone)
            local += timedelta(minutes=minutes)
            yield local.astimezone(UTC)
