"""Slow leaks: a level that falls a little every day, too slowly for the hourly tracker.

The tracker follows whatever lasts; 2 % a day is gone into its level before it is a surprise. So
the levels of whole days (season taken out) are compared with a robust line through eight earlier
weeks: slope from pairs of the same weekday three weeks and more apart (Theil 1950, Sen 1968),
level and spread from medians, then one step of least squares on clipped distances, which makes
the line nearly as sharp as plain regression (Bickel 1975). A fall that grows from day to day is
weighed with a ramp over the last days.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from monitor.anomaly.arrays import Bools, Floats
from monitor.anomaly.profile import median
from monitor.anomaly.rowwise import Rowwise

# Days that a leak may have lasted, the line before them, and the distances of its pairs.
RECENT, LINE = 7, 56
PAIRS = (28, 35)
RAMPS = (3, 4, 5, 7)
LEAST_DAYS = 28  # of the line
MAD_TO_SPREAD = 1.4826
LEAST_SPREAD = 0.01
CLIP = 1.5
# The line is uncertain itself: at its end by about so many variances of a day, the same for all
# recent days (level and slope of 56 days, drawn out by half a line).
COMMON = 0.1
# A step that was told is left alone for so many days, then taken for the new level.
SETTLE = 3
SIGNIFICANT = 2.0
LONG_AGO = -(10**6)


@dataclass(frozen=True)
class Line:
    """What the last RECENT days should have been; distance (slices, RECENT), spread (slices,)."""

    distance: Floats
    spread: Floats


class Leaks(Rowwise):
    """The day levels of all slices, by block number modulo the length of the memory."""

    def __init__(self, slices: int) -> None:
        """Know nothing of so many slices."""
        super().__init__(slices)
        self.levels = self.rows("levels", (LINE + RECENT,), np.nan, np.float32)
        self.told = self.rows("told", (), LONG_AGO, np.int64)

    def add(self, block: int, level: Floats) -> None:
        """Take in the level of a finished block."""
        self.levels[:, block % self.levels.shape[1]] = level

    def line(self, block: int) -> Line:
        """Say how far the last days are from the line through the weeks before them."""
        order = np.arange(block - LINE - RECENT + 1, block + 1) % self.levels.shape[1]
        levels = self.levels[:, order].astype(np.float64)
        past, recent = levels[:, :LINE], levels[:, LINE:]
        days = np.arange(LINE) - LINE
        pairs = [(past[:, pair:] - past[:, :-pair]) / pair for pair in PAIRS]
        slope = np.nan_to_num(median(np.concatenate(pairs, axis=1)))
        flat = past - slope[:, None] * days
        at = median(flat)
        spread = MAD_TO_SPREAD * median(np.abs(flat - at[:, None]))
        spread = np.maximum(spread, LEAST_SPREAD)
        clipped = np.clip(flat - at[:, None], -CLIP * spread[:, None], CLIP * spread[:, None])
        more_at, more_slope = _regression(clipped, days.astype(np.float64))
        at, slope = at + more_at, slope + more_slope
        distance = recent - at[:, None] - slope[:, None] * np.arange(RECENT)
        enough = np.sum(np.isfinite(past), axis=1) >= LEAST_DAYS
        distance = np.where(enough[:, None], distance, np.nan)
        return Line(distance, spread)

    def score(self, line: Line, sign: float) -> Floats:
        """Score ramps that end today, in their own spreads towards `sign`; NaN where unknown."""
        best = np.full(self.count, np.nan)
        today = sign * line.distance[:, -1]
        for length in RAMPS:
            ramp = np.arange(1.0, length + 1)
            part = sign * line.distance[:, -length:]
            known = np.isfinite(part)
            ramp = np.where(known, ramp, 0.0)
            # Least squares with the common error of the line (Sherman and Morrison 1950).
            shared = COMMON / (1.0 + COMMON * np.sum(known, axis=1))
            weight = np.where(known, ramp - (shared * np.sum(ramp, axis=1))[:, None], 0.0)
            size = np.sqrt(np.sum(weight * ramp, axis=1))
            total = np.sum(weight * np.where(known, part, 0.0), axis=1)
            best = np.fmax(best, total / (line.spread * np.where(size > 0, size, np.nan)))
        # One odd day in the past is no leak: today must be away, too.
        best = np.where(today > 0, np.maximum(best, 0.0), 0.0)
        return np.where(np.isfinite(today), best, np.nan)

    def is_quiet(self, block: int) -> Bools:
        """Return which slices had no alarm in the last days."""
        quiet: Bools = block - self.told > SETTLE
        return quiet

    def settle(self, block: int, line: Line) -> Floats:
        """Return the step that a slice has taken since an alarm, where it lasted; 0.0 for most.

        SETTLE days after the alarm the median distance of those days, where it is significant, is
        the new level: everything before moves by it.
        """
        due = block - self.told == SETTLE
        if not due.any():
            return np.zeros(self.count)
        days = np.arange(block - SETTLE + 1, block + 1) % self.levels.shape[1]
        since = median(self.levels[:, days].astype(np.float64)) - self.before(block - SETTLE)
        step = median(line.distance[:, -SETTLE:])
        step = np.where(np.isfinite(step), step, since)
        lasts = due & (np.abs(step) > SIGNIFICANT * line.spread)
        by = np.where(lasts, np.nan_to_num(step), 0.0)
        self.shift(by, block - SETTLE + 1, block)
        return by

    def mark(self, block: int, is_told: Bools) -> None:
        """Remember what was told."""
        self.told = np.where(is_told & self.is_quiet(block), block, self.told)

    def before(self, block: int) -> Floats:
        """Return the median level of the seven days before a block."""
        days = np.arange(block - RECENT, block) % self.levels.shape[1]
        return median(self.levels[:, days].astype(np.float64))

    def shift(self, by: Floats, until: int, block: int) -> None:
        """Move the levels of the blocks before `until` by so much."""
        blocks = np.arange(block - LINE - RECENT + 1, min(until, block + 1))
        self.levels[:, blocks % self.levels.shape[1]] += by[:, None]


def _regression(y: Floats, x: Floats) -> tuple[Floats, Floats]:
    """Fit a line to the known values of each row; returns its value at 0 and its slope."""
    known = np.isfinite(y)
    count = np.maximum(np.sum(known, axis=1), 1)
    weight, y = known.astype(np.float64), np.where(known, y, 0.0)
    mean_x = np.einsum("ij,j->i", weight, x) / count
    mean_y = np.einsum("ij->i", y) / count
    square = np.einsum("ij,j->i", weight, x**2) - count * mean_x**2
    product = np.einsum("ij,j->i", y, x) - count * mean_x * mean_y
    slope = product / np.where(square > 0, square, 1.0)
    return mean_y - slope * mean_x, slope
