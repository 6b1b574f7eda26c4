"""Slow leaks: a level that falls a little every day, too slowly for the hourly tracker.

The tracker follows whatever lasts; 2 % a day is gone into its level before it is a surprise. So
the levels of whole days (season taken out) are compared with a robust line through eight earlier
weeks: slope from pairs of the same weekday three weeks and more apart (Theil 1950, Sen 1968),
level from the median, then one step of least squares on clipped distances, which makes the line
nearly as sharp as plain regression (Bickel 1975); the spread is a mean of clipped distances, with
half of the error of their median. A fall that grows from day to day is weighed with a ramp over the
last days.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from monitor.anomaly.arrays import Bools, Floats, Ints
from monitor.anomaly.profile import median
from monitor.anomaly.rowwise import Rowwise

# Days that a leak may have lasted, the line before them, and the distances of its pairs.
RECENT, LINE = 7, 56
PAIRS = (28, 35)
RAMPS = (3, 4, 5, 7)
LEAST_DAYS = 28  # of the line
MAD_TO_SPREAD = 1.4826
MEAN_TO_SPREAD = 1.2533  # sqrt(pi / 2): mean absolute deviation to standard deviation
LEAST_SPREAD = 0.01
CLIP, CLIP_OF_SPREAD = 1.5, 3.0
# The line is uncertain itself: a few days behind its end by about so many variances of a day
# through the number of its days (level and slope, drawn out by half a line), the same for all
# recent days.
COMMON = 4.5
# A step that was told is left alone for so many days, then taken for the new level.
SETTLE = 3
# Of an incident that lasted longer: what comes back by more than this share within RECENT days.
BACK = 0.5
# The scores of so many days before a lasting step belong to it: a leak shows below the threshold
# first. It is known SETTLE days after the alarm; until then scores teach nothing.
LEADS = 4
WAIT = LEADS + SETTLE
SIGNIFICANT = 2.0
LONG_AGO = -(10**6)
# Slices whose lines are drawn at once: arrays of all of a part would not fit a core's cache.
AT_ONCE = 512
# Ramps of days in a row are mostly the same days: about so many of their scores tell as much as
# one, and a slice alone must have had four weeks of them before it is known which are rare.
DEPENDENT, ENOUGH = 5.0, 28


@dataclass(frozen=True)
class Line:
    """What the last RECENT days should have been.

    distance: (slices, RECENT), NaN unknown. spread: (slices,), of a day. common: (slices,), of the
    line itself, in variances of a day.
    """

    distance: Floats
    spread: Floats
    common: Floats


class Leaks(Rowwise):
    """The day levels of all slices, by block number modulo the length of the memory."""

    def __init__(self, slices: int) -> None:
        """Know nothing of so many slices."""
        super().__init__(slices)
        self.levels = self.rows("levels", (LINE + RECENT,), np.nan, np.float32)
        self.told = self.rows("told", (), LONG_AGO, np.int64)
        self.toward = self.rows("toward", (), 0, np.int8)
        # The last day with an alarm downward, and upward: what goes wild does both.
        self.heard = self.rows("heard", (2,), LONG_AGO, np.int64)
        # The last step that was taken for the new level, where an alarm had told it; 0.0 without.
        self.step = self.rows("step", (), 0.0, np.float32)
        self.waiting = self.rows("waiting", (WAIT + 1,), np.nan, np.float32)

    def add(self, block: int, level: Floats) -> None:
        """Take in the level of a finished block."""
        self.levels[:, block % self.levels.shape[1]] = level

    def line(self, block: int) -> Line:
        """Say how far the last days are from the line through the weeks before them."""
        order = np.arange(block - LINE - RECENT + 1, block + 1) % self.levels.shape[1]
        parts = [self._line(order, slice(at, at + AT_ONCE)) for at in range(0, self.count, AT_ONCE)]
        joined = (np.concatenate(some) for some in zip(*parts, strict=True))
        return Line(*(one.astype(np.float64) for one in joined))

    def _line(self, order: Ints, rows: slice) -> tuple[Floats, Floats, Floats]:
        """Return distance, spread and common of some slices in the precision of levels."""
        levels = np.take(self.levels[rows], order, axis=1)
        past, recent = levels[:, :LINE], levels[:, LINE:]
        days = np.arange(-LINE, 0, dtype=np.float32)
        pairs = [(past[:, pair:] - past[:, :-pair]) / pair for pair in PAIRS]
        slope = np.nan_to_num(median(np.concatenate(pairs, axis=1)))
        flat = past - slope[:, None] * days
        at = median(flat)
        away = flat - at[:, None]
        spread = np.maximum(MAD_TO_SPREAD * median(np.abs(away)), LEAST_SPREAD)
        known = np.isfinite(away)
        away[~known] = 0.0
        reach = CLIP * spread[:, None]
        more_at, more_slope = _regression(np.clip(away, -reach, reach), known, days)
        at, slope = at + more_at, slope + more_slope
        away -= more_at[:, None] + more_slope[:, None] * days
        size = np.minimum(np.abs(away), CLIP_OF_SPREAD * spread[:, None])
        count = np.count_nonzero(known, axis=1)
        # Two of the days are used up by level and slope.
        usual = np.einsum("ij->i", np.where(known, size, 0.0)) / np.maximum(count - 2, 1)
        spread = np.maximum(MEAN_TO_SPREAD * usual, LEAST_SPREAD)
        distance = recent - at[:, None] - slope[:, None] * np.arange(RECENT, dtype=np.float32)
        distance[count < LEAST_DAYS] = np.nan
        return distance, spread, COMMON / np.maximum(count, LEAST_DAYS)

    def score(self, line: Line, sign: float) -> Floats:
        """Score ramps that end today, in their own spreads towards `sign`; NaN where unknown."""
        best = np.full(self.count, np.nan)
        known = np.isfinite(line.distance)
        away = np.where(known, sign * line.distance, 0.0)
        weight = known.astype(np.float64)
        for length in RAMPS:
            ramp = np.arange(1.0, length + 1)
            days, far = weight[:, -length:], away[:, -length:]
            sums = np.einsum("ij,j->i", days, ramp)
            # Least squares with the common error of the line (Sherman and Morrison 1950).
            shared = line.common / (1.0 + line.common * np.einsum("ij->i", days)) * sums
            size = np.sqrt(np.einsum("ij,j->i", days, ramp**2) - shared * sums)
            total = np.einsum("ij,j->i", far, ramp) - shared * np.einsum("ij->i", far)
            best = np.fmax(best, total / (line.spread * np.where(size > 0, size, np.nan)))
        # One odd day in the past is no leak: today must be away, too.
        best = np.where(away[:, -1] > 0, np.maximum(best, 0.0), 0.0)
        return np.where(known[:, -1], best, np.nan)

    def is_loud(self, block: int, line: Line, sign: float) -> Bools:
        """Return of which slices an alarm has told what shows towards `sign`.

        That is an alarm towards it in the last days, or the way back from one the other way.
        """
        loud = block - self.heard[:, int(sign > 0)] <= SETTLE
        usual = np.abs(self.step) + SIGNIFICANT * line.spread
        back = (sign * self.step < 0.0) & (sign * line.distance[:, -1] <= usual)
        told: Bools = loud | (self._may_return(block) & back)
        return told

    def _may_return(self, block: int) -> Bools:
        """Return which slices settled at another level so lately that it may be an incident."""
        age = block - self.told
        lately: Bools = (self.step != 0.0) & (age > SETTLE) & (age <= SETTLE + RECENT)
        return lately

    def settle(self, block: int, line: Line) -> Floats:
        """Return the step that a slice has taken since an alarm, where it lasted; 0.0 for most.

        SETTLE days after the alarm the median distance of those days, where it is significant, is
        the new level: everything before moves by it. Where days come back after that, it was an
        incident, and everything moves back with them.
        """
        by = np.zeros(self.count)
        is_first = block - self.told == SETTLE
        due = np.flatnonzero(is_first | self._may_return(block))
        if not len(due):
            return by
        first, last = is_first[due], self.step[due].astype(np.float64)
        days = np.arange(block - SETTLE + 1, block + 1) % self.levels.shape[1]
        since = median(self.levels[np.ix_(due, days)].astype(np.float64))
        since -= self.before(block - SETTLE, due)
        step = median(line.distance[due, -SETTLE:])
        step = np.where(np.isfinite(step), step, since)
        lasts = np.abs(step) > SIGNIFICANT * line.spread[due]
        lasts &= first | (-step * np.sign(last) > BACK * np.abs(last))
        step = np.where(lasts, step, 0.0)
        by[due] = step
        told = np.where(step * self.toward[due] > 0.0, step, 0.0)
        left = np.where((last + step) * last > 0.0, last + step, 0.0)
        self.step[due] = np.where(first, told, left)
        self.shift(by, block - SETTLE + 1, block)
        # The day in which it came has a part of both levels.
        self.levels[due[lasts], (block - SETTLE) % self.levels.shape[1]] = np.nan
        return by

    def hear(self, block: int, alarmed: Bools, toward: Ints) -> None:
        """Note which slices alarm today, and towards what (-1, 1)."""
        for side, sign in enumerate((-1, 1)):
            self.heard[alarmed & (toward == sign), side] = block

    def forget(self) -> None:
        """Take it that nothing was told: a launch that was announced is over."""
        self.told[:] = self.heard[:] = LONG_AGO

    def mark(self, block: int, moved: Bools, toward: Ints) -> None:
        """Remember which slices have moved, and towards what alarms were told (-1, 1; 0 none)."""
        is_quiet = block - self.told > SETTLE
        is_other = (toward != 0) & (toward != self.toward)
        fresh = moved & (is_quiet | is_other)
        self.told = np.where(fresh, block, self.told)
        self.toward = np.where(fresh, toward, self.toward).astype(np.int8)

    def taught(self, block: int, scores: Floats, lasts: Bools) -> Floats:
        """Return the scores that teach the tail now: those of WAIT blocks ago, (slices,).

        lasts: slices that have just settled at another level. The days that led up to it are a part
        of that incident: left in, a few real leaks would make all others look usual. Those before
        an alarm that came to nothing are chance, and stay.
        """
        before = np.arange(block - WAIT, block - SETTLE) % (WAIT + 1)
        self.waiting[np.ix_(np.flatnonzero(lasts), before)] = np.nan
        self.waiting[:, block % (WAIT + 1)] = scores
        ripe: Floats = self.waiting[:, (block + 1) % (WAIT + 1)].astype(np.float64)
        return ripe

    def before(self, block: int, rows: Ints) -> Floats:
        """Return the median level of the seven days before a block, of these slices."""
        days = np.arange(block - RECENT, block) % self.levels.shape[1]
        return median(self.levels[np.ix_(rows, days)].astype(np.float64))

    def shift(self, by: Floats, until: int, block: int) -> None:
        """Move the levels of the blocks before `until` by so much."""
        blocks = np.arange(block - LINE - RECENT + 1, min(until, block + 1))
        rows = np.flatnonzero(by)
        self.levels[np.ix_(rows, blocks % self.levels.shape[1])] += by[rows, None]


def _regression(y: Floats, known: Bools, x: npt.NDArray[np.float32]) -> tuple[Floats, Floats]:
    """Fit a line to the known values of each row, 0 elsewhere: its value at 0 and its slope."""
    weight = known.astype(y.dtype)
    count = np.maximum(np.einsum("ij->i", weight), 1.0)
    mean_x = np.einsum("ij,j->i", weight, x) / count
    mean_y = np.einsum("ij->i", y) / count
    square = np.einsum("ij,j->i", weight, x**2) - count * mean_x**2
    product = np.einsum("ij,j->i", y, x) - count * mean_x * mean_y
    slope = product / np.where(square > 0, square, 1.0)
    return mean_y - slope * mean_x, slope
