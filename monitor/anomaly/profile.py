"""The level of a slice and the shape of its season, both in logarithms."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from monitor.anomaly.arrays import Bools, Floats, Ints

Shapes = npt.NDArray[np.float16]
"""Remembered shapes are small numbers: half precision keeps them to 0.05 %."""

# Huber (1964): clipping at 1.5 spreads keeps 96 % of the precision of a mean on normal noise.
HUBER = 1.5
# In the first week no spread is known yet: a value more than a factor 2 away from the median
# of its hour teaches nothing. Weekends at half the traffic still do.
FIRST_WEEK_LIMIT = float(np.log(2.0))


def median(values: Floats) -> Floats:
    """Return the median along the last axis without NaN (lower middle); NaN where all are.

    Sorting puts NaN last, which is several times faster than numpy's nanmedian.
    """
    ordered = np.sort(values, axis=-1).reshape(-1, values.shape[-1])
    rows, known = np.arange(len(ordered)), np.isfinite(ordered).sum(axis=-1)
    low = ordered[rows, np.maximum(known - 1, 0) // 2]
    high = ordered[rows, np.minimum(known // 2, ordered.shape[-1] - 1)]
    # For an even number the two middles differ; with none at all both are NaN.
    middle: Floats = np.where(known % 2 == 1, low, 0.5 * (low + high))
    return middle.reshape(values.shape[:-1])


def huber_mean(values: Floats, spread: Floats) -> Floats:
    """Mean along the last axis after clipping to the median +- HUBER spreads; NaN if empty.

    spread: shape of values without the last axis; 0 gives the median.
    """
    middle = median(values)[..., None]
    width = HUBER * spread[..., None]
    clipped = np.clip(values, middle - width, middle + width)
    known = np.isfinite(clipped)
    total = np.sum(np.where(known, clipped, 0.0), axis=-1)
    count = np.sum(known, axis=-1)
    mean: Floats = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return mean


def seasonal(
    ring: npt.NDArray[np.floating[Any]], lags: Ints, before: int, spread: Floats
) -> Floats:
    """Profile of some buckets: Huber mean of the same local time 1..8 periods before.

    ring: (slices, length), detrended values by bucket number modulo length, NaN where they must
    not teach. lags: (LAGS, buckets), bucket numbers; anything at or after `before` is not used.
    spread: (slices, buckets). Returns (slices, buckets), NaN where nothing is known.
    """
    length = ring.shape[1]
    usable = (lags < before) & (lags >= before - length)
    gathered = ring[:, (lags % length).T].astype(np.float64)
    gathered[:, ~usable.T] = np.nan
    return huber_mean(gathered, spread)


def first_week(y: Floats, day: int) -> tuple[Floats, Floats, Bools]:
    """Level and cleaned values of the first week of slices, when nothing else is known.

    y: (slices, week). Returns level (slices,), cleaned (slices, week) without gaps or wild
    values, and which buckets may teach (slices, week).
    """
    by_hour = np.moveaxis(y.reshape(len(y), -1, day), 1, 2)
    hour = median(by_hour)
    hour = np.where(np.isfinite(hour), hour, median(y)[:, None])
    usual = np.tile(hour, (1, y.shape[1] // day))
    teaches: Bools = np.abs(y - usual) <= FIRST_WEEK_LIMIT
    cleaned = np.where(np.isfinite(y), y, usual)
    cleaned = np.clip(cleaned, usual - FIRST_WEEK_LIMIT, usual + FIRST_WEEK_LIMIT)
    return np.mean(cleaned, axis=1), cleaned, teaches
