"""Where each bucket lies in the day and the week that people live in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from monitor.anomaly.arrays import Bools, Ints
from monitor.anomaly.model import DAY, EPOCH, Settings

# Eight same-hour values: enough for a steady mean, few enough to follow a changing habit.
LAGS = 8
CLUSTER = timedelta(hours=6)
_DAY_SECONDS = 86_400
_BLOCK = 512  # three weeks of hours; buckets whose offsets are looked up together
_WEEKDAYS, _EPOCH_WEEKDAY = 7, 3  # 1970-01-01 was a Thursday


@dataclass(frozen=True)
class Span:
    """Index tables of consecutive buckets.

    daily, weekly: shape (LAGS, buckets), number of the bucket at the same local time 1..8 days or
        weeks before; None where the bucket is too long to have such a season.
    slot: local hour of the day (weekday where a bucket is a day), below `slots`.
    holiday: which buckets are holidays.
    """

    daily: Ints | None
    weekly: Ints | None
    slot: Ints
    holiday: Bools


class Calendar:
    """The local time of buckets, by their number since 1970.

    day, week: length in buckets (week at least 7). block: the unit of learning, a UTC day or one
    longer bucket. cluster: buckets of one 6-hour run (at least 1).
    """

    def __init__(self, settings: Settings) -> None:
        """Know the zone and the holidays of a check."""
        self._settings = settings
        self.seconds = int(settings.bucket.total_seconds())
        self.day = max(1, _DAY_SECONDS // self.seconds)
        self.week = max(7, 7 * _DAY_SECONDS // self.seconds)
        self.is_whole_days = settings.bucket >= DAY
        self.slots = min(24, self.day)
        if settings.bucket == DAY:
            self.slots = _WEEKDAYS
        self.cluster = max(1, int(CLUSTER / settings.bucket))
        days = [at.toordinal() - EPOCH.toordinal() for at in settings.holidays]
        self._holidays = np.array(sorted(days), dtype=np.int64)
        self._last: tuple[int, int, Span] | None = None

    def block(self, number: int) -> int:
        """Return the block that holds a bucket."""
        return number // self.day

    def span(self, lo: int, hi: int) -> Span:
        """Return the tables for the buckets from `lo` up to `hi`: all parts ask for the same."""
        last = self._last
        if last is None or last[:2] != (lo, hi):
            self._last = last = lo, hi, self._build(lo, hi)
        return last[2]

    def _build(self, lo: int, hi: int) -> Span:
        numbers = np.arange(lo, hi)
        if self.is_whole_days:
            length = self.seconds // _DAY_SECONDS
            days = numbers * length + (self._settings.origin - EPOCH).days
            weekday = (days + _EPOCH_WEEKDAY) % _WEEKDAYS
            slot = weekday if self.slots == _WEEKDAYS else np.zeros_like(numbers)
            is_day = self.seconds == _DAY_SECONDS
            weekly = numbers - np.arange(1, LAGS + 1)[:, None] * self.week if is_day else None
            each = np.isin(days[:, None] + np.arange(length), self._holidays)
            # A week is like others when one of its days is not.
            return Span(None, weekly, slot, np.sum(each, axis=1) * 2 > length)
        first = (lo - LAGS * self.week) // _BLOCK
        known = _stretch(self._settings.timezone, self._settings.bucket, first, (hi - 1) // _BLOCK)
        offset = known[numbers - first * _BLOCK]
        wall = numbers * self.seconds + offset

        def lags(period: int) -> Ints:
            """Return the number of the same local time 1..LAGS periods before."""
            plain = numbers - np.arange(1, LAGS + 1)[:, None] * period
            # A change of the clocks between the two moves the number by an hour.
            moved = offset - known[plain - first * _BLOCK]
            found: Ints = plain + np.round(moved / self.seconds).astype(np.int64)
            return found

        return Span(
            daily=lags(self.day) if self.day > 1 else None,
            weekly=lags(self.week),
            slot=(wall % _DAY_SECONDS) * self.slots // _DAY_SECONDS,
            holiday=np.isin(wall // _DAY_SECONDS, self._holidays),
        )


@lru_cache(maxsize=256)
def _stretch(timezone: str, bucket: timedelta, first: int, last: int) -> Ints:
    """Return how many seconds local time is ahead of UTC in the buckets of these blocks."""
    return np.concatenate([_offsets(timezone, bucket, block) for block in range(first, last + 1)])


@cache
def _offsets(timezone: str, bucket: timedelta, block: int) -> Ints:
    """Return the offsets of a block of buckets; all checks of one zone share them."""
    zone = ZoneInfo(timezone)
    starts = (EPOCH + number * bucket for number in range(block * _BLOCK, (block + 1) * _BLOCK))
    offsets = (at.astimezone(zone).utcoffset() or timedelta(0) for at in starts)
    return np.array([int(it.total_seconds()) for it in offsets], dtype=np.int64)
