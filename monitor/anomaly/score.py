"""Scores in spreads: of a shift over the last buckets, and within the range of the last month."""

from __future__ import annotations

import numpy as np

from monitor.anomaly.arrays import Bools, Floats

WINDOW = 6
# A shift that is over is not told again. Its last bucket must itself be as far off as each bucket
# of such a shift, with some luck; where it is nearer to usual by more than OVER spreads, the shift
# has ended, and what is left counts by itself.
LUCK, OVER, LEFT = 0.5, 2.0, 1.5
# A bucket alone counts for so many times its own distance from what is usual at most, in spreads of
# a surprise: a jump after unusual hours may be the way back. A slice alone counts
# for its distance in spreads of such a distance, which are wider: a tail of few scores is drawn
# towards a likely one, and knows nothing of jumps. Among many slices that would cut more from the
# usual scores than from the largest ones, so that their tail would look heavier.
AWAY = 1.5


def windowed(surprise: Floats, spread: Floats, holiday: Bools, away: Floats, phi: Floats) -> Floats:
    """Score a shift 1..6 buckets ago; signed, (slices, buckets).

    The least-squares estimate of a step in an autoregression, divided by its own spread: a step
    shows fully in the first surprise and by (1 - phi) after it.

    surprise, spread: (slices, WINDOW - 1 + buckets), the buckets and those before them; holiday
    the same without slices. away: (slices, buckets), distance from what was expected.
    """
    buckets = away.shape[1]
    total, weight = np.zeros(away.shape), np.zeros(away.shape)
    for back in range(WINDOW):
        part = slice(WINDOW - 1 - back, WINDOW - 1 - back + buckets)
        share = np.ones((len(phi), 1)) if back == WINDOW - 1 else 1.0 - phi[:, None]
        known = np.isfinite(surprise[:, part]) & np.isfinite(spread[:, part])
        # The hours of a holiday are all off for one reason: they prove nothing together.
        known &= ~(holiday[part] | holiday[WINDOW - 1 :])
        precision = np.where(known, share / spread[:, part] ** 2, 0.0)
        total += precision * np.where(known, surprise[:, part], 0.0)
        weight += precision * share
    window = total / np.sqrt(np.where(weight > 0, weight, np.nan))
    last = spread[:, WINDOW - 1 :]
    step = np.abs(total) / np.where(weight > 0, weight, np.nan) / last
    own = np.maximum(away * np.sign(window), 0.0) / last
    most = np.where(step - own > OVER, LEFT * own, np.sqrt(WINDOW) * (own + LUCK))
    bounded: Floats = np.sign(window) * np.minimum(np.abs(window), most)
    return bounded


def guarded(z: Floats, far: Floats) -> Floats:
    """Let a score be at most the distance from the last 30 days, for series of weak season.

    A structureless series wanders; what is a surprise after the last hours may be quite usual for
    the month. A distance in the other direction leaves nothing of the score.
    """
    least = np.where(np.sign(z) == np.sign(far), np.minimum(np.abs(z), np.abs(far)), 0.0)
    return np.where(np.isfinite(z), np.sign(z) * least, np.nan)
