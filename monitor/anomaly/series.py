"""Rows of a query, in any order, become a regular grid; slices become one matrix."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np

from monitor.anomaly.arrays import Bools, Floats
from monitor.anomaly.model import DAY, EPOCH, Series, Settings


@dataclass(frozen=True)
class Gridded:
    """A series and what had to be done to the rows to get it (sentences, may be empty)."""

    series: Series
    notes: tuple[str, ...]


def regular(
    points: Iterable[tuple[datetime, float | None]],
    slice: tuple[tuple[str, str], ...],  # noqa: A002 - the field's name in Series
    settings: Settings,
) -> Gridded:
    """Put (time, value) rows of one slice on the grid of its buckets.

    Rows that fall into one bucket are summed: they come from one `group by`, so two of them
    are two parts of the bucket (a finer time, one more dimension); taking the last would
    invent a drop. A bucket with an unusable part (null, NaN, infinite, negative) is NaN as a
    whole, because a sum of only the known parts would look like a drop too.

    Raises ValueError on naive times. No rows at all give an empty series at the epoch.
    """
    sums: dict[int, float] = {}
    merged = unusable = 0
    for at, raw in points:
        bucket = bucket_number(at, settings)
        value = math.nan if raw is None else float(raw)
        if not (math.isfinite(value) and value >= 0):
            value = math.nan
            unusable += 1
        merged += bucket in sums
        sums[bucket] = sums.get(bucket, 0.0) + value
    first = min(sums, default=0)
    values = np.full(max(sums, default=first - 1) - first + 1, np.nan)
    for bucket, value in sums.items():
        values[bucket - first] = value
    notes = []
    if merged:
        notes.append(f"{merged} rows were added to another row of the same bucket")
    if unusable:
        notes.append(f"{unusable} rows were null, NaN, infinite or negative: bucket unknown")
    return Gridded(Series(slice, bucket_start(first, settings), values), tuple(notes))


def bucket_number(at: datetime, settings: Settings) -> int:
    """Return the number of the bucket that holds `at`, counted from 1970-01-01.

    Buckets below a day are counted in UTC, so that no local hour is doubled or lost; buckets
    of whole days are counted in local dates, so that a day of 23 or 25 hours is one bucket, and
    those of whole weeks begin on Mondays.
    """
    if at.tzinfo is None:
        raise ValueError(f"{at.isoformat()} has no zone; times must be aware")
    if settings.bucket >= DAY:
        local = at.astimezone(ZoneInfo(settings.timezone))
        return number_of_day(local.date(), settings)
    return (at - EPOCH) // settings.bucket


def number_of_day(day: date, settings: Settings) -> int:
    """Return the number of the bucket of whole days that holds a local date."""
    return (day - settings.origin.date()).days // (settings.bucket // DAY)


def bucket_start(number: int, settings: Settings) -> datetime:
    """Return the start of a bucket in UTC; the inverse of `bucket_number`."""
    if settings.bucket >= DAY:
        midnight = settings.origin + number * settings.bucket
        return midnight.replace(tzinfo=ZoneInfo(settings.timezone)).astimezone(UTC)
    return EPOCH + number * settings.bucket


def aligned(series: Sequence[Series], settings: Settings, end: int | None) -> tuple[int, Floats]:
    """Lay slices over one grid: number of the first bucket, matrix (slices, buckets).

    end: number of the first bucket to leave out; None keeps all. Unusable values are NaN.
    """
    firsts = [bucket_number(one.start, settings) for one in series]
    lasts = [first + len(one.values) for first, one in zip(firsts, series, strict=True)]
    stop = max(lasts, default=0) if end is None else end
    first = min((f for f, one in zip(firsts, series, strict=True) if len(one.values)), default=stop)
    matrix = np.full((len(series), max(stop - first, 0)), np.nan)
    for row, (at, one) in enumerate(zip(firsts, series, strict=True)):
        known = one.values[: max(stop - at, 0)]
        if len(known):
            matrix[row, at - first : at - first + len(known)] = known
    matrix[~(np.isfinite(matrix) & (matrix >= 0))] = np.nan
    return first, matrix


# Of the median. With a hundredth, an hour of nothing was as far away as a hundred times the usual.
OFFSET = 0.1


def offsets(week: Floats) -> tuple[Floats, Bools]:
    """Choose per slice what is added before the logarithm: offsets (slices,), is it a count.

    week: the first week of each slice, which is never judged: no look-ahead. Counts (whole
    numbers all through) get 1, as log1p; anything else gets a tenth of its median, so that rates
    and money of any unit behave alike, and nothing is as far away as some ten times the usual.
    """
    known = np.isfinite(week)
    counts: Bools = np.all(~known | (week == np.round(week)), axis=1)
    positive = np.sort(np.where(known & (week > 0), week, np.nan), axis=1)
    found = np.sum(np.isfinite(positive), axis=1)
    middle = positive[np.arange(len(week)), np.maximum(found - 1, 0) // 2]
    offset = np.where(counts | (found == 0), 1.0, OFFSET * middle)
    return offset, counts
