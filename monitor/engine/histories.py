"""What the daemon remembers of metrics: it asks only for new buckets and those that may change."""

import asyncio
import hashlib
import json
import logging
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeAlias

import numpy as np

from monitor.anomaly.arrays import Floats
from monitor.anomaly.calendar import Calendar
from monitor.anomaly.model import DAY, EPOCH
from monitor.anomaly.ready import Sighting
from monitor.anomaly.series import bucket_number, bucket_start
from monitor.api.answer import Answer, Table
from monitor.api.buckets import Buckets, Remembered
from monitor.api.grid import buckets_of
from monitor.api.query import Rows
from monitor.core.labels import Labels
from monitor.engine.pieces import Piece, first_piece
from monitor.engine.threads import Writer
from monitor.store import StoreError
from monitor.store.metrics import MetricDay, Metrics

log = logging.getLogger(__name__)

MOST_SIGHTINGS = 600
MOST_LOOKS = 24
"""How often one bucket is seen on its way to be complete, for the curve of lag."""

SHARED_FOR = timedelta(minutes=1)
"""How long one answer serves all checks that ask the same."""

Ask: TypeAlias = Callable[[Rows], Awaitable[Answer]]
Done: TypeAlias = Callable[[float], None]


def _ignored(_share: float) -> None:
    """Tell nobody how far it is."""


class Check(Protocol):
    """What is needed of a planned check."""

    @property
    def id(self) -> str:
        """The name of the check."""

    @property
    def source(self) -> str:
        """The name of its source."""


@dataclass
class Metric:
    """All that is remembered of one check: see `Buckets`; seen: totals of buckets by age."""

    key: str
    labels: tuple[Labels, ...] = ()
    first: int = 0
    values: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    sizes: Floats | None = None
    sightings: list[Sighting] = field(default_factory=list)
    seen: dict[int, list[tuple[float, float]]] = field(default_factory=dict)
    memory: dict[str, Any] = field(default_factory=dict)

    @property
    def end(self) -> int:
        """The number behind the newest bucket."""
        return self.first + int(self.values.shape[1])


