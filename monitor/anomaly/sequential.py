"""Tests of experiments that stay valid however often one looks.

A fixed test, looked at every hour for two weeks, is wrong in almost half of all sound experiments.
These are martingales under the null hypothesis: the chance that one ever passes 1 / alpha is at
most alpha (Ville 1939), whenever and however often it is looked at.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

# How sure the prior is that the split is as planned: as sure as after so many units. Small counts
# find gross errors early, and the mixture still finds a split of 50.5 to 49.5.
PRIOR_UNITS = 1000.0
LARGEST_LOG = 700.0
FAR = 25.0
"""From here on the complement of the error function is so small that its series is exact."""
STEPS = 200


def split_evidence(counts: Sequence[float], shares: Sequence[float]) -> float:
    """Return the logarithm of the evidence against the planned split; above 0 speaks against it.

    A Dirichlet mixture of multinomials against the plan (Lindon and Malek 2020, arXiv:2011.03567;
    a Beta-binomial for two variants). counts: units so far. shares: planned, sum 1, none 0.
    """
    total = sum(counts)
    prior = [PRIOR_UNITS * share for share in shares]
    value = math.lgamma(PRIOR_UNITS) - math.lgamma(PRIOR_UNITS + total)
    for count, share, weight in zip(counts, shares, prior, strict=True):
        value += math.lgamma(weight + count) - math.lgamma(weight) - count * math.log(share)
    return value


def always_valid_p(log_evidence: float) -> float:
    """Return the p-value that holds at any look: of the highest evidence seen so far."""
    return math.exp(-min(max(log_evidence, 0.0), LARGEST_LOG))


@dataclass(frozen=True)
class Arm:
    """Sums over the units of one variant, since the experiment began.

    top, bottom: of numerator and denominator of the metric; top_sq, bottom_sq, product: of their
    squares and their product. A mean over units has a bottom of 1 for each unit.
    """

    units: float
    top: float
    top_sq: float
    bottom: float
    bottom_sq: float
    product: float

    @classmethod
    def of_share(cls, units: float, hits: float) -> Arm:
        """Describe a yes-or-no metric: so many of the units said yes."""
        return cls(units, hits, hits, units, units, hits)

    @classmethod
    def of_mean(cls, units: float, total: float, total_sq: float) -> Arm:
        """Describe a number of each unit by its sum and its sum of squares."""
        return cls(units, total, total_sq, units, units, total)

    @property
    def ratio(self) -> float:
        """The metric: numerator by denominator; NaN without a denominator."""
        return self.top / self.bottom if self.bottom else math.nan

    @property
    def variance(self) -> float:
        """Variance of the ratio by the delta method; NaN when too little is known."""
        n = self.units
        if n < 2 or not self.bottom:  # noqa: PLR2004  # a variance needs two
            return math.nan
        ratio = self.ratio
        # Mean square of top - ratio * bottom: its mean is 0 by the definition of the ratio.
        square = self.top_sq - 2.0 * ratio * self.product + ratio**2 * self.bottom_sq
        return max(square, 0.0) / self.bottom**2


@dataclass(frozen=True)
class Difference:
    """A variant against control: difference of the metric, with a band that holds at any look.

    Each end of the band is wrong with a chance of at most alpha, ever. up, down: logarithms of the
    evidence that the metric is higher, or lower, than in control.
    """

    control: float
    variant: float
    effect: float
    variance: float
    low: float
    high: float
    up: float
    down: float
    alpha: float


def compare(control: Arm, variant: Arm, scale: float, alpha: float) -> Difference | None:
    """Compare two arms by mixtures over normal effects; None when too little is known.

    scale: the size of effects that are worth finding, in units of the metric (mSPRT: Johari,
    Koomen, Pekelis and Walsh 2017, doi:10.1145/3097983.3097992). Harm has one direction, so each
    is tested with the half of the mixture that lies there.
    """
    variance = control.variance + variant.variance
    effect = variant.ratio - control.ratio
    if not (math.isfinite(variance) and variance > 0 and scale > 0):
        return None
    mixed = variance + scale**2
    both = effect**2 * scale**2 / (2.0 * variance * mixed) - 0.5 * math.log(mixed / variance)
    z = effect * scale / math.sqrt(variance * mixed)
    up, down = (both + _log_erfc(-sign * z / math.sqrt(2.0)) for sign in (1, -1))
    width = half_width(variance, scale, 2.0 * alpha)
    low, high = effect - width, effect + width
    return Difference(control.ratio, variant.ratio, effect, variance, low, high, up, down, alpha)


def _log_erfc(x: float) -> float:
    """Return the logarithm of erfc; far out by the first terms of its asymptotic series.

    Abramowitz and Stegun 1964, 7.1.23: erfc(x) ~ exp(-x²) / (x √π) (1 - 1 / (2 x²)).
    """
    if x < FAR:
        return math.log(math.erfc(x))
    return -(x**2) - math.log(x * math.sqrt(math.pi)) + math.log1p(-0.5 / x**2)


def half_width(variance: float, scale: float, alpha: float) -> float:
    """Return how far a band that is wrong with a chance of alpha reaches to each side."""
    mixed = variance + scale**2
    room = math.log(mixed / variance) - 2.0 * math.log(alpha)
    return math.sqrt(variance * mixed / scale**2 * room)


def growth_until(width: float, variance: float, scale: float, alpha: float) -> float:
    """Return how many times as many units make the band as narrow as `width` to each side.

    At least 1: as many as there are. The variance falls as units come in.
    """
    if half_width(variance, scale, 2.0 * alpha) <= width:
        return 1.0
    low, high = variance * 1e-12, variance
    for _ in range(STEPS):
        middle = math.sqrt(low * high)
        if half_width(middle, scale, 2.0 * alpha) > width:
            high = middle
        else:
            low = middle
    return variance / low


class Verdict(StrEnum):
    """What may be said of a metric of a variant."""

    HARM = "worse than control"
    BETTER = "better than control"
    SAME = "no difference that matters"
    OPEN = "undecided"


def verdict(found: Difference, width: float, *, is_up_bad: bool) -> Verdict:
    """Decide; `width` is the difference that matters, in units of the metric."""
    enough = -math.log(found.alpha)
    if max(found.up, found.down) >= enough:
        return Verdict.HARM if (found.up > found.down) == is_up_bad else Verdict.BETTER
    if -width <= found.low and found.high <= width:
        return Verdict.SAME
    return Verdict.OPEN
