"""Rows of a table in any order become one matrix: slices down, buckets across."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from monitor.anomaly.arrays import Floats, Ints

Aggregate = Literal["sum", "mean"]


@dataclass(frozen=True)
class Cells:
    """Rows as columns of equal length.

    slice: row of the matrix. bucket: number of the bucket (see `bucket_number`). instant: the
    moment as it was written, in microseconds. value: NaN, infinite or negative means unusable.
    """

    slice: Ints
    bucket: Ints
    instant: Ints
    value: Floats


@dataclass(frozen=True)
class Gathered:
    """The matrix, the number of its first bucket, and what had to be done to the rows.

    values: NaN where there was no row, infinite where there was one without a usable number.
    """

    values: Floats
    first: int
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Count:
    """For each bucket: its first row, its rows and moments, and the usual ones of its slice."""

    begin: Ints
    rows: Ints
    moments: Ints
    usual_rows: Ints
    usual_moments: Ints


def gather(cells: Cells, slices: int, aggregate: Aggregate = "sum") -> Gathered:
    """Lay rows on the grid; a bucket that is not whole is unknown, never small.

    A slice that usually has one row in a bucket has one value: equal doubles count once,
    different values at one moment contradict each other (unknown), and two moments in one
    bucket are jitter of the clock that wrote them (their mean). A slice that usually has more
    rows is finer than the bucket, or has parts: they are aggregated, and a bucket with fewer
    moments than usual is incomplete (unknown).
    """
    if not len(cells.slice):
        return Gathered(np.full((slices, 0), np.nan), 0, ())
    usable = np.isfinite(cells.value) & (cells.value >= 0)
    value = np.where(usable, cells.value, np.nan)
    first, last = int(cells.bucket.min()), int(cells.bucket.max())
    width = last - first + 1
    key = cells.slice * width + (cells.bucket - first)
    order = np.lexsort((cells.instant, key))
    key, value, instant = key[order], value[order], cells.instant[order]
    group = np.concatenate([[True], key[1:] != key[:-1]])
    begin = np.flatnonzero(group)
    rows = np.diff(np.append(begin, len(key)))
    fresh = group | np.concatenate([[True], instant[1:] != instant[:-1]])
    moments = np.add.reduceat(fresh.astype(np.int64), begin)
    cell = key[begin]
    count = _Count(
        begin, rows, moments, *(_usual(cell // width, n, slices) for n in (rows, moments))
    )
    whole, notes = _joined(value, count, aggregate)
    matrix = np.full(slices * width, np.nan)
    # There was a row, and it is of no use: that is told differently from no row at all.
    matrix[cell] = np.where(np.isnan(whole), np.inf, whole)
    unusable = int(np.sum(~usable))
    if unusable:
        notes.append(f"{unusable} rows were empty, NaN, infinite or negative: bucket unknown")
    return Gathered(matrix.reshape(slices, width), first, tuple(notes))


def _usual(owner: Ints, count: Ints, slices: int) -> Ints:
    """Return, for each cell, the median of its slice."""
    order = np.lexsort((count, owner))
    sizes = np.bincount(owner, minlength=slices)
    ends = np.cumsum(sizes)
    middle = np.minimum(ends - sizes + sizes // 2, len(owner) - 1)
    usual: Ints = count[order][middle][owner]
    return usual


def _joined(value: Floats, of: _Count, aggregate: Aggregate) -> tuple[Floats, list[str]]:
    total = np.add.reduceat(value, of.begin)
    equal = np.maximum.reduceat(value, of.begin) == np.minimum.reduceat(value, of.begin)
    double = (of.usual_rows == 1) & (of.rows > 1)
    contradiction = double & (of.moments == 1) & ~equal
    jitter = double & (of.moments > 1)
    partial = (of.usual_moments > 1) & (of.moments < of.usual_moments)
    divide = double | (aggregate == "mean")
    whole: Floats = np.where(divide, total / of.rows, total)
    whole[contradiction | partial] = np.nan
    told = (
        (double & equal & (of.moments == 1), "buckets had the same row twice: counted once"),
        (contradiction, "buckets had different values for one moment: unknown"),
        (jitter, "buckets had rows of several moments: their mean is used"),
        (partial, "buckets had fewer rows than usual: incomplete, not judged"),
    )
    return whole, [f"{int(np.sum(which))} {what}" for which, what in told if which.any()]


def described(gathered: Gathered, labels: Sequence[tuple[tuple[str, str], ...]]) -> list[str]:
    """Say for each slice without a single usable value that it has none."""
    empty = [not np.isfinite(row).any() for row in gathered.values]
    return [
        f"{', '.join(f'{k}={v}' for k, v in label) or 'the series'} has no usable value"
        for label, nothing in zip(labels, empty, strict=True)
        if nothing
    ]
