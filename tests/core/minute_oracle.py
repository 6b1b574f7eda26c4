"""What the clocks of a zone read, minute by minute, from nothing but its changes of offset.

Zones whose clocks ran alike from 2015 to 2037 are one: the 599 names are a bit more than a hundred.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
from numpy.typing import NDArray

from monitor.core.intervals import TimeInterval

Ints: TypeAlias = NDArray[np.int64]
Bools: TypeAlias = NDArray[np.bool_]

START, END = datetime(2015, 1, 1, tzinfo=UTC), datetime(2038, 1, 1, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAY = 24 * 60
_EARLY, _LATE, _WEEK = timedelta(days=40), timedelta(days=3), timedelta(days=7)


def as_minute(moment: datetime) -> int:
    """Count the minutes from the epoch."""
    return (moment - EPOCH) // MINUTE


@dataclass(frozen=True)
class Clock:
    """The changes of a zone: minutes of UTC from which an offset, in minutes, holds."""

    name: str
    since: tuple[int, ...]
    offsets: tuple[int, ...]

    @property
    def edges(self) -> tuple[int, ...]:
        """The minutes at which the clocks are set."""
        return tuple(at for at in self.since[1:] if as_minute(START) <= at < as_minute(END))

    def reads(self, minutes: Ints) -> Ints:
        """Return the local time at minutes of UTC, as minutes from the local epoch."""
        index = np.searchsorted(np.array(self.since), minutes, side="right") - 1
        found: Ints = minutes + np.array(self.offsets)[index]
        return found


@cache
def clocks() -> dict[Clock, tuple[str, ...]]:
    """Return every way in which clocks run, with the names of the zones where they do."""
    alike: dict[tuple[tuple[int, ...], tuple[int, ...]], list[str]] = {}
    for name in sorted(available_timezones()):
        alike.setdefault(_changes(ZoneInfo(name)), []).append(name)
    return {Clock(names[0], *runs): tuple(names) for runs, names in alike.items()}


def clock_of(name: str) -> Clock:
    """Return how the clocks of one zone run."""
    return Clock(name, *_changes(ZoneInfo(name)))


def _changes(zone: ZoneInfo) -> tuple[tuple[int, ...], tuple[int, ...]]:
    at = START - _EARLY
    since, offsets = [as_minute(at)], [_offset(zone, at)]
    while at < END + _LATE:
        later = at + _WEEK
        if _offset(zone, later) != offsets[-1]:
            since.append(_edge(zone, at, later))
            offsets.append(_offset(zone, later))
        at = later
    return tuple(since), tuple(offsets)


def _edge(zone: ZoneInfo, low: datetime, high: datetime) -> int:
    before = _offset(zone, low)
    first, last = as_minute(low), as_minute(high)
    while last - first > 1:
        middle = (first + last) // 2
        if _offset(zone, EPOCH + middle * MINUTE) == before:
            first = middle
        else:
            last = middle
    return last


def _offset(zone: ZoneInfo, at: datetime) -> int:
    offset = at.astimezone(zone).utcoffset()
    assert offset is not None
    assert offset % MINUTE == timedelta(0)
    return offset // MINUTE


def holds(interval: TimeInterval, reads: Ints) -> Bools:
    """Say for local times whether an interval without calendars holds."""
    day, minute = reads // DAY, reads % DAY
    if interval.times is None:
        return _on(interval, day)
    found = np.zeros(reads.shape, dtype=np.bool_)
    for start, end in interval.times:
        if start < end:
            found |= (start <= minute) & (minute < end) & _on(interval, day)
        else:
            found |= (minute >= start) & _on(interval, day)
            found |= (minute < end) & _on(interval, day - 1)
    return found


def _on(interval: TimeInterval, day: Ints) -> Bools:
    days = day.astype("datetime64[D]")
    months = days.astype("datetime64[M]")
    length = ((months + 1).astype("datetime64[D]") - months.astype("datetime64[D]")).astype(int)
    of_month = (days - months.astype("datetime64[D]")).astype(int) + 1
    fields: list[tuple[Any, Ints]] = [
        (interval.weekdays, (day + 4) % 7),  # the epoch was a Thursday
        (interval.months, months.astype(int) % 12 + 1),
        (interval.years, days.astype("datetime64[Y]").astype(int) + 1970),
    ]
    found = np.ones(day.shape, dtype=np.bool_)
    for ranges, values in fields:
        if ranges is not None:
            found &= np.any([(a <= values) & (values <= b) for a, b in ranges], axis=0)
    if interval.days_of_month is not None:
        found &= np.any(
            [
                (of_month >= np.where(a < 0, length + a + 1, a))
                & (of_month <= np.where(b < 0, length + b + 1, b))
                for a, b in interval.days_of_month
            ],
            axis=0,
        )
    return found


def local_day(read: int) -> date:
    """Return the date of a local time."""
    return date(1970, 1, 1) + timedelta(days=read // DAY)
