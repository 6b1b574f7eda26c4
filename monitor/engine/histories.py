"""What the daemon remembers of metrics: it asks only for new buckets and those that may change."""

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Protocol, TypeAlias

from monitor.anomaly.model import DAY, EPOCH
from monitor.anomaly.series import bucket_number, bucket_start
from monitor.api.answer import Answer, Table
from monitor.api.buckets import Buckets, Remembered
from monitor.api.grid import buckets_of
from monitor.api.query import Rows
from monitor.engine.metric import (
    Metric,
    arrivals_text,
    arriving,
    days_of,
    followed,
    merge,
    note_arrivals,
    restored,
)
from monitor.engine.pieces import Piece, first_piece
from monitor.engine.threads import Writer
from monitor.store import StoreError
from monitor.store.metrics import Metrics

log = logging.getLogger(__name__)

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
            followed=followed(metric, what, asked_at),
            rebased={one.slice: one.at for one in rebased},
            memory=metric.memory,
            notes=fresh.notes,
        )

    async def _save(
        self, check: Check, metric: Metric, what: Remembered, lo: int, now: datetime
    ) -> None:
        days, arrivals = days_of(metric, what, lo), arrivals_text(metric)
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
