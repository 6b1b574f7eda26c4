"""Where each bucket lies in the day and the week that people live in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import cache
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

    def block(self, number: int) -> int:
        """Return the block that holds a bucket."""
        return number // self.day

    def span(self, lo: int, hi: int) -> Span:
        """Build the tables for the buckets from `lo` up to `hi`."""
        numbers = np.arange(lo, hi)
        if self.is_whole_days:
            days = numbers * (self.seconds // _DAY_SECONDS)
            weekday = (days + _EPOCH_WEEKDAY) % _WEEKDAYS
            slot = weekday if self.slots == _WEEKDAYS else np.zeros_like(numbers)
            is_day = self.seconds == _DAY_SECONDS
            weekly = numbers - np.arange(1, LAGS + 1)[:, None] * self.week if is_day else None
            return Span(None, weekly, slot, np.isin(days, self._holidays))
        offset = self._offset(numbers)
        wall = numbers * self.seconds + offset
        return Span(
            daily=self._lags(numbers, offset, self.day) if self.day > 1 else None,
            weekly=self._lags(numbers, offset, self.week),
            slot=(wall % _DAY_SECONDS) * self.slots // _DAY_SECONDS,
            holiday=np.isin(wall // _DAY_SECONDS, self._holidays),
        )

    def _lags(self, numbers: Ints, offset: Ints, period: int) -> Ints:
        """Return the number of the same local time 1..LAGS periods before."""
        # A change of the clocks between the two moves the number by an hour.
        plain = numbers - np.arange(1, LAGS + 1)[:, None] * period
        before = self._offset(plain)
        lags: Ints = plain + np.round((offset - before) / self.seconds).astype(np.int64)
        return lags

    def _offset(self, numbers: Ints) -> Ints:
        """Return how many seconds local time is ahead of UTC at buckets, in their shape."""
        blocks = numbers // _BLOCK
        found = np.empty_like(numbers)
        for block in set(blocks.ravel().tolist()):
            here = blocks == block
            known = _offsets(self._settings.timezone, self._settings.bucket, block)
            found[here] = known[numbers[here] % _BLOCK]
        return found


@cache
def _offsets(timezone: str, bucket: timedelta, block: int) -> Ints:
    """Return the offsets of a block of buckets; all checks of one zone share them."""
    zone = ZoneInfo(timezone)
    starts = (EPOCH + number * bucket for number in range(block * _BLOCK, (block + 1) * _BLOCK))
    offsets = (at.astimezone(zone).utcoffset() or timedelta(0) for at in starts)
    return np.array([int(it.total_seconds()) for it in offsets], dtype=np.int64)
