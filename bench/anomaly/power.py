"""Power and false alarms of the detector on unseen seeds, at one false alarm per series and month.

    python -m bench.anomaly.power hourly --seeds 101 102 103
    python -m bench.anomaly.power daily --seeds 101 102 103
    python -m bench.anomaly.power alike --seeds 101 102 103 [--apart]
    python -m bench.anomaly.power daily --seeds 101 102 103 --alone 5

The series come from `generator`; the check is the whole world, its budget one alarm per series and
30 days, its direction down. Holidays are known to the detector. False alarms are counted on the
clean copy after 45 days; alarms less than 6 hours apart are one; those on holidays and in the 3
days after a launch are not counted. Each round gives every slice one drop at a random place, away
from gaps, holidays, fresh launches and alarms of the clean copy; a drop is found by an alarm inside
it. A leak takes 2 % more every day for ten days, and is found by an alarm within the first five.
The pooled tail sees the injected incidents, too. `alike` is the hourly world with one week for all
slices; `--apart` leaves the detector without the shape that they have in common. With `--alone N`
every N-th series is a check of its own, with a budget of one.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import TypeAlias

import numpy as np

from bench.anomaly import generator
from bench.anomaly.generator import VOLUMES, WARM_UP_DAYS, Recipe, World
from monitor.anomaly import detector
from monitor.anomaly.arrays import Bools, Floats, Ints
from monitor.anomaly.episodes import episodes
from monitor.anomaly.model import Direction, Settings
from monitor.anomaly.replay import replay

Detect: TypeAlias = Callable[[World, Floats, float], Bools]
"""A detector: a world, its values, a budget per series; returns alarms (slices, buckets)."""
Found: TypeAlias = dict[tuple[str, float], list[bool]]

DROPS = (0.05, 0.10, 0.20, 0.40)
DROP_HOURS = 6
LAUNCH_DAYS = 3
LEAK, LEAK_FOUND_DAYS, LEAK_ROOM_DAYS = 0.02, 5, 12


def ours(
    world: World, values: Floats, budget: float, bad: Direction = "down", *, holidays: bool = True
) -> Bools:
    """Replay the world as one check."""
    bucket = timedelta(days=1) / world.per_day
    known = world.dates if holidays else frozenset()
    settings = Settings(bucket, "UTC", bad, budget * len(values), 0.0, known)
    return replay(world.series(values), settings).is_anomaly


def alone(world: World, values: Floats, budget: float) -> Bools:
    """Replay each series as a check of its own."""
    rows = [chosen(world, slice(row, row + 1)) for row in range(len(values))]
    parts = [ours(one, values[[row]], budget) for row, one in enumerate(rows)]
    return np.concatenate(parts)


def chosen(world: World, rows: slice) -> World:
    """Return some slices of a world."""
    return replace(
        world,
        values=world.values[rows],
        volume=world.volume[rows],
        launch=world.launch[rows],
        labels=world.labels[rows],
    )


def counted(world: World, alarms: Bools) -> Bools:
    """Leave out what is no false alarm: warm-up, holidays, launches."""
    left, day = alarms.copy(), world.per_day
    left[:, : WARM_UP_DAYS * day] = False
    for holiday in world.holidays:
        left[:, holiday * day : (holiday + 1) * day] = False
    for row, at in enumerate(world.launch):
        left[row, at : at + LAUNCH_DAYS * day] = False
    return left


def false_alarms(world: World, alarms: Bools) -> Floats:
    """Return alarms per 30 days of each slice."""
    bucket = timedelta(days=1) / world.per_day
    found = episodes(alarms, np.zeros(alarms.shape), bucket)
    counts = np.bincount([one.row for one in found], minlength=len(alarms))
    months = (alarms.shape[1] / world.per_day - WARM_UP_DAYS) / 30
    rate: Floats = counts / months
    return rate


def spots(rng: np.random.Generator, world: World, clean: Bools, width: int) -> Ints:
    """Draw for each slice where an injection begins."""
    return np.array([_spot(rng, world, clean, row, width) for row in range(len(clean))])


def _spot(rng: np.random.Generator, world: World, clean: Bools, row: int, width: int) -> int:
    day, buckets = world.per_day, world.values.shape[1]
    while True:
        at = int(rng.integers(WARM_UP_DAYS * day, buckets - width))
        span = slice(at, at + width)
        holiday = {at // day, (at + width) // day} & set(world.holidays)
        fresh = -width < at - world.launch[row] < LAUNCH_DAYS * day
        known = np.isfinite(world.values[row, span]).all()
        if known and not holiday and not fresh and not clean[row, span].any():
            return at


def drops(detect: Detect, world: World, clean: Bools, seed: int, share: float) -> Bools:
    """Return which of the drops, one in each slice, are found."""
    width = DROP_HOURS if world.per_day > 1 else 1
    rng = np.random.default_rng([seed, int(share * 100)])
    at, rows = spots(rng, world, clean, width), np.arange(len(clean))
    alarms = detect(world, generator.drop(world.values, rows, at, width, share), 1.0)
    found: Bools = alarms[rows[:, None], at[:, None] + np.arange(width)].any(axis=1)
    return found


def leaks(detect: Detect, world: World, seed: int) -> Bools:
    """Return which of the leaks, one in each slice, are found in time."""
    rng, rows, day = np.random.default_rng([seed, 999]), np.arange(len(world.values)), world.per_day
    days = world.values.shape[1] // day
    at = rng.integers(WARM_UP_DAYS + 15, days - LEAK_ROOM_DAYS, len(rows)) * day
    alarms = detect(world, generator.leak(world.values, rows, at, day, LEAK), 1.0)
    found: Bools = alarms[rows[:, None], at[:, None] + np.arange(LEAK_FOUND_DAYS * day)].any(axis=1)
    return found


def measure(detect: Detect, world: World, seed: int, rounds: int) -> tuple[Floats, Found]:
    """Return false alarms of each slice, and what was found by (what, volume)."""
    clean = counted(world, detect(world, world.values, 1.0))
    found: Found = {}

    def note(what: str, hits: Bools) -> None:
        for volume, hit in zip(world.volume, hits, strict=True):
            found.setdefault((what, float(volume)), []).append(bool(hit))

    for turn in range(rounds):
        for share in DROPS:
            note(f"drop {share:.0%}", drops(detect, world, clean, 1000 * seed + turn, share))
        note("leak 2 %/day", leaks(detect, world, 1000 * seed + turn))
    return false_alarms(world, clean), found


def table(results: list[tuple[Floats, Found]], volume: Floats) -> str:
    """Write false alarms by seed, and power by volume."""
    rates = [float(np.mean(rate)) for rate, _ in results]
    lines = [
        "false alarms per series and 30 days, by seed: "
        + " ".join(f"{rate:.2f}" for rate in rates)
        + f"; mean {np.mean(rates):.2f}, asked 1.00"
    ]
    by_volume = [np.mean([rate[volume == v].mean() for rate, _ in results]) for v in VOLUMES]
    lines.append(f"{'':14}" + "".join(f"{int(v):>8}/h" for v in VOLUMES) + "       all    >=5k/h")
    lines.append(f"{'false alarms':14}" + "".join(f"{rate:10.2f}" for rate in by_volume))
    for what in dict.fromkeys(what for _, found in results for what, _ in found):
        cells = [np.concatenate([found[what, v] for _, found in results]) for v in VOLUMES]
        parts = [float(np.mean(cell)) for cell in cells]
        big = float(np.mean(np.concatenate(cells[2:])))
        numbers = "".join(f"{p:10.2f}" for p in parts)
        lines.append(f"{what:14}{numbers}{np.mean(parts):10.3f}{big:10.3f}")
    return "\n".join(lines)


def one(asked: tuple[str, int, int, int]) -> tuple[Floats, Found]:
    """Measure one seed."""
    grain, seed, rounds, each = asked
    return measure(alone if each else ours, drawn(grain, seed, each), seed, rounds)


def drawn(grain: str, seed: int, each: int = 0) -> World:
    """Draw the world of a grain; of its series every `each`-th, 0 for all."""
    return chosen(_drawn(grain, seed), slice(None, None, each or None))


def _drawn(grain: str, seed: int) -> World:
    if grain == "daily":
        return generator.daily(seed)
    return generator.hourly(seed, Recipe(alike=Recipe.each if grain == "alike" else 0))


def main() -> None:
    """Print the table for the seeds asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("grain", choices=["hourly", "daily", "alike"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[101, 102, 103])
    parser.add_argument("--rounds", type=int, default=2, help="injections of each size per series")
    parser.add_argument("--apart", action="store_true", help="share no shape between slices")
    parser.add_argument("--alone", type=int, default=0, help="every N-th series, a check each")
    asked = parser.parse_args()
    if asked.apart:
        detector.LEAST_SLICES = sys.maxsize
    with ProcessPoolExecutor(2) as workers:
        work = [(asked.grain, seed, asked.rounds, asked.alone) for seed in asked.seeds]
        results = list(workers.map(one, work))
    print(asked.grain, "seeds", *asked.seeds)
    print(table(results, drawn(asked.grain, asked.seeds[0], asked.alone).volume))


if __name__ == "__main__":
    main()
