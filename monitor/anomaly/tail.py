"""How rare is a score: false alarms per month from the past scores of all slices together.

Never from a Gaussian: the noise of business metrics has heavier tails, so a p-value from it
promises far too few alarms. The unit is the highest score of one slice in 6 hours, because an
alarm that goes on is one alarm.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from monitor.anomaly.arrays import Floats

# Fewer runs than this say nothing about rarity (a single hourly slice has 4 a day).
ENOUGH = 20
# The part of the sample taken as its tail, at least and at most so many runs.
TAIL_SHARE, TAIL_LEAST, TAIL_MOST = 0.10, 15, 400
# Before the data speaks a tail falls off where it starts as the normal law does there; its shape (0
# exponential, 0.33 like Student t with 3 degrees) is so much above a part of the normal law's. Of
# few runs the tail starts low and is mostly body: its own scale would be carried on too far.
OF_NORMAL, ABOVE_NORMAL = 0.5, 0.25
# How many independent tail runs the data needs to weigh as much: in shape, and in scale where it
# is larger or smaller than likely.
SHAPE_WEIGHT, HEAVY_WEIGHT, LIGHT_WEIGHT = 150.0, 10.0, 5.0
# Below the tail a few thousand scores are plenty.
BODY = 2000
# Where most scores of the tail are the same (a constant series: 0) there is nothing to fit.
LEAST_EXCESS, LEAST_SCALE = 1e-9, 0.05
# A shape of exactly 0 would need the limit of every formula; this is as good.
NEARLY_EXPONENTIAL = 1e-3
SHAPES = (-0.2, 0.4)
# No score below the first is called an anomaly. Where the budget allows more than the normal law
# would pass there, none below a part of what that law passes as often: spreads are drawn towards
# the safe side, and scores are mostly less than its own. A daily series alone may have a false
# alarm of buckets in sixty days, which is 1.9 of its spreads.
LEAST_THRESHOLD, OF_LIKELY = 2.0, 0.6
MILLS_ASYMPTOTIC = 25.0  # beyond it the ratio is 1 / z within 0.2 %, and exp(z * z) overflows soon


@dataclass(frozen=True)
class Sample:
    """Runs of scores: all of the highest ones, and a thinned body below with weights."""

    top: Floats
    body: Floats
    weight: Floats


@dataclass(frozen=True)
class Tail:
    """Runs of scores: an ordered sample below `start`, a generalised Pareto tail above.

    per_month: runs that the whole check has in 30 days. share: part of the sample above
    `start`. scale, shape (never 0): of the excess over `start`. body, rank: about BODY scores up
    to `start`, ascending, and the share of the body below each.
    """

    body: Floats
    rank: Floats
    start: float
    share: float
    scale: float
    shape: float
    per_month: float

    def rate(self, scores: Floats) -> Floats:
        """Return how many runs of the whole check reach each score in 30 days."""
        place = np.searchsorted(self.body, scores, side="left")
        rank = np.append(self.rank, 1.0)[place]
        body = self.share + (1.0 - self.share) * (1.0 - rank)
        excess = np.maximum(scores - self.start, 0.0) / self.scale
        grown = np.maximum(1.0 + self.shape * excess, 1e-12)
        beyond = self.share * np.minimum(grown ** (-1.0 / self.shape), 1.0)
        rate: Floats = self.per_month * np.where(scores > self.start, beyond, body)
        return np.where(np.isfinite(scores), rate, np.nan)

    def threshold(self, per_month: float) -> float:
        """Return the score that is reached `per_month` times in 30 days by chance."""
        share = per_month / self.per_month
        if share >= self.share:
            rank = (1.0 - min(share, 1.0)) / (1.0 - self.share)
            level = float(np.interp(min(rank, 1.0), self.rank, self.body))
        else:
            ratio = (self.share / share) ** self.shape
            level = self.start + self.scale * (ratio - 1.0) / self.shape
        return max(level, least(share))


def least(share: float) -> float:
    """Return the least score that may be taken for rarer than this share of runs."""
    likely = NormalDist().inv_cdf(1.0 - min(max(share, 1e-12), 0.5))
    return min(LEAST_THRESHOLD, max(OF_LIKELY * likely, 1.0))


def fit(
    runs: Sample, per_month: float, enough: int = ENOUGH, dependent: float = 1.0
) -> Tail | None:
    """Fit the tail to the highest scores of past runs (finite); None when there are too few.

    Scale and shape come from quantiles of the excess, which a few incidents cannot move: with
    Q(p) the quantile, (Q(.875) - 0) / Q(.5) = 4^shape + 2^shape + 1 for a generalised Pareto
    distribution (the idea of Pickands 1975, doi:10.1214/aos/1176343003).

    enough: how many runs there must be. dependent: so many runs of one slice tell as much as one.
    """
    total = len(runs.top) + float(np.sum(runs.weight))
    if total < enough or per_month <= 0 or len(runs.top) < enough:
        return None
    tail = int(np.clip(TAIL_SHARE * total, TAIL_LEAST, min(TAIL_MOST, len(runs.top) - 1)))
    parted = np.partition(runs.top, len(runs.top) - tail - 1)
    start = float(parted[len(runs.top) - tail - 1])
    excess = parted[len(runs.top) - tail :] - start
    body, rank = _body(runs, start)
    share = tail / total
    middle, high = np.quantile(excess, [0.5, 0.875])
    if middle <= LEAST_EXCESS:
        scale = max(float(np.mean(excess)), LEAST_SCALE)
        return Tail(body, rank, start, share, scale, ABOVE_NORMAL, per_month)
    found = np.log2((np.sqrt(4.0 * max(high / middle, 1.0) - 3.0) - 1.0) / 2.0 + 1e-9)
    likely_scale, likely_shape = of_normal(start)
    known = tail / dependent
    weight = known / (known + SHAPE_WEIGHT)
    shape = float(np.clip(weight * found + (1.0 - weight) * likely_shape, *SHAPES))
    shape = shape if abs(shape) > NEARLY_EXPONENTIAL else NEARLY_EXPONENTIAL
    by_middle, by_high = middle / (2.0**shape - 1.0), high / (8.0**shape - 1.0)
    scale = drawn(0.5 * shape * float(by_middle + by_high), likely_scale, known)
    return Tail(body, rank, start, share, scale, shape, per_month)


def drawn(own: float, likely: float, known: float) -> float:
    """Return a scale between that of `known` independent runs and the likely one.

    Incidents among the runs make their scale too large; only chance makes it too small, and of
    that there is soon little: with the squares of the runs, not with the runs.
    """
    if own > likely:
        weight = known / (known + HEAVY_WEIGHT)
    else:
        weight = known**2 / (known**2 + LIGHT_WEIGHT**2)
    return float(own**weight * likely ** (1.0 - weight))


def of_normal(start: float) -> tuple[float, float]:
    """Return the scale and shape that a tail from `start` spreads on is likely to have.

    The scale of the normal law there is Mills' ratio (1926, doi:10.1093/biomet/18.3-4.395), one by
    its hazard, and its shape the slope of that.
    """
    mills = 1.0 / max(start, 1.0)
    if start < MILLS_ASYMPTOTIC:
        tail = 0.5 * math.erfc(start / math.sqrt(2.0))
        mills = tail * math.sqrt(2.0 * math.pi) * math.exp(0.5 * start * start)
    return mills, OF_NORMAL * (start * mills - 1.0) + ABOVE_NORMAL


def _body(runs: Sample, start: float) -> tuple[Floats, Floats]:
    """Return about BODY scores up to `start`, ascending, and the share of weight below each."""
    low = runs.top <= start
    body = np.concatenate([runs.body, runs.top[low]])
    weight = np.concatenate([runs.weight, np.ones(int(np.sum(low)))])
    order = np.argsort(body, kind="stable")
    body, weight = body[order], weight[order]
    rank = (np.cumsum(weight) - weight) / np.sum(weight)
    every = max(1, len(body) // BODY)
    return body[::every], rank[::every]
