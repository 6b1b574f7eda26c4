"""Where each bucket lies in the day and the week that people live in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np

from monitor.anomaly.model import DAY, EPOCH, Bools, Ints, Settings
from monitor.anomaly.series import bucket_start, local_offsets

# Eight same-hour values: enough for a steady mean, few enough to follow a changing habit.
LAGS = 8
CLUSTER = timedelta(hours=6)
_DAY_SECONDS = 86_400


@dataclass(frozen=True)
class Calendar:
    """Index tables of one grid of `buckets` buckets.

    starts: UTC start of each bucket. day, week: length in buckets (week at least 7).
    daily, weekly: shape (LAGS, buckets), index of the bucket at the same local time 1..8
        days or weeks before, -1 when it is before the grid; None where the bucket is too
        long to have such a season.
    slot: shape (buckets,), local hour of day (or bucket of day if longer), below `slots`.
    holiday: shape (buckets,). blocks: (first, end) of each UTC day, the unit of learning.
    cluster: buckets of one 6-hour run (at least 1).
    """

    starts: tuple[datetime, ...]
    day: int
    week: int
    daily: Ints | None
    weekly: Ints | None
    slot: Ints
    slots: int
    holiday: Bools
    blocks: tuple[tuple[int, int], ...]
    cluster: int


def calendar(first: int, buckets: int, settings: Settings) -> Calendar:
    """Build the tables for `buckets` buckets from bucket number `first` on."""
    starts = tuple(bucket_start(first + i, settings) for i in range(buckets))
    seconds = int(settings.bucket.total_seconds())
    offset = local_offsets(starts, settings.timezone)
    utc = np.array([int(at.timestamp()) for at in starts], dtype=np.int64)
    wall = utc + offset
    day = max(1, _DAY_SECONDS // seconds)
    week = max(7, 7 * _DAY_SECONDS // seconds)
    # Whole-day buckets already follow local midnights: nothing left to correct.
    shift = offset if settings.bucket < DAY else np.zeros_like(offset)
    slots = min(24, day)
    holidays = [at.toordinal() - EPOCH.toordinal() for at in settings.holidays]
    return Calendar(
        starts=starts,
        day=day,
        week=week,
        daily=_lags(shift, day, seconds) if day > 1 else None,
        weekly=_lags(shift, week, seconds) if settings.bucket <= DAY else None,
        slot=(wall % _DAY_SECONDS) * slots // _DAY_SECONDS,
        slots=slots,
        holiday=np.isin(wall // _DAY_SECONDS, holidays),
        blocks=_blocks(utc, day),
        cluster=max(1, int(CLUSTER / settings.bucket)),
    )


def _lags(offset: Ints, period: int, seconds: int) -> Ints:
    """Index of the same local time 1..LAGS periods before; a DST change moves it by an hour."""
    here = np.arange(len(offset))
    table = np.full((LAGS, len(offset)), -1, dtype=np.int64)
    for lag in range(1, LAGS + 1):
        plain = here - lag * period
        change = offset - offset[np.maximum(plain, 0)] if len(offset) else offset
        index = plain + np.round(change / seconds).astype(np.int64)
        table[lag - 1] = np.where((plain >= 0) & (index >= 0) & (index < here), index, -1)
    return table


def _blocks(utc: Ints, day: int) -> tuple[tuple[int, int], ...]:
    if day == 1:
        return tuple((i, i + 1) for i in range(len(utc)))
    edges = [0, *np.flatnonzero(utc % _DAY_SECONDS == 0).tolist(), len(utc)]
    return tuple((a, b) for a, b in pairwise(edges) if a < b)
