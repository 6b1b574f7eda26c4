"""The buckets of metrics that were seen: a day of all slices in a row, packed."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from monitor.core.labels import Labels
from monitor.core.state import Rebase
from monitor.store.codec import labels_from, labels_text
from monitor.store.kept_tables import metric_day, metric_rebase, metric_series
from monitor.store.upsert import upsert_many

if TYPE_CHECKING:
    from monitor.anomaly.arrays import Floats

LAYOUT = "<f8"
FAST = 1  # the numbers of a metric hardly get smaller with more effort


@dataclass(frozen=True, slots=True)
class MetricDay:
    """One UTC day (or one longer bucket) of a metric.

    first: number of its first bucket. values, sizes: (slices, buckets), NaN where there was no row.
    """

    day: date
    first: int
    slices: tuple[Labels, ...]
    values: Floats
    sizes: Floats | None = None


class Metrics:
    """Writing and reading remembered buckets; a key is a check and what it asks."""

    def __init__(self, engine: sa.Engine) -> None:
        """Work on an opened store."""
        self._engine = engine

    def save(self, key: str, days: Iterable[MetricDay], arrivals: str, at: datetime) -> None:
        """Write days as they are now, each as a whole, and how late data came (JSON).

        Raise StoreError when they cannot be written.
        """
        rows = [
            {
                "key": key,
                "day": one.day.isoformat(),
                "first": one.first,
                "buckets": one.values.shape[1],
                "parts": 1 if one.sizes is None else 2,
                "slices": json.dumps([labels_text(labels) for labels in one.slices]),
                "numbers": _packed(one),
            }
            for one in days
        ]
        series = {"key": key, "arrivals": arrivals, "seen_at": at}
        with self._engine.begin() as connection:
            upsert_many(connection, metric_day, ("key", "day"), rows)
            upsert_many(connection, metric_series, ("key",), [series])

    def load(self, key: str, since: date) -> list[MetricDay]:
        """Return the days from `since` on, oldest first."""
        query = (
            sa.select(metric_day)
            .where(metric_day.c.key == key, metric_day.c.day >= since.isoformat())
            .order_by(metric_day.c.day)
        )
        with self._engine.connect() as connection:
            return [_unpacked(row) for row in connection.execute(query)]

    def arrivals(self, key: str) -> str:
        """Return how late data came, as it was saved; empty when nothing is known."""
        query = sa.select(metric_series.c.arrivals).where(metric_series.c.key == key)
        with self._engine.connect() as connection:
            return connection.scalar(query) or ""

    def accept(self, rebase: Rebase) -> None:
        """Remember that somebody accepted a level; the newest of a slice counts."""
        with self._engine.begin() as connection:
            write_rebases(connection, [rebase])

    def rebases(self, check: str) -> list[Rebase]:
        """Return what was accepted for a check, oldest first."""
        query = (
            sa.select(metric_rebase)
            .where(metric_rebase.c.check == check)
            .order_by(metric_rebase.c.at, metric_rebase.c.slice)
        )
        with self._engine.connect() as connection:
            return [
                Rebase(row.check, labels_from(row.slice), row.at, row.by)
                for row in connection.execute(query)
            ]

    def forget(self, before: date, seen_before: datetime) -> int:
        """Forget old days, and all of a metric that nobody has asked about for long."""
        with self._engine.begin() as connection:
            old = metric_day.c.day < before.isoformat()
            stale = sa.select(metric_series.c.key).where(metric_series.c.seen_at < seen_before)
            gone = connection.execute(metric_day.delete().where(old)).rowcount
            gone += connection.execute(
                metric_day.delete().where(metric_day.c.key.in_(stale))
            ).rowcount
            connection.execute(metric_series.delete().where(metric_series.c.seen_at < seen_before))
        return gone


def write_rebases(connection: sa.Connection, rebases: Iterable[Rebase]) -> None:
    """Write what was accepted; the caller commits."""
    rows = [
        {"check": one.check, "slice": labels_text(one.slice), "at": one.at, "by": one.by}
        for one in rebases
    ]
    upsert_many(connection, metric_rebase, ("check", "slice"), rows)


def _packed(one: MetricDay) -> bytes:
    import numpy as np  # noqa: PLC0415  # a daemon whose checks remember nothing does without

    parts = [one.values] if one.sizes is None else [one.values, one.sizes]
    return zlib.compress(np.stack(parts).astype(LAYOUT).tobytes(), FAST)


def _unpacked(row: sa.Row[tuple[object, ...]]) -> MetricDay:
    import numpy as np  # noqa: PLC0415  # see above

    slices = tuple(labels_from(text) for text in json.loads(row.slices))
    flat = np.frombuffer(zlib.decompress(row.numbers), dtype=LAYOUT).astype(np.float64)
    parts = flat.reshape(row.parts, len(slices), row.buckets)
    sizes = parts[1] if row.parts > 1 else None
    return MetricDay(date.fromisoformat(row.day), row.first, slices, parts[0], sizes)
