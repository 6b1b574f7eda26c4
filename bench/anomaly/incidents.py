"""What people would hear: one cause among 2,000 slices, launches, holidays.

    python -m bench.anomaly.incidents cause --trials 100
    python -m bench.anomaly.incidents launch --seeds 2101 2102
    python -m bench.anomaly.incidents holiday --seeds 2101 2102

cause: 20 models x 4 variants x 25 regions that share most of their noise (`generator.crossed`); in
each trial one model loses 20 % for six hours at a random time. It counts as named when the first
alarm of the check names exactly that model and nothing else, and as lost when nothing is told. The
budget is one false alarm a month for the whole check.

launch: every series takes a step of -15 % that stays. Told is an alarm within 24 hours; noise are
alarms later than 72 hours after the step and within ten days, above those of the clean copy.

holiday: alarms on three known holidays (-30 % to -50 %), per series and holiday, above those of the
same days without a holiday.
"""

from __future__ import annotations

import argparse
import copy

import numpy as np

from bench.anomaly import generator, power
from bench.anomaly.generator import START, Recipe, World
from monitor.anomaly.arrays import Floats
from monitor.anomaly.model import Settings
from monitor.anomaly.series import bucket_number
from monitor.anomaly.watch import Watch
from monitor.core.labels import text_of

HOURS, DAY = 6, 24
LEARNED_DAYS, SPARE_HOURS = 70, 60


def named(watch: Watch) -> list[str]:
    """Return the causes of the newest bucket."""
    cells = watch.cells()
    return [text_of(cells[i].labels) for i in watch.causes(cells, 5)]


def cause(trials: int, seed: int, share: float) -> None:
    """Print how often the first alarm names the model that fell."""
    world = generator.crossed(seed, days=84)
    settings = Settings(power.timedelta(hours=1), "UTC", "down", 1.0, 0.0, min_effect=0.05)
    first = bucket_number(START, settings)
    learned = Watch(settings, world.labels)
    learned.advance(first, world.values[:, : LEARNED_DAYS * DAY])
    rng = np.random.default_rng([seed, 7])
    right = lost = wrong = 0
    hours: list[int] = []
    for _ in range(trials):
        model = f"m{int(rng.integers(20)):02d}"
        begin = LEARNED_DAYS * DAY + int(rng.integers(SPARE_HOURS))
        hit = np.array([dict(labels)["model"] == model for labels in world.labels])
        told, hour = _first_alarm(copy.deepcopy(learned), world, first, begin, (hit, share))
        right += told == [f"model={model}"]
        lost += not told
        wrong += bool(told) and told != [f"model={model}"]
        hours.extend([hour] if told else [])
    print(
        f"cause: {right} of {trials} named rightly and alone, {wrong} otherwise, {lost} not told; "
        f"median {np.median(hours):.0f} h after it began; rows {len(learned.cells())}"
    )


def _first_alarm(
    watch: Watch, world: World, first: int, begin: int, drop: tuple[np.ndarray, float]
) -> tuple[list[str], int]:
    hit, share = drop
    at = LEARNED_DAYS * DAY
    if begin > at:
        watch.advance(first + at, world.values[:, at:begin])
    for hour in range(HOURS):
        column = world.values[:, begin + hour].copy()
        column[hit] = np.round(column[hit] * (1 - share))
        watch.advance(first + begin + hour, column[:, None])
        told = named(watch)
        if told:
            return told, hour + 1
    return [], HOURS


def variant(trials: int, seed: int, share: float) -> None:
    """Print how often a drop of one variant is told as that variant's, with and without control."""
    world = generator.crossed(seed, sizes=(10, 2, 20), days=84)
    hit = np.array([dict(labels)["variant"] == "B" for labels in world.labels])
    for control in (None, ("variant", "A")):
        asked = Settings(power.timedelta(hours=1), "UTC", "down", 1.0, 0.0, control=control)
        first = bucket_number(START, asked)
        learned = Watch(asked, world.labels)
        learned.advance(first, world.values[:, : LEARNED_DAYS * DAY])
        rng = np.random.default_rng([seed, 9])
        mine, both = 0, 0
        for _ in range(trials):
            begin = LEARNED_DAYS * DAY + int(rng.integers((84 - LEARNED_DAYS) * DAY - HOURS))
            told, _ = _first_alarm(copy.deepcopy(learned), world, first, begin, (hit, share))
            mine += any("variant=B" in one and "model" not in one for one in told)
            every = np.ones(len(hit), dtype=np.bool_)
            told, _ = _first_alarm(copy.deepcopy(learned), world, first, begin, (every, share))
            both += any("variant" in one for one in told)
        print(
            f"variant -{share:.0%}, {'against A' if control else 'no control'}: told as the "
            f"variant's {mine} of {trials}; of a drop of everything {both} blame a variant"
        )


def launch(seeds: list[int]) -> None:
    """Print how often a step is told, and how much is told after three days."""
    told, late = [], []
    for seed in seeds:
        world = generator.hourly(seed, Recipe(launches=0.0, holidays=0))
        rng = np.random.default_rng([seed, 8])
        at = rng.integers(60 * DAY, (126 - 11) * DAY, len(world.values))
        values = world.values.copy()
        for row, begin in enumerate(at):
            values[row, begin:] = np.round(values[row, begin:] * 0.85)
        clean, hit = (power.ours(world, v, 1.0) for v in (world.values, values))
        big = world.volume >= 500
        for row in np.flatnonzero(big):
            a = at[row]
            told.append(hit[row, a : a + DAY].any())
            after = slice(a + 3 * DAY, a + 10 * DAY)
            late.append(float(hit[row, after].any()) - float(clean[row, after].any()))
    print(
        f"launch of -15 %, 500/h and more: told within a day {np.mean(told):.2f}; series with an "
        f"alarm in days 4 to 10, above the clean copy: {np.mean(late):+.2f}"
    )


def holiday(seeds: list[int]) -> None:
    """Print the alarms that known holidays cost."""
    extra: list[float] = []
    for seed in seeds:
        world = generator.hourly(seed, Recipe(launches=0.0))
        alarms = power.ours(world, world.values, 1.0)
        every = alarms[:, power.WARM_UP_DAYS * DAY :].reshape(len(alarms), -1, DAY).any(axis=2)
        usual = float(every.mean())
        extra.extend(float(_of_day(alarms, day).mean()) - usual for day in world.holidays)
    print(f"holiday: {np.mean(extra):+.3f} alarms per series and known holiday, above usual days")


def _of_day(alarms: Floats, day: int) -> Floats:
    found: Floats = alarms[:, day * DAY : (day + 1) * DAY].any(axis=1).astype(np.float64)
    return found


def main() -> None:
    """Print one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["cause", "variant", "launch", "holiday"])
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--share", type=float, default=0.2)
    parser.add_argument("--seeds", type=int, nargs="+", default=[2101])
    asked = parser.parse_args()
    if asked.what == "cause":
        cause(asked.trials, asked.seeds[0], asked.share)
    elif asked.what == "variant":
        variant(asked.trials, asked.seeds[0], asked.share)
    elif asked.what == "launch":
        launch(asked.seeds)
    else:
        holiday(asked.seeds)


if __name__ == "__main__":
    main()
