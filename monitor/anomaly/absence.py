"""Gaps that are usual: what has no rows at this hour of any day, or of any week, lacks nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import TypeAlias

import numpy as np

from monitor.anomaly.arrays import Bools, Floats, Ints
from monitor.anomaly.model import DAY, WEEK

BEFORE: tuple[tuple[timedelta, int], ...] = ((DAY, 7), (WEEK, 4))
"""How many days, and weeks, ago the same bucket had no rows either; one of them may be unknown."""

Gap: TypeAlias = tuple[Bools, Bools]
"""Which slices had no rows at any such time before, and which had some since the newest of them."""


def usual_gaps(values: Floats, bucket: timedelta) -> list[Gap]:
    """Compare the last bucket with those of the days and weeks before.

    values: (slices, buckets), NaN where there was no row.
    """
    at = values.shape[1] - 1
    found: list[Gap] = []
    for span, many in BEFORE:
        step = int(span / bucket)
        columns = [at - step * back for back in range(1, many + 1) if step * back <= at]
        if step > 1 and len(columns) >= many - 1:
            never = np.all(np.isnan(values[:, columns]), axis=1)
            found.append((never, np.any(np.isfinite(values[:, at - step : at]), axis=1)))
    return found


def is_usual(gaps: list[Gap], leaves: Ints) -> bool:
    """Say whether none of some slices has rows at such times, and some have at others."""
    return any(never[leaves].all() and lives[leaves].any() for never, lives in gaps)
