"""Whether a bucket is complete: by the source's watermark, or by how late data used to come."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

import numpy as np

from monitor.anomaly.model import Settings
from monitor.anomaly.series import bucket_number, bucket_start

# A bucket half complete is flagged every time, 95 % complete one time in ten, 98 % hardly ever.
COMPLETE = 0.98
# Not the median: one late night in ten would be ten false alarms in a hundred nights.
CAUTIOUS = 0.1
LEAST_SIGHTINGS = 20
LEAST_FOLLOWED = 10
BEFORE = 0.8  # of its age: what a bucket had then shows whether it still grows


# A look that comes a little earlier than the one before still has it as evidence.
EARLIER = 1.05
SURELY = timedelta(hours=6)
"""Where nothing is known of how late data comes, so much longer than `complete_after` is enough."""


class Ready(StrEnum):
    """Why a bucket may be judged, or not yet."""

    WATERMARK = "the source says that it is complete"
    LAG = "data of this age used to be complete"
    AGE = "it is older than `complete_after`"
    BEHIND = "the source has not come to its end"
    LATE = "data of this age used to be incomplete"
    GROWING = "it still grows, and used to be further by then"
    STOPPED = "nothing has come after it yet, and used to come soon"
    YOUNG = "it is younger than `complete_after`"
    UNSEEN = "how late its data comes is known from the second look on"

    @property
    def is_ready(self) -> bool:
        """Whether the bucket may be judged."""
        return self in {Ready.WATERMARK, Ready.LAG, Ready.AGE}


@dataclass(frozen=True)
class Sighting:
    """What was there of a bucket at some age, as a share of what it had in the end.

    Of a bucket that may still grow, with this end, it is a share of what it has now: more than the
    true one.
    """

    age: timedelta
    share: float
    end: datetime | None = None


@dataclass(frozen=True)
class Arrival:
    """What is known of how data comes, when a bucket is looked at.

    complete_after: how long it takes as far as people know. watermark: up to when the source is
    complete, if it says so. is_watched: whether somebody looks again and again, so that sightings
    come with time. followed: how long after the end of earlier buckets the next one had rows, the
    longest time where it had none until its own end. last: the end of the newest bucket with rows.
    """

    complete_after: timedelta
    watermark: datetime | None = None
    sightings: tuple[Sighting, ...] = ()
    is_watched: bool = False
    followed: tuple[timedelta, ...] = ()
    last: datetime | None = None


def completeness(sightings: Iterable[Sighting], age: timedelta) -> float | None:
    """Return the share that is there at such an age in nine cases of ten; None when unknown."""
    near = _near(sightings, age)
    return _cautious(near) if len(near) >= LEAST_SIGHTINGS else None


def _near(sightings: Iterable[Sighting], age: timedelta) -> list[float]:
    """Return the shares at about an age. Data only comes, so younger ones are a lower bound."""
    return [one.share for one in sightings if age / 2 <= one.age <= age * EARLIER]


def _cautious(shares: list[float]) -> float:
    return float(np.quantile(shares, CAUTIOUS))


def ready(end: datetime, now: datetime, arrival: Arrival) -> Ready:
    """Decide on a bucket that ends at `end`.

    A few sightings are enough to see that data comes late, but not that it does not.
    """
    if arrival.watermark is not None:
        return Ready.WATERMARK if arrival.watermark >= end else Ready.BEHIND
    age = now - end
    if age < timedelta(0):
        return Ready.YOUNG
    near = _near(arrival.sightings, age)
    if near and _cautious(near) < COMPLETE:
        return Ready.LATE
    is_blind = arrival.is_watched and not near and age < arrival.complete_after + SURELY
    reasons = (
        (end == arrival.last and _used_to_follow(arrival, age), Ready.STOPPED),
        (_is_growing(end, age, arrival.sightings), Ready.GROWING),
        (len(near) >= LEAST_SIGHTINGS, Ready.LAG),
        (age < arrival.complete_after, Ready.YOUNG),
        (is_blind, Ready.UNSEEN),
    )
    return next((why for is_so, why in reasons if is_so), Ready.AGE)


def _used_to_follow(arrival: Arrival, age: timedelta) -> bool:
    """Whether rows of the next bucket are nearly always there soon: else the source has stopped."""
    by = max(age, arrival.complete_after) * EARLIER
    soon = sum(one <= by for one in arrival.followed)
    many = len(arrival.followed)
    return many >= LEAST_FOLLOWED and soon >= (1.0 - CAUTIOUS) * many


def _is_growing(end: datetime, age: timedelta, sightings: Sequence[Sighting]) -> bool:
    """Whether a bucket had less of what it has now, some time ago, than others mostly had then."""
    own = [one for one in sightings if one.end == end and one.age <= age * BEFORE]
    if not own:
        return False
    newest = max(own, key=lambda one: one.age)
    usual = _near((one for one in sightings if one.end != end), newest.age)
    is_known = len(usual) >= LEAST_SIGHTINGS
    return is_known and newest.share < COMPLETE * float(np.median(usual))


def newest_bucket(
    settings: Settings, now: datetime, arrival: Arrival, last: int
) -> tuple[int, Ready]:
    """Return the newest bucket that is complete, or the one that should be and is not, and why.

    last: the newest bucket that has rows.
    """
    arrival = replace(arrival, last=bucket_start(last + 1, settings))
    wanted = bucket_number(now - arrival.complete_after, settings) - 1
    newest = bucket_number(now, settings) - 1
    oldest = wanted - max(2, SURELY // settings.bucket)
    ends = [bucket_start(number + 1, settings) for number in range(newest, oldest - 1, -1)]
    index, why = newest_ready(ends, now, arrival)
    return newest - index, why


def newest_ready(ends: Sequence[datetime], now: datetime, arrival: Arrival) -> tuple[int, Ready]:
    """Find the newest bucket that may be judged; ends: of buckets one after another, newest first.

    Returns its index and why. Where none may be judged, the first one that is old enough by
    `complete_after`, and why not. Behind that one only a bucket that is surely complete is judged:
    what always comes late would never be judged otherwise.
    """
    wanted = next((i for i, end in enumerate(ends) if now - end >= arrival.complete_after), 0)
    why = Ready.YOUNG
    for i, end in enumerate(ends[: wanted + 1]):
        why = ready(end, now, arrival)
        if why.is_ready:
            return i, why
    for i, end in enumerate(ends[wanted + 1 :], wanted + 1):
        found = ready(end, now, arrival)
        if found is Ready.WATERMARK and i == wanted + 1:
            break  # a source that is behind by less than a bucket comes to its end soon
        is_first_look = why is Ready.UNSEEN and now - end >= arrival.complete_after + SURELY
        if found in {Ready.WATERMARK, Ready.LAG} or (found is Ready.AGE and is_first_look):
            return i, found
    return wanted, why
