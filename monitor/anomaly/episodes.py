"""Bad buckets that belong together are one alarm."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from monitor.anomaly.arrays import Bools, Floats
from monitor.anomaly.calendar import CLUSTER


@dataclass(frozen=True)
class Episode:
    """One alarm of one slice: row, first and last bad bucket, and the bucket that is worst."""

    row: int
    first: int
    last: int
    worst: int


def episodes(is_anomaly: Bools, score: Floats, bucket: timedelta) -> list[Episode]:
    """Join bad buckets of a slice less than 6 hours apart; in the order of time, then of slices."""
    gap = max(1, int(CLUSTER / bucket))
    found: list[Episode] = []
    for row in np.flatnonzero(is_anomaly.any(axis=1)):
        at = np.flatnonzero(is_anomaly[row])
        for part in np.split(at, np.flatnonzero(np.diff(at) >= gap) + 1):
            worst = part[int(np.argmax(score[row, part]))]
            found.append(Episode(int(row), int(part[0]), int(part[-1]), int(worst)))
    return sorted(found, key=lambda one: (one.first, one.row))
