"""False alarms of what is no count: rates by their denominators, and variants against control.

    python -m bench.anomaly.ratios --seeds 2201 2202 2203

rate: the hourly world is the denominator; a tenth of it is counted, by a binomial draw of a share
with noise of its own (3 % with memory, 2 % a day). The budget is one alarm per series and 30 days,
upward. against: models x variants x regions, variant B against A, no difference between them; the
budget is one alarm for each pair and 30 days. Alarms less than 6 hours apart are one; the first 45
days do not count.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from datetime import timedelta

import numpy as np

from bench.anomaly import generator, power
from bench.anomaly.generator import DAY, DAY_SD, START, VOLUMES, WARM_UP_DAYS, noise
from monitor.anomaly.arrays import Bools, Floats
from monitor.anomaly.detector import Detector
from monitor.anomaly.episodes import episodes
from monitor.anomaly.layer import Against, Given
from monitor.anomaly.model import Settings
from monitor.anomaly.series import bucket_number
from monitor.anomaly.watch import Watch

HOUR = timedelta(hours=1)
SHARE = 0.1
SIZES = (5, 2, 5)
# A quarter of the budget of a check is that of its pairs, where there are roll-ups, too.
OF_PAIRS = 0.25


def days(values: Floats) -> Iterator[slice]:
    """Go through the columns day by day."""
    for at in range(0, values.shape[1], DAY):
        yield slice(at, at + DAY)


def rate(seed: int) -> tuple[Floats, Floats]:
    """Return false alarms per series and 30 days, and the volume of each series."""
    world, rng = generator.hourly(seed), np.random.default_rng([seed, 3])
    count, hours = world.values.shape
    share = noise(rng, count, hours, None)
    share += np.repeat(rng.normal(0, DAY_SD, (count, hours // DAY)), DAY, axis=1)
    shown = np.nan_to_num(world.values)
    counted = rng.binomial(shown.astype(np.int64), np.minimum(SHARE * np.exp(share), 1.0))
    values = np.where(shown > 0, counted / np.maximum(shown, 1.0), np.nan)
    settings = Settings(HOUR, "UTC", "up", float(count), 0.0, world.dates)
    detector, first = Detector(settings, count), bucket_number(START, settings)
    alarms = [
        detector.advance(first + span.start, values[:, span], shown[:, span]).is_anomaly
        for span in days(values)
    ]
    return power.false_alarms(
        world, power.counted(world, np.concatenate(alarms, axis=1))
    ), world.volume


def pairs(seed: int) -> tuple[float, int]:
    """Return false alarms of all pairs in 30 days, and how many pairs there are."""
    world = generator.crossed(seed, SIZES, days=126)
    budget = _pairs(world) / OF_PAIRS
    settings = Settings(HOUR, "UTC", "both", budget, 0.0, control=("variant", "A"))
    watch, first = Watch(settings, world.labels), bucket_number(START, settings)
    layer, found = watch.layers[0], list[Bools]()
    assert isinstance(layer, Against)
    judge = layer.judge

    def kept(at: int, given: Given) -> object:
        judged = judge(at, given)
        found.append(judged.is_anomaly)
        return judged

    layer.judge = kept  # type: ignore[method-assign, assignment]  # the watch keeps the newest only
    for span in days(world.values):
        watch.advance(first + span.start, world.values[:, span])
    alarms = np.concatenate(found, axis=1)
    alarms[:, : WARM_UP_DAYS * DAY] = False
    months = (alarms.shape[1] / DAY - WARM_UP_DAYS) / 30
    return len(episodes(alarms, np.zeros(alarms.shape), HOUR)) / months, len(layer.labels)


def _pairs(world: generator.World) -> int:
    settings = Settings(HOUR, "UTC", "both", 1.0, 0.0, control=("variant", "A"))
    return len(Watch(settings, world.labels).layers[0].labels)


def main() -> None:
    """Print false alarms by seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[2201, 2202, 2203])
    asked = parser.parse_args()
    rates = [rate(seed) for seed in asked.seeds]
    by_seed = " ".join(f"{np.mean(one):.2f}" for one, _ in rates)
    by_volume = " ".join(
        f"{np.mean([one[volume == v].mean() for one, volume in rates]):.2f}" for v in VOLUMES
    )
    print(f"rate: per series and 30 days, by seed {by_seed}; by volume {by_volume}; asked 1.00")
    found = [pairs(seed) for seed in asked.seeds]
    by_seed = " ".join(f"{alarms / count:.2f}" for alarms, count in found)
    mean = np.mean([alarms / count for alarms, count in found])
    print(f"against: per pair and 30 days, by seed {by_seed}; mean {mean:.2f}; asked 1.00")


if __name__ == "__main__":
    main()
