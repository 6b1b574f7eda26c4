"""Other detectors on the same series: drops and leaks at one false alarm per series and 30 days.

    python -m bench.anomaly.peers daily elementary elementary-excluded
    python -m bench.anomaly.peers hourly prophet statsforecast --each 5

A peer gives a score; its threshold is the one at which its clean copy has one alarm per series and
30 days (holidays and launches left out), so that the scores are compared and not the defaults. What
the defaults do is printed beside. `elementary` is the rule of its documentation, a z-score over 14
days with the tested day among them, at 3; `elementary-excluded` leaves the tested day out. prophet
and statsforecast need their packages: without them the bench says so and skips. They forecast a day
from the 42 before it alone, so that of a changed copy only the days that count are forecast anew.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import timedelta
from typing import TypeAlias

import numpy as np

from bench.anomaly import generator, power
from bench.anomaly.generator import START, Recipe, World
from monitor.anomaly.arrays import Bools, Floats, Ints
from monitor.anomaly.model import Series, Settings
from monitor.api.errors import MissingExtraError
from monitor.cli import peers

Score: TypeAlias = Callable[[World, Floats], tuple[Floats, float]]
"""Scores (slices, buckets) in the bad direction, and the threshold of the defaults."""

WINDOW = 14
LARGE = 5000


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
        if values is world.values:
            return peers.judge(name, world.series(), settings).score, 1.0
        rows, days = injected(world, values)
        day, history = world.per_day, peers.HISTORY_DAYS
        pieces = [
            Series(
                (), START + timedelta(days=at - history), row[(at - history) * day : (at + 1) * day]
            )
            for row, at in zip(values[rows], days.tolist(), strict=True)
        ]
        found = peers.judge(name, pieces, settings, history).score[:, -day:]
        scores = np.full(values.shape, np.nan)
        scores[rows[:, None], days[:, None] * day + np.arange(day)] = found
        return scores, 1.0

    return score


def injected(world: World, values: Floats) -> tuple[Ints, Ints]:
    """Return rows and days of what was changed, of each row the first days that count."""
    changed = (values != world.values) & np.isfinite(world.values)
    days = changed.reshape(len(values), -1, world.per_day).any(axis=2)
    rows, at = np.nonzero(days & (np.cumsum(days, axis=1) <= power.LEAK_FOUND_DAYS))
    return rows, at


def calibrated(world: World, score: Floats) -> float:
    """Return the threshold of one false alarm per series and 30 days."""
    low, high = 0.0, 1e3
    for _ in range(30):
        middle = 0.5 * (low + high)
        rate = float(np.mean(power.false_alarms(world, power.counted(world, score > middle))))
        low, high = (middle, high) if rate > 1.0 else (low, middle)
    return high


def measure(name: str, world: World, seeds: list[int]) -> None:
    """Print one line for a peer."""
    score = scorer(name)
    clean, default = score(world, world.values)
    cells = []
    for what, limit in (("at 1.00", calibrated(world, clean)), ("default", default)):

        def detect(of: World, values: Floats, _: float, limit: float = limit) -> Bools:
            found: Bools = score(of, values)[0] > limit
            return found

        cells.append(f"{what}: {found_by(detect, world, clean > limit, seeds)}")
    print(f"{name:22}", "; ".join(cells), flush=True)


def found_by(detect: power.Detect, world: World, clean: Bools, seeds: list[int]) -> str:
    """Write false alarms and power: of all series, and in brackets of 5,000 an hour and more."""
    counted, large = power.counted(world, clean), world.volume >= LARGE
    rate = float(np.mean(power.false_alarms(world, counted)))
    hits = {
        f"{drop:.0%}": [power.drops(detect, world, counted, one, drop) for one in seeds]
        for drop in (0.1, 0.2, 0.4)
    }
    hits["leak"] = [power.leaks(detect, world, one) for one in seeds]
    shares = (
        f"{what} {np.mean(hit):.2f} ({np.mean(np.array(hit)[:, large]):.2f})"
        for what, hit in hits.items()
    )
    return " ".join([f"{rate:.2f} false alarms", *shares])


def main() -> None:
    """Print one line per detector: power for drops of 10, 20 and 40 %, and for leaks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("grain", choices=["hourly", "daily"])
    parser.add_argument("peers", nargs="+")
    parser.add_argument("--each", type=int, default=25, help="series of each volume")
    parser.add_argument("--seed", type=int, default=2001)
    parser.add_argument("--rounds", type=int, default=1, help="injections of each size per series")
    asked = parser.parse_args()
    if asked.grain == "hourly":
        world = generator.hourly(asked.seed, Recipe(each=asked.each))
    else:
        world = generator.daily(asked.seed, Recipe(each=asked.each, days=182))
    seeds = [asked.seed + turn for turn in range(asked.rounds)]
    print(asked.grain, "seed", asked.seed, "series", len(world.values))
    ours = power.ours(world, world.values, 1.0)
    print(f"{'monitor':22} at a budget of 1.00: {found_by(power.ours, world, ours, seeds)}")
    for name in asked.peers:
        try:
            measure(name, world, seeds)
        except MissingExtraError as error:
            print(f"{name}: skipped, {error}")


if __name__ == "__main__":
    main()
