"""Time intervals as Alertmanager has them, with a few additions of ours.

Of all that is given everything must hold, and of a list any element. Ours are: ranges of times over
midnight, which belong to the day they start on; weekdays over Sunday; calendars.
"""

from calendar import monthrange
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Protocol

from monitor.core.moments import local_time

Range = tuple[int, int]

DAY = 24 * 60
"""Minutes of a day; ``24:00``."""


class Days(Protocol):
    """Which days count: working days, holidays."""

    def has(self, day: date) -> bool:
        """Say whether a local day counts."""


@dataclass(frozen=True, slots=True)
class TimeInterval:
    """One element of a named interval; None where a field says nothing.

    ``times`` are minutes after local midnight, the end exclusive; one that ends before it starts
    crosses midnight. The other ranges include both ends: weekdays with Sunday 0, days of the month
    with -1 for the last, months from 1. ``calendar`` leaves only the days that count in it,
    ``except_calendar`` only those that do not. ``location`` is an IANA zone.
    """

    times: tuple[Range, ...] | None = None
    weekdays: tuple[Range, ...] | None = None
    days_of_month: tuple[Range, ...] | None = None
    months: tuple[Range, ...] | None = None
    years: tuple[Range, ...] | None = None
    location: str = "UTC"
    calendar: Days | None = None
    except_calendar: Days | None = None

    def holds_at(self, now: datetime) -> bool:
        """Say whether a moment lies in the interval."""
        local = local_time(now, self.location)
        if self.times is None:
            return self.holds_on(local.date())
        minute = local.hour * 60 + local.minute
        yesterday = local.date() - timedelta(days=1)
        for start, end in self.times:
            is_over_midnight = start > end
            if start <= minute < (DAY if is_over_midnight else end):
                if self.holds_on(local.date()):
                    return True
            elif is_over_midnight and minute < end and self.holds_on(yesterday):
                return True
        return False

    def holds_on(self, day: date) -> bool:
        """Say whether a local day is one of the interval's, whatever the time."""
        return (
            _is_in(day.isoweekday() % 7, self.weekdays)
            and _is_day_of_month(day, self.days_of_month)
            and _is_in(day.month, self.months)
            and _is_in(day.year, self.years)
            and (self.calendar is None or self.calendar.has(day))
            and (self.except_calendar is None or not self.except_calendar.has(day))
        )


Intervals = Mapping[str, tuple[TimeInterval, ...]]
"""Named intervals; a name holds when any of its elements does."""


def intervals_at(names: Iterable[str], intervals: Intervals, now: datetime) -> tuple[str, ...]:
    """Return those of the names that hold at a moment, in their order, each once."""
    return tuple(
        name
        for name in dict.fromkeys(names)
        if any(one.holds_at(now) for one in intervals.get(name, ()))
    )


def muted_by(
    mute: tuple[str, ...], active: tuple[str, ...], intervals: Intervals, now: datetime
) -> tuple[str, ...]:
    """Return the intervals that mute a route now; empty when it speaks.

    A route with active intervals speaks only inside one of them; outside, all of them mute it.
    """
    if active and not intervals_at(active, intervals, now):
        return tuple(dict.fromkeys(active))
    return intervals_at(mute, intervals, now)


def _is_in(value: int, ranges: tuple[Range, ...] | None) -> bool:
    return ranges is None or any(first <= value <= last for first, last in ranges)


def _is_day_of_month(day: date, ranges: tuple[Range, ...] | None) -> bool:
    """Count negative days from the end, and cut a range at the ends of a short month."""
    if ranges is None:
        return True
    length = monthrange(day.year, day.month)[1]
    for first, last in ranges:
        begin = length + first + 1 if first < 0 else first
        end = length + last + 1 if last < 0 else last
        if begin <= day.day <= end:
            return True
    return False
