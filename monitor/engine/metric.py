"""What is remembered of one metric: buckets, and how late data came. Pure."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from monitor.anomaly.arrays import Floats
from monitor.anomaly.calendar import Calendar
from monitor.anomaly.model import DAY, EPOCH
from monitor.anomaly.ready import Sighting
from monitor.anomaly.series import bucket_number, bucket_start
from monitor.api.buckets import Buckets, Remembered
from monitor.core.labels import Labels
from monitor.store.metrics import MetricDay

MOST_SIGHTINGS = 600
MOST_LOOKS = 24
"""How often one bucket is seen on its way to be complete, for the curve of lag."""

MOST_FOLLOWED = 100
NEVER = 1e10
"""Seconds, some 300 years: a number that JSON has, too."""


@dataclass
class Metric:
    """All that is remembered of one check: see `Buckets`.

    seen: totals of buckets by age. followed: how many seconds after its end the bucket behind each
    had rows, NEVER where it had none at any look until its own end.
    """

    key: str
    labels: tuple[Labels, ...] = ()
    first: int = 0
    values: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    sizes: Floats | None = None
    sightings: list[Sighting] = field(default_factory=list)
    seen: dict[int, list[tuple[float, float]]] = field(default_factory=dict)
    followed: dict[int, float] = field(default_factory=dict)
    memory: dict[str, Any] = field(default_factory=dict)

    @property
    def end(self) -> int:
        """The number behind the newest bucket."""
        return self.first + int(self.values.shape[1])


def merge(metric: Metric, fresh: Buckets, lo: int, oldest: int) -> None:
    """Put the new answer over what is known from bucket `lo` on; forget what is too old.

    The answer is the whole truth about its window: a row that is gone is gone.
    """
    labels = tuple(sorted({*metric.labels, *fresh.labels}))
    first = max(min(metric.first, lo) if metric.values.size else lo, oldest)
    end = max(metric.end if metric.values.size else lo, fresh.first + fresh.values.shape[1], first)
    values = _laid(metric.values, metric.labels, metric.first, labels, (first, end))
    has_sizes = fresh.sizes is not None or metric.sizes is not None
    sizes = np.full(values.shape, np.nan) if has_sizes else None
    if sizes is not None and metric.sizes is not None:
        sizes = _laid(metric.sizes, metric.labels, metric.first, labels, (first, end))
    at = max(lo, first) - first
    values[:, at:] = _laid(fresh.values, fresh.labels, fresh.first, labels, (first, end))[:, at:]
    if sizes is not None and fresh.sizes is not None:
        sizes[:, at:] = _laid(fresh.sizes, fresh.labels, fresh.first, labels, (first, end))[:, at:]
    rows = np.flatnonzero((~np.isnan(values)).any(axis=1))
    metric.labels = tuple(labels[row] for row in rows)
    metric.first, metric.values = first, values[rows]
    metric.sizes = None if sizes is None else sizes[rows]


def _laid(
    values: Floats,
    rows: tuple[Labels, ...],
    first: int,
    labels: tuple[Labels, ...],
    window: tuple[int, int],
) -> Floats:
    lo, hi = window
    wide = np.full((len(labels), hi - lo), np.nan)
    place = {one: row for row, one in enumerate(labels)}
    a, b = max(first, lo), min(first + values.shape[1], hi)
    if len(rows) and b > a:
        wide[[place[one] for one in rows], a - lo : b - lo] = values[:, a - first : b - first]
    return wide


def note_arrivals(metric: Metric, what: Remembered, now: datetime) -> None:
    """Learn how late data comes: what a bucket had at each age, as a share of what it has now."""
    totals = np.nansum(np.where(np.isfinite(metric.values), metric.values, 0.0), axis=0)
    # Rows of the future are a mistake of the source; they must not hide the newest buckets.
    end = min(metric.end, bucket_number(now, what.settings))
    for number in range(max(metric.first, end - MOST_LOOKS), end):
        age = (now - bucket_start(number + 1, what.settings)).total_seconds()
        looks = metric.seen.setdefault(number, [])
        if timedelta(0) <= timedelta(seconds=age) <= what.settle and len(looks) < MOST_LOOKS:
            looks.append((age, float(totals[number - metric.first])))
    for number in [
        n for n in metric.seen if bucket_start(n + 1, what.settings) <= now - what.settle
    ]:
        looks = metric.seen.pop(number)
        final = totals[number - metric.first] if metric.first <= number < metric.end else 0.0
        if final > 0:
            metric.sightings.extend(
                Sighting(timedelta(seconds=age), float(total / final)) for age, total in looks
            )
    del metric.sightings[:-MOST_SIGHTINGS]
    _note_followed(metric, what, now)


def _note_followed(metric: Metric, what: Remembered, now: datetime) -> None:
    """Learn whether the bucket that is under way has rows, where the one before has some."""
    number = bucket_number(now, what.settings) - 1
    if metric.end > number:
        age = (now - bucket_start(number + 1, what.settings)).total_seconds()
        found = age if metric.end > number + 1 else NEVER
        metric.followed[number] = min(found, metric.followed.get(number, NEVER))
    for old in sorted(metric.followed)[:-MOST_FOLLOWED]:
        del metric.followed[old]


def followed(metric: Metric, what: Remembered, now: datetime) -> tuple[timedelta, ...]:
    """Return how long it took until buckets of before this one were followed by the next."""
    number = bucket_number(now, what.settings) - 1
    return tuple(timedelta(seconds=s) for n, s in metric.followed.items() if n < number)


def arriving(metric: Metric, what: Remembered, now: datetime) -> Iterator[Sighting]:
    """Compare the looks at buckets that may still grow with what they have now."""
    for number, looks in metric.seen.items():
        total = float(
            np.nansum(metric.values[:, number - metric.first : number + 1 - metric.first])
        )
        end = bucket_start(number + 1, what.settings)
        newest = (now - end).total_seconds()
        for age, then in looks:
            if age < newest and total > 0:
                yield Sighting(timedelta(seconds=age), then / total, end)


def days_of(metric: Metric, what: Remembered, lo: int) -> list[MetricDay]:
    """Cut the buckets from `lo` on into days, each whole."""
    calendar = Calendar(what.settings)
    days = []
    for block in range(calendar.block(max(lo, metric.first)), calendar.block(metric.end - 1) + 1):
        a = max(block * calendar.day, metric.first) - metric.first
        b = min((block + 1) * calendar.day, metric.end) - metric.first
        if b > a:
            day = what.settings.origin.date() + block * max(DAY, what.settings.bucket)
            sizes = None if metric.sizes is None else metric.sizes[:, a:b]
            values = metric.values[:, a:b]
            days.append(MetricDay(day, metric.first + a, metric.labels, values, sizes))
    return days


def restored(key: str, days: list[MetricDay], arrivals: str) -> Metric:
    """Join saved days to a metric again."""
    metric = Metric(key)
    for one in days:
        fresh = Buckets(
            observed_at=EPOCH,
            labels=one.slices,
            first=one.first,
            values=one.values,
            sizes=one.sizes,
        )
        merge(metric, fresh, one.first, 0)
    found = json.loads(arrivals) if arrivals else {}
    metric.sightings = [Sighting(timedelta(seconds=a), s) for a, s in found.get("sightings", [])]
    metric.seen = {int(n): [(a, t) for a, t in looks] for n, looks in found.get("seen", {}).items()}
    metric.followed = {int(n): after for n, after in found.get("followed", {}).items()}
    return metric


def arrivals_text(metric: Metric) -> str:
    """Write how late data came as JSON; `restored` reads it."""
    sightings = [(one.age.total_seconds(), round(one.share, 5)) for one in metric.sightings]
    seen = {str(number): looks for number, looks in metric.seen.items()}
    return json.dumps({"sightings": sightings, "seen": seen, "followed": metric.followed})
