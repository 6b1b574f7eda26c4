"""Other detectors on the same series: drops and leaks at one false alarm per series and 30 days.

    python -m bench.anomaly.peers daily elementary elementary-excluded
    python -m bench.anomaly.peers hourly prophet statsforecast --each 1

A peer gives a score; its threshold is the one at which its clean copy has one alarm per series and
30 days (holidays and launches left out), so that the scores are compared and not the defaults. What
the defaults do is printed beside. `elementary` is the rule of its documentation, a z-score over 14
days with the tested day among them, at 3; `elementary-excluded` leaves the tested day out. prophet
and statsforecast need their packages: without them the bench says so and skips.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import timedelta
from typing import TypeAlias

import numpy as np

from bench.anomaly import generator, power
from bench.anomaly.generator import Recipe, World
from monitor.anomaly.arrays import Bools, Floats
from monitor.anomaly.model import Settings
from monitor.api.errors import MissingExtraError
from monitor.cli import peers

Score: TypeAlias = Callable[[World, Floats], tuple[Floats, float]]
"""Scores (slices, buckets) in the bad direction, and the threshold of the defaults."""

WINDOW = 14


def elementary(values: Floats, *, excluded: bool) -> Floats:
    """Score a fall of each day by a z-score over two weeks."""
    score = np.full(values.shape, np.nan)
    for i in range(WINDOW, values.shape[1]):
        past = values[:, i - WINDOW + (0 if excluded else 1) : i + (0 if excluded else 1)]
        mean, spread = np.nanmean(past, axis=1), np.nanstd(past, axis=1, ddof=1)
        score[:, i] = (mean - values[:, i]) / np.maximum(spread, 1e-9)
    return score


def scorer(name: str) -> Score:
    """Return how a peer scores a world."""
    if name.startswith("elementary"):
        return lambda _, values: (elementary(values, excluded="excluded" in name), 3.0)

    def score(world: World, values: Floats) -> tuple[Floats, float]:
        settings = Settings(timedelta(days=1) / world.per_day, "UTC", "down", 1.0, 0.0)
        return peers.judge(name, world.series(values), settings).score, 1.0

    return score


def calibrated(world: World, score: Floats) -> float:
    """Return the threshold of one false alarm per series and 30 days."""
    low, high = 0.0, 1e3
    for _ in range(30):
        middle = 0.5 * (low + high)
        rate = float(np.mean(power.false_alarms(world, power.counted(world, score > middle))))
        low, high = (middle, high) if rate > 1.0 else (low, middle)
    return high


def measure(name: str, world: World, seed: int) -> None:
    """Print one line for a peer."""
    score = scorer(name)
    clean, default = score(world, world.values)
    threshold = calibrated(world, clean)
    rate = float(np.mean(power.false_alarms(world, power.counted(world, clean > default))))
    cells = [f"{name:22} default {rate:5.2f} false alarms per series and 30 days;"]
    for what, limit in (("at 1.00", threshold), ("default", default)):

        def detect(of: World, values: Floats, _: float, limit: float = limit) -> Bools:
            found: Bools = score(of, values)[0] > limit
            return found

        counted = power.counted(world, clean > limit)
        hits = [np.mean(power.drops(detect, world, counted, seed, d)) for d in (0.1, 0.2, 0.4)]
        leak = np.mean(power.leaks(detect, world, seed)) if what == "at 1.00" else np.nan
        cells.append(f"{what}: " + " ".join(f"{hit:.2f}" for hit in hits) + f" leak {leak:.2f};")
    print(" ".join(cells), flush=True)


def main() -> None:
    """Print one line per peer: power for drops of 10, 20 and 40 %, and for leaks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("grain", choices=["hourly", "daily"])
    parser.add_argument("peers", nargs="+")
    parser.add_argument("--each", type=int, default=25, help="series of each volume")
    parser.add_argument("--seed", type=int, default=2001)
    asked = parser.parse_args()
    if asked.grain == "hourly":
        world = generator.hourly(asked.seed, Recipe(each=asked.each))
    else:
        world = generator.daily(asked.seed, Recipe(each=asked.each, days=182))
    print(asked.grain, "seed", asked.seed, "series", len(world.values))
    for name in asked.peers:
        try:
            measure(name, world, asked.seed)
        except MissingExtraError as error:
            print(f"{name}: skipped, {error}")


if __name__ == "__main__":
    main()
