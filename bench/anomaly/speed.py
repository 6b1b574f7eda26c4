"""Time and memory of the detector: ticks of many slices, a backtest of 90 days.

    python -m bench.anomaly.speed tick --slices 100000
    python -m bench.anomaly.speed backtest --slices 10000

tick: hourly buckets of a check that has learned some weeks, one by one over a day and its end, when
the day is learned. backtest: 90 days by blocks, all judgements kept. Times are CPU seconds of one
thread; memory is the peak of the process less that of the inputs, as the system counts it.
"""

from __future__ import annotations

import argparse
import resource
import time
from datetime import timedelta

import numpy as np

from bench.anomaly.generator import START
from monitor.anomaly.arrays import Floats
from monitor.anomaly.detector import Detector
from monitor.anomaly.model import Series, Settings
from monitor.anomaly.replay import replay
from monitor.anomaly.series import bucket_number

DAY = 24
SETTINGS = Settings(timedelta(hours=1), "UTC", "down", 100.0, 0.0)


class Source:
    """Counts of so many slices, an hour at a time: a season, 3 % noise, nothing else."""

    def __init__(self, slices: int) -> None:
        """Draw phase and size of each slice."""
        self.rng = np.random.default_rng(1)
        self.phase = self.rng.uniform(0, 6, (slices, 1)).astype(np.float32)
        self.size = self.rng.uniform(3, 9, (slices, 1)).astype(np.float32)

    def hour(self, number: int) -> Floats:
        """Draw one bucket of all slices, (slices, 1)."""
        wave = 0.5 * np.cos(2 * np.pi * number / DAY - self.phase)
        noise = 0.03 * self.rng.standard_normal(self.phase.shape, dtype=np.float32)
        values: Floats = np.round(np.exp(self.size + wave + noise)).astype(np.float64)
        return values


def peak_mb() -> float:
    """Return the largest memory of the process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def tick(slices: int, days: int) -> None:
    """Print what ticks cost after so many days."""
    source, number = Source(slices), bucket_number(START, SETTINGS)
    before = peak_mb()
    detector = Detector(SETTINGS, slices)
    begin = time.process_time()
    for _ in range(days * DAY):
        detector.learn(number, source.hour(number))
        number += 1
    learned = time.process_time() - begin
    costs = []
    for _ in range(DAY + 1):
        values = source.hour(number)
        begin = time.process_time()
        detector.advance(number, values)
        costs.append(time.process_time() - begin)
        number += 1
    print(
        f"{slices} slices: a tick {np.median(costs):.2f} s, the one that ends a day "
        f"{max(costs):.2f} s; state {detector.nbytes / 1e6:.0f} MB, process "
        f"{peak_mb() - before:.0f} MB above an empty one; {days} days learned in {learned:.0f} s"
    )


def backtest(slices: int, days: int) -> None:
    """Print what a backtest of so many days costs."""
    source, number = Source(slices), bucket_number(START, SETTINGS)
    values = np.concatenate([source.hour(number + i) for i in range(days * DAY)], axis=1)
    series = [Series((("slice", str(i)),), START, row) for i, row in enumerate(values)]
    begin = time.process_time()
    judged = replay(series, SETTINGS)
    print(
        f"{slices} slices x {days} days: {time.process_time() - begin:.0f} s, "
        f"{int(np.isfinite(judged.score).sum())} buckets judged, process {peak_mb():.0f} MB"
    )


def main() -> None:
    """Print one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["tick", "backtest"])
    parser.add_argument("--slices", type=int, default=10_000)
    parser.add_argument("--days", type=int)
    asked = parser.parse_args()
    if asked.what == "tick":
        tick(asked.slices, asked.days or 9)
    else:
        backtest(asked.slices, asked.days or 90)


if __name__ == "__main__":
    main()