class Histories:
    """Remembers in memory and in the store; one look at a check at a time."""

    def __init__(self, metrics: Metrics, writer: Writer) -> None:
        """Remember nothing yet; the store is read at the first look of each check."""
        self._store, self._writer = metrics, writer
        self._metrics: dict[str, Metric] = {}
        self._shared: dict[tuple[str, Rows], tuple[datetime, asyncio.Task[Answer]]] = {}

    async def ask(
        self, check: Check, what: Remembered, ask: Ask, now: datetime, done: Done = _ignored
    ) -> Buckets:
        """Return all that is known; ask for new and unsettled buckets. Raise SourceError.

        What came before an error is kept: the next look goes on from there. done: is told the
        share of the window that has come.
        """
        metric = await self._metric(check.id, what, now)
        piece = self._first(metric, what, now)
        begin, oldest = piece.lo, bucket_number(now - what.keep, what.settings)
        while True:
            query = Rows(what.text, piece.since, piece.until)
            asked_at, answer = await self._one_flight(check.source, query, ask, now)
            assert isinstance(answer, Table)
            fresh = await asyncio.to_thread(buckets_of, answer, what)
            merge(metric, fresh, piece.lo, oldest)
            following = piece.after(len(answer))
            if following is None:
                break
            await self._save(check, metric, what, piece.lo, now)
            piece = following
            done((piece.lo - begin) / (piece.end - begin))
        note_arrivals(metric, what, asked_at)
        await self._save(check, metric, what, piece.lo, now)
        rebased = await self._writer.run(self._store.rebases, check.id)
        return Buckets(
            observed_at=answer.observed_at,
            data_at=answer.data_at,
            cost=answer.cost,
            link=answer.link,
            maintainer=answer.maintainer,
            labels=metric.labels,
            first=metric.first,
            values=metric.values,
            sizes=metric.sizes,
            watermark=fresh.watermark,
            sightings=(*metric.sightings, *arriving(metric, what, asked_at)),
            is_watched=True,
            rebased={one.slice: one.at for one in rebased},
            memory=metric.memory,
            notes=fresh.notes,
        )

    async def _save(
        self, check: Check, metric: Metric, what: Remembered, lo: int, now: datetime
    ) -> None:
        days, arrivals = days_of(metric, what, lo), json.dumps(_written(metric))
        try:
            await self._writer.run(self._store.save, metric.key, days, arrivals, now)
        except StoreError as error:
            # What is in memory is enough for the verdict; a restart asks for the rest again.
            log.warning("the buckets of %s are not kept: %s", check.id, error)

    def _first(self, metric: Metric, what: Remembered, now: datetime) -> Piece:
        """Return what to ask first: all at once what may be restated, a longer window in pieces."""
        since = self._since(metric, what, now)
        is_long = now - since > what.settle + 2 * max(DAY, what.settings.bucket)
        return first_piece(what.text if is_long else "", what.settings, since, now)

    def _since(self, metric: Metric, what: Remembered, now: datetime) -> datetime:
        """Return from where to ask: all that is kept at first, later what may have changed."""
        oldest = bucket_start(bucket_number(now - what.keep, what.settings), what.settings)
        if metric.end <= metric.first:
            return oldest
        newest = bucket_start(metric.end - 1, what.settings)
        back = min(newest, now) - what.settle
        return max(oldest, bucket_start(bucket_number(back, what.settings), what.settings))

    async def _one_flight(
        self, source: str, query: Rows, ask: Ask, now: datetime
    ) -> tuple[datetime, Answer]:
        """Let one question serve all checks that ask it at about the same time; and when it was."""
        for key, (at, _) in list(self._shared.items()):
            if now - at > SHARED_FOR:
                self._shared.pop(key)
        if (source, query) not in self._shared:
            self._shared[source, query] = now, asyncio.ensure_future(ask(query))
        asked_at, flight = self._shared[source, query]
        try:
            return asked_at, await asyncio.shield(flight)
        except Exception:
            self._shared.pop((source, query), None)
            raise

    async def _metric(self, check: str, what: Remembered, now: datetime) -> Metric:
        key = key_of(check, what)
        metric = self._metrics.get(check)
        if metric is None or metric.key != key:
            since = (now - what.keep).date()
            days = await self._writer.run(self._store.load, key, since)
            arrivals = await self._writer.run(self._store.arrivals, key)
            metric = await asyncio.to_thread(restored, key, days, arrivals)
            self._metrics[check] = metric
        return metric


def key_of(check: str, what: Remembered) -> str:
    """Return the key of a metric: another question or grain is another metric."""
    settings = what.settings
    parts = (what.text, what.time, what.column, what.per, what.by, settings.bucket.total_seconds())
    # Weeks that were kept before they began on Mondays are other buckets.
    begin = () if settings.origin == EPOCH else ("monday",)
    text = repr((*parts, settings.timezone, *begin))
    return f"{check}/{hashlib.sha256(text.encode()).hexdigest()[:16]}"


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


def arriving(metric: Metric, what: Remembered, now: datetime) -> Iterator[Sighting]:
    """Compare the looks at buckets that may still grow with what they have now."""
    for number, looks in metric.seen.items():
        total = float(
            np.nansum(metric.values[:, number - metric.first : number + 1 - metric.first])
        )
        newest = (now - bucket_start(number + 1, what.settings)).total_seconds()
        for age, then in looks:
            if age < newest and total > 0:
                yield Sighting(timedelta(seconds=age), then / total)


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
            observed_at=datetime(1970, 1, 1, tzinfo=UTC),
            labels=one.slices,
            first=one.first,
            values=one.values,
            sizes=one.sizes,
        )
        merge(metric, fresh, one.first, 0)
    found = json.loads(arrivals) if arrivals else {}
    metric.sightings = [Sighting(timedelta(seconds=a), s) for a, s in found.get("sightings", [])]
    metric.seen = {int(n): [(a, t) for a, t in looks] for n, looks in found.get("seen", {}).items()}
    return metric


def _written(metric: Metric) -> dict[str, Any]:
    return {
        "sightings": [(one.age.total_seconds(), round(one.share, 5)) for one in metric.sightings],
        "seen": {str(number): looks for number, looks in metric.seen.items()},
    }
