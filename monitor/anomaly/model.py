"""The values that go into the detector and come out of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from monitor.anomaly.arrays import Bools, Floats, Ints

DAY = timedelta(days=1)
WEEK = timedelta(weeks=1)
MONTH = timedelta(days=30)

Direction = Literal["down", "up", "both"]
SEASONS = ("none", "daily", "weekly")
WEEKLY = SEASONS.index("weekly")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Settings:
    """What one check asks of the detector.

    bucket: length of a bucket; divides a day, or is a whole number of days.
    timezone: IANA zone in which people live the season (hour of day, weekday, holidays).
    bad: the direction that can be an anomaly.
    false_alarms_per_month: per 30 days, all slices of the check together; bad buckets of one
        slice less than 6 hours apart are one alarm.
    min_value: a bucket whose expected value, of a rate the expected numerator, is below this is
        never judged.
    holidays: local dates that teach nothing and are judged with a wider band.
    min_effect: a deviation below this share of what is expected is never an anomaly.
    events: announced launches; what they shift is the new normal a day later.
    control: label and value of the slices that those with another value are compared with.
    is_steady: whether the values come back to one level without any season, as a ratio does; others
        wander, and must be unusual for the last 30 days, too.
    """

    bucket: timedelta
    timezone: str
    bad: Direction
    false_alarms_per_month: float
    min_value: float
    holidays: frozenset[date] = frozenset()
    min_effect: float = 0.0
    events: frozenset[datetime] = frozenset()
    control: tuple[str, str] | None = None
    is_steady: bool = False

    @property
    def origin(self) -> datetime:
        """The local midnight at which bucket 0 of whole days begins: weeks begin on Mondays."""
        return EPOCH if self.bucket % WEEK else EPOCH - EPOCH.weekday() * DAY

    def __post_init__(self) -> None:
        """Refuse a bucket that does not fit days, and numbers that allow nothing or everything."""
        if self.bucket <= timedelta(0) or (DAY % self.bucket and self.bucket % DAY):
            raise ValueError(f"bucket {self.bucket} must divide a day or be whole days")
        if not 0 < self.false_alarms_per_month < math.inf:
            raise ValueError("false_alarms_per_month must be a number above 0")
        if not math.isfinite(self.min_value):
            raise ValueError("min_value must be a number")
        if not 0 <= self.min_effect < math.inf:
            raise ValueError("min_effect must be a share of 0% and more")


@dataclass(frozen=True)
class Series:
    """One slice on a regular grid.

    slice: labels as sorted pairs. start: aware UTC start of the first bucket.
    values: shape (buckets,); NaN where there was no row. Infinite and negative values are
    read as NaN. Buckets follow each other in UTC; buckets of whole days follow local midnights.
    """

    slice: tuple[tuple[str, str], ...]
    start: datetime
    values: Floats


@dataclass(frozen=True)
class Point:
    """The judgement of one bucket.

    low and high bound what one bucket may be by chance at the check's budget.
    deviation: value / expected - 1 (0.0 when both are 0, infinite when only expected is 0).
    score: spreads away in the bad direction, 0.0 when good or as expected.
    once_in: expected time between such scores by chance in the whole check, at most 10 years;
        None when the bucket was not judged. It counts the scores of one 6-hour run as one.
    note: empty, or one sentence that a reader of an alert needs.
    """

    at: datetime
    value: float
    expected: float
    low: float
    high: float
    deviation: float
    score: float
    is_anomaly: bool
    once_in: timedelta | None
    season: str
    note: str


@dataclass(frozen=True)
class Learning:
    """There is a value but too little history to judge it."""

    at: datetime
    reason: str


@dataclass(frozen=True)
class Missing:
    """There is no usable value. This is never a drop; nor a fault where none is to be expected."""

    at: datetime
    reason: str
    is_expected: bool = False


@dataclass(frozen=True)
class Replay:
    """Judgements of many buckets; arrays have shape (slices, buckets), in the order given.

    starts: the start of every bucket, aware UTC. score, expected, low, high are NaN where
    nothing was judged (learning, missing). threshold: shape (buckets,), the score that the
    budget allowed at that time, NaN while nothing was known. once_in_days: NaN if unknown.
    season: index into SEASONS.
    """

    starts: tuple[datetime, ...]
    value: Floats
    score: Floats
    expected: Floats
    low: Floats
    high: Floats
    is_anomaly: Bools
    once_in_days: Floats
    season: Ints
    threshold: Floats
