"""How much any detector could find: the power of a test that knows the rate of each series.

    python -m bench.anomaly.limit --volume 50 --share 0.4

Season, trend and the strength of the noise are given to it, not learned. What is left by chance are
the noise with memory, the effect of the day and the Poisson draw. It looks at every hour for a drop
of this very size over the last 1 to 6 hours, by the ratio of two likelihoods (Neyman and Pearson
1933), of a Poisson rate that varies like a gamma; its threshold is what the clean copy reaches as
often as the budget allows, 6 hours being one alarm. So it knows more than a detector can.
"""

from __future__ import annotations

import argparse

import numpy as np

from bench.anomaly.generator import DAY, DAY_SD, NOISE_SD, WARM_UP_DAYS, noise, season, trend
from monitor.anomaly.arrays import Floats
from monitor.anomaly.score import WINDOW

DAYS = 120
RUNS_A_MONTH = 30 * DAY // WINDOW
# Variance of the noise of a window, next to that of one hour: its hours are much alike.
SHARED = 0.75


def evidence(values: Floats, rate: Floats, share: float) -> Floats:
    """Return the best log likelihood ratio of a drop over the last 1..WINDOW hours."""
    best = np.full(values.shape, -np.inf)
    seen, usual = (np.cumsum(np.pad(one, ((0, 0), (1, 0))), axis=1) for one in (values, rate))
    for width in range(1, WINDOW + 1):
        part, mean = (one[:, width:] - one[:, :-width] for one in (seen, usual))
        size = 1.0 / (DAY_SD**2 + NOISE_SD**2 * (1.0 if width == 1 else SHARED))
        ratio = _likelihood(part, mean * (1 - share), size) - _likelihood(part, mean, size)
        best[:, width - 1 :] = np.maximum(best[:, width - 1 :], ratio)
    return best


def _likelihood(values: Floats, mean: Floats, size: float) -> Floats:
    """Return the logarithm of the negative binomial law, without what does not hold the mean."""
    likely: Floats = values * np.log(mean / (mean + size)) - size * np.log(mean + size)
    return likely


def power(volume: float, share: float, budget: float, rounds: int, seed: int) -> float:
    """Return the share of drops that are found, of 400 series in so many rounds."""
    rng, count, hours = np.random.default_rng(seed), 400, DAYS * DAY
    known = np.log(volume) + season(rng, count, hours) + trend(rng, count, hours)
    chance = noise(rng, count, hours, None)
    chance += np.repeat(rng.normal(0, DAY_SD, (count, DAYS)), DAY, axis=1)
    values = rng.poisson(np.exp(known + chance)).astype(np.float64)
    rate, rows = np.exp(known), np.arange(count)[:, None]
    clean = evidence(values, rate, share)[:, WARM_UP_DAYS * DAY :]
    runs = clean.reshape(count, -1, WINDOW).max(axis=2)
    threshold = np.quantile(runs, 1.0 - budget / RUNS_A_MONTH)
    found = []
    for _ in range(rounds):
        at = rng.integers(WARM_UP_DAYS * DAY, hours - WINDOW, count)[:, None] + np.arange(WINDOW)
        changed = values.copy()
        changed[rows, at] = np.round(changed[rows, at] * (1 - share))
        found.append((evidence(changed, rate, share)[rows, at] > threshold).any(axis=1))
    return float(np.mean(found))


def main() -> None:
    """Print one line for each budget."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--volume", type=float, default=50.0)
    parser.add_argument("--share", type=float, default=0.4)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--seed", type=int, default=99)
    asked = parser.parse_args()
    for budget in (0.5, 1.0):
        found = power(asked.volume, asked.share, budget, asked.rounds, asked.seed)
        print(
            f"{asked.volume:g} an hour, drop of {asked.share:.0%} for {WINDOW} h, {budget:g} false "
            f"alarms per series and 30 days: at most {found:.4f} can be found"
        )


if __name__ == "__main__":
    main()
