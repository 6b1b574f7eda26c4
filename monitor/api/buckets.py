"""A metric over time as a kind sees it: slices down, buckets across; remembered by the daemon."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from monitor.anomaly.model import Settings
from monitor.api.answer import Answer
from monitor.core.labels import Labels

if TYPE_CHECKING:  # numpy is only for those who look at numbers
    from monitor.anomaly.arrays import Floats
    from monitor.anomaly.ready import Sighting


@dataclass(frozen=True, slots=True)
class Remembered:
    """What the daemon shall remember of a check's rows, so that it asks only for new ones.

    text: the question, with ``{{ since }}``. time, column, per: columns of the moment, the number,
    and of the denominator of a rate. by: columns that make slices; empty means all others.
    watermark: column with the moment up to which the source is complete, or empty. keep: how long
    buckets are needed. settle: how long a bucket may still be restated.
    """

    text: str
    settings: Settings
    time: str
    column: str
    per: str | None
    by: tuple[str, ...]
    watermark: str
    keep: timedelta
    settle: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Buckets(Answer):
    """The remembered buckets of a check.

    first: number of the first bucket. values, sizes: (slices, buckets), NaN where there was no
    row; sizes are the denominators of a rate. sightings: how late data came, is_watched: whether
    more of them will be known at the next look, followed: see `Arrival`. rebased: when somebody
    accepted the level of a slice or roll-up as the new normal. memory: where a kind may keep what
    it derived from the buckets; it may be empty at any time, and is never the only copy of
    anything.
    """

    labels: tuple[Labels, ...]
    first: int
    values: Floats
    sizes: Floats | None = None
    watermark: datetime | None = None
    sightings: tuple[Sighting, ...] = ()
    is_watched: bool = False
    followed: tuple[timedelta, ...] = ()
    rebased: Mapping[Labels, datetime] = field(default_factory=dict)
    memory: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
