"""The shape that the slices of one metric have in common, for those too small to show their own.

At 50 an hour one hour of the week varies by 14 %, and a mean of eight weeks still by 5 %; all
slices together know the hour within 1 %, if they live the same week. So the shape of a small slice
is drawn towards the common one, as far as counting is what blurs its own and as far as the common
one has foretold it (empirical Bayes; Efron and Morris 1973, doi:10.1080/01621459.1973.10481350).
Large slices, and those that live another week, keep their own; the second count little in the
common one, so that it is the week of most.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from monitor.anomaly.arrays import Bools, Floats
from monitor.anomaly.calendar import Calendar
from monitor.anomaly.profile import seasonal

LEAST_SLICES = 3
# Variance between the shapes of slices of one metric that is taken for granted (2 %).
UNLIKE = 0.02**2
# A common shape that would count less than this is left out: the slice stays as it is.
LEAST_SHARE = 0.2
# A slice of 100 and more in a bucket counts as much as one of 100, so that none is the whole.
MOST_WEIGHT = 100.0
FARTHEST_RATIO = 5.0
SPREAD = 0.05  # of the common shape from week to week
# Weights are added up as whole numbers of this size: then no order of slices changes the last bit.
FINE = 2.0**20
# Levels, as logarithms, for which the shape is worked out; between them it is nearly straight.
LEVELS = np.arange(-4.0, 14.0, 0.25)
DAYS = 7


@dataclass(frozen=True)
class Common:
    """The common shape in one block.

    logs: (LEVELS, buckets), the mean logarithm of 1 + a count. means: (LEVELS,), the same over the
    last seven days. plain: (buckets,), the shape of what is no count.
    """

    logs: Floats
    means: Floats
    plain: Floats

    def shape(self, level: Floats, counts: Bools, at: int, count: int) -> Floats:
        """Return the shape that slices of these levels would have, (slices, count).

        Small counts look flatter in logarithms of 1 + n than large ones.
        """
        places = np.arange(len(LEVELS), dtype=np.float64)
        place = np.interp(np.nan_to_num(level), self.means, places)
        low = np.minimum(place.astype(np.int64), len(LEVELS) - 2)
        part = (place - low)[:, None]
        logs = self.logs[:, at : at + count]
        flat = (1.0 - part) * logs[low] + part * logs[low + 1] - level[:, None]
        shape: Floats = np.where(counts[:, None], flat, self.plain[at : at + count])
        return shape


@dataclass
class Shared:
    """What is remembered of all slices together: one shape for eight weeks, by bucket number."""

    calendar: Calendar
    ring: Floats = field(init=False)
    days: list[tuple[Floats, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Know nothing."""
        length = 8 * self.calendar.week + self.calendar.day
        self.ring = np.full((1, length), np.nan, dtype=np.float64)

    def open(self, lo: int) -> Common | None:
        """Return the common shape of the block that begins at `lo`; None while it is unknown."""
        day = self.calendar.day
        lags = self.calendar.span(lo, lo + day).weekly
        if lags is None:
            return None
        shape = seasonal(self.ring, lags, lo, np.full((1, day), SPREAD))[0]
        if not np.isfinite(shape).all():
            self.days.clear()
            return None
        rate = np.exp(LEVELS[:, None] + shape)
        # The mean of a logarithm is less than the logarithm of the mean (second order).
        logs = np.log1p(rate) - 0.5 * rate / (1.0 + rate) ** 2
        known = self.days[-DAYS:]
        self.days = [*known, (np.mean(logs, axis=1), float(np.mean(shape)))]
        if len(known) < DAYS:
            return None
        means = np.mean([one for one, _ in known], axis=0)
        return Common(logs, means, shape - float(np.mean([one for _, one in known])))

    def add(self, lo: int, parts: list[Floats]) -> None:
        """Take in a finished block: what `weighed` returned for each part of the slices."""
        total, weight = np.sum(parts, axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            shape = np.where(weight > 0, np.log(total / weight), np.nan)
        places = np.arange(lo, lo + len(shape)) % self.ring.shape[1]
        self.ring[0, places] = np.where(np.isfinite(shape), shape, np.nan)


def weighed(ratio: Floats, known: Bools, noise: Floats, unlike: Floats) -> Floats:
    """Add up ratios of values to the level of their slice, (2, buckets): weighted, and weights.

    noise, unlike: (slices,), the variance that counting makes, and that of their shapes.
    """
    trust = UNLIKE / (UNLIKE + unlike) / np.maximum(noise, 1.0 / MOST_WEIGHT)
    weight = np.round(FINE * trust)[:, None] * known
    part = np.where(known, np.clip(ratio, 0.0, FARTHEST_RATIO), 0.0)
    total = np.sum(np.round(weight * part).astype(np.int64), axis=0)
    added: Floats = np.array([total, np.sum(weight.astype(np.int64), axis=0)], dtype=np.float64)
    return added


def unlikeness(blur: Floats, own: Floats, common: Floats) -> Floats:
    """Return the variance between own shapes and the common one; NaN unknown.

    blur: the variance that counting leaves in the own shape. own, common: mean squared error of
    the two so far. Own errors have the blur in them, those of the common one what is unlike.
    """
    unlike: Floats = np.maximum(common - own + blur, 0.0)
    return unlike


def share(blur: Floats, unlike: Floats) -> Floats:
    """Return how much the common shape counts in that of a slice, 0 to below 1."""
    found = np.nan_to_num(blur / (blur + unlike + UNLIKE))
    kept: Floats = np.maximum(found - LEAST_SHARE, 0.0) / (1.0 - LEAST_SHARE)
    return kept
