"""What is said of some buckets of some slices, as arrays."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import IntEnum

from monitor.anomaly.arrays import Bools, Floats, Ints


class Status(IntEnum):
    """Why a bucket was judged or not."""

    MISSING = 0
    YOUNG = 1
    YOUNG_FOR_WEEKLY = 2
    SPARSE = 3
    NO_TAIL = 4
    SMALL = 5
    JUDGED = 6


class By(IntEnum):
    """Which test gave the score."""

    BUCKET = 0
    WINDOW = 1
    LEAK = 2


@dataclass(frozen=True)
class Judged:
    """Judgements of some buckets, (slices, buckets); NaN where unknown.

    score: in the bad direction, 0 or more; comparable over time and slices. rate: how often chance
    reaches it in 30 days in the whole check. usual: expected, of missing buckets, too. fast:
    logarithm of the level in it, as the tracker has followed it. threshold:
    (buckets,), the score that the budget allows. age: (slices,) buckets since the first value.
    """

    value: Floats
    status: Ints
    score: Floats
    usual: Floats
    fast: Floats
    expected: Floats
    low: Floats
    high: Floats
    is_anomaly: Bools
    rate: Floats
    by: Ints
    season: Ints
    holiday: Bools
    threshold: Floats
    age: Ints

    def last(self) -> Judged:
        """Return the newest bucket alone."""
        kept = {
            one.name: getattr(self, one.name)[..., -1:] for one in fields(self) if one.name != "age"
        }
        return Judged(**kept, age=self.age)


@dataclass(frozen=True)
class Runs:
    """What a finished block teaches the whole check.

    fast: scores of runs (slices, runs). leak: (slices,). shape: (2, buckets), see `shared.weighed`.
    """

    fast: Floats
    leak: Floats
    shape: Floats
