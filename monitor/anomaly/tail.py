"""How rare is a score: false alarms per month from the past scores of all slices together.

Never from a Gaussian: the noise of business metrics has heavier tails, so a p-value from it
promises far too few alarms. The unit is the highest score of one slice in 6 hours, because an
alarm that goes on is one alarm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from monitor.anomaly.arrays import Floats

# Fewer runs than this say nothing about rarity (a single hourly slice has 4 a day).
ENOUGH = 20
# The part of the sample taken as its tail, at least and at most so many runs.
TAIL_SHARE, TAIL_LEAST, TAIL_MOST = 0.10, 15, 400
# Shape of the tail before the data speaks (0 exponential, 0.33 like Student t with 3 degrees),
# and how many tail runs the data needs to weigh as much.
PRIOR_SHAPE, PRIOR_WEIGHT = 0.1, 150.0
# Below the tail a few thousand scores are plenty.
BODY = 2000
# Where most scores of the tail are the same (a constant series: 0) there is nothing to fit.
LEAST_EXCESS, LEAST_SCALE = 1e-9, 0.05
# A shape of exactly 0 would need the limit of every formula; this is as good.
NEARLY_EXPONENTIAL = 1e-3
SHAPES = (-0.1, 0.4)
# No score below this many spreads is called an anomaly, whatever the budget.
LEAST_THRESHOLD = 2.0


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
        return max(level, LEAST_THRESHOLD)


def fit(runs: Sample, per_month: float) -> Tail | None:
    """Fit the tail to the highest scores of past runs (finite); None when there are too few.

    The shape comes from quantiles of the excess, which a few incidents cannot move: with
    Q(p) the quantile, (Q(.875) - 0) / Q(.5) = 4^shape + 2^shape + 1 for a generalised Pareto
    distribution (the idea of Pickands 1975, doi:10.1214/aos/1176343003).
    """
    total = len(runs.top) + float(np.sum(runs.weight))
    if total < ENOUGH or per_month <= 0 or len(runs.top) < ENOUGH:
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
        return Tail(body, rank, start, share, scale, PRIOR_SHAPE, per_month)
    found = np.log2((np.sqrt(4.0 * max(high / middle, 1.0) - 3.0) - 1.0) / 2.0 + 1e-9)
    weight = tail / (tail + PRIOR_WEIGHT)
    shape = float(np.clip(weight * found + (1.0 - weight) * PRIOR_SHAPE, *SHAPES))
    shape = shape if abs(shape) > NEARLY_EXPONENTIAL else NEARLY_EXPONENTIAL
    scale = float(middle * shape / (2.0**shape - 1.0))
    return Tail(body, rank, start, share, scale, shape, per_month)


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
