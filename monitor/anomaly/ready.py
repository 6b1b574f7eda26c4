"""Whether a bucket is complete: by the source's watermark, or by how late data used to come."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import numpy as np

# A bucket half complete is flagged every time, 95 % complete one time in ten, 98 % hardly ever.
COMPLETE = 0.98
# Not the median: one late night in ten would be ten false alarms in a hundred nights.
CAUTIOUS = 0.1
LEAST_SIGHTINGS = 20


class Ready(StrEnum):
    """Why a bucket may be judged, or not yet."""

    WATERMARK = "the source says that it is complete"
    LAG = "data of this age used to be complete"
    AGE = "it is older than `complete_after`"
    BEHIND = "the source has not come to its end"
    LATE = "data of this age used to be incomplete"
    YOUNG = "it is younger than `complete_after`"

    @property
    def is_ready(self) -> bool:
        """Whether the bucket may be judged."""
        return self in {Ready.WATERMARK, Ready.LAG, Ready.AGE}


@dataclass(frozen=True)
class Sighting:
    """What was there of a bucket at some age, as a share of what it had in the end."""

    age: timedelta
    share: float


def completeness(sightings: Iterable[Sighting], age: timedelta) -> float | None:
    """Return the share that is there at such an age in nine cases of ten; None when unknown.

    Younger sightings count for this age: data only comes, so they are a lower bound.
    """
    near = [one.share for one in sightings if age / 2 <= one.age <= age]
    if len(near) < LEAST_SIGHTINGS:
        return None
    return float(np.quantile(near, CAUTIOUS))


def ready(
    end: datetime,
    now: datetime,
    complete_after: timedelta,
    watermark: datetime | None,
    sightings: Iterable[Sighting],
) -> Ready:
    """Decide on a bucket that ends at `end`."""
    if watermark is not None:
        return Ready.WATERMARK if watermark >= end else Ready.BEHIND
    age = now - end
    share = completeness(sightings, age) if age >= timedelta(0) else 0.0
    if share is not None:
        return Ready.LAG if share >= COMPLETE else Ready.LATE
    return Ready.AGE if age >= complete_after else Ready.YOUNG
