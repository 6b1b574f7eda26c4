"""Proposing checks for a source: read what it holds, learn limits, replay each proposal."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.api.answer import Latencies, as_moment
from monitor.api.errors import SourceError
from monitor.api.query import Quantiles, Rows
from monitor.api.source import Asking, Source
from monitor.config.plan import PlannedCheck
from monitor.core.model import Tier
from monitor.engine.backtest import Past, look_back
from monitor.engine.catalog import (
    column_of,
    histograms_of,
    metrics_of,
    tables_of,
)
from monitor.engine.found import FoundMetric, FoundTable
from monitor.engine.metric_proposals import threshold
from monitor.engine.proposals import (
    ENOUGH,
    MOST_LABELS,
    Proposal,
    Shape,
    anomaly,
    drop_for,
    freshness,
    latency,
    shape_of,
    time_columns,
)

LEARN = timedelta(days=30)
LEARN_METRICS = timedelta(days=7)
MOST_VALUES = 20
"""Values of a column above which it makes no slices."""

Build = Callable[[Proposal], PlannedCheck | None]
"""Make a check of a proposal, as the configuration would; None for one that it would refuse."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A proposal with what it would have done; ``past`` is None where nobody can tell."""

    proposal: Proposal
    past: Past | None
    note: str = ""


@dataclass(frozen=True)
class Suggesting:
    """What is asked, by what questions, and over how much of the past."""

    source: Source
    build: Build
    now: datetime
    back: timedelta

    async def all(self) -> AsyncIterator[Suggestion]:
        """Go through the suggestions; what cannot be read is left out."""
        if Quantiles in self.source.answers:
            for name in await histograms_of(self.source, self.now):
                async for one in self._of_histogram(name):
                    yield one
            for metric in await metrics_of(self.source, self.now):
                async for one in self._of_metric(metric):
                    yield one
        elif Rows in self.source.answers:
            for table in await tables_of(self.source, self.now):
                async for one in self._of_table(table):
                    yield one

    async def _of_table(self, table: FoundTable) -> AsyncIterator[Suggestion]:
        for time in time_columns(table):
            moments = await self._moments(table.name, time)
            if not moments:
                continue
            shape = shape_of(table, time, moments)
            fresh = freshness(shape, moments)
            if fresh is not None:
                yield await self._tried(fresh)
            if shape.grain is not None and shape.numbers:
                async for one in self._of_numbers(shape):
                    yield one
            return

    async def _moments(self, table: str, time: str) -> list[datetime]:
        text = f"select distinct {time} as t from {table} where {time} >= {{{{ since }}}}"  # noqa: S608  # names are checked
        try:
            cells = await column_of(self.source, text, self.now, self.now - LEARN)
            found = [as_moment(cell) for cell in cells]
        except (SourceError, ValueError):
            return []
        return sorted(at for at in found if at is not None and at <= self.now)

    async def _of_numbers(self, shape: Shape) -> AsyncIterator[Suggestion]:
        labels = await self._labels(shape)
        for number in shape.numbers:
            first = await self._tried(anomaly(shape, number, labels, 0.1))
            if first.past is None or first.past.error:
                continue
            drops = [
                one.verdict.breach.sample.value for one in first.past.alerts if one.verdict.breach
            ]
            limit = drop_for(drops, self.back / timedelta(days=1))
            yield await self._tried(anomaly(shape, number, labels, limit))

    async def _labels(self, shape: Shape) -> Sequence[str]:
        """Return the columns whose few values make slices."""
        found: list[str] = []
        for label in shape.labels:
            text = f"select distinct {label} as v from {shape.table} where {shape.time} >= {{{{ since }}}}"  # noqa: S608, E501  # names are checked
            try:
                values = await column_of(self.source, text, self.now, self.now - LEARN)
            except SourceError:
                continue
            if 1 < len(values) <= MOST_VALUES:
                found.append(label)
        return found[:MOST_LABELS]

    async def _of_histogram(self, name: str) -> AsyncIterator[Suggestion]:
        p99s: list[float] = []
        for hours in range(24 * 7):
            at = self.now - timedelta(hours=hours)
            query = Quantiles(name, (), (0.99,), timedelta(minutes=5))
            try:
                answer = await self.source.ask(query, Asking(at, timedelta(seconds=10), "suggest"))
            except SourceError:
                continue
            assert isinstance(answer, Latencies)
            p99s.extend(found.quantiles[0.99] for found in answer.slices)
        proposal = latency(name, p99s)
        if proposal is not None:
            yield await self._tried(proposal)

    async def _of_metric(self, metric: FoundMetric) -> AsyncIterator[Suggestion]:
        """Learn from one question: the server itself looks back over the week."""
        past = f"({metric.query})[{LEARN_METRICS.days}d:10m]"
        text = f"quantile_over_time(0.995, {past}) and (count_over_time({past}) >= {ENOUGH})"
        try:
            numbers = await column_of(self.source, f"max({text})", self.now, None)
        except SourceError:
            return
        for number in numbers:
            proposal = threshold(metric, float(str(number)))
            if proposal is not None:
                yield await self._tried(proposal)

    async def _tried(self, proposal: Proposal) -> Suggestion:
        planned = self.build(proposal)
        if planned is None:
            return Suggestion(proposal, None, "the configuration would refuse it")
        past = await look_back(planned, self.source, self.now, self.back, _quietly)
        return Suggestion(proposal, past)


def _quietly(_done: int, _total: int) -> None:
    pass


def told(past: Past, days: float) -> str:
    """Say in words what a check would have done."""
    if past.error:
        return f"cannot be replayed: {past.error}"
    paged, warned = past.count(Tier.PAGE), past.count(Tier.WARN)
    return f"in the last {days:g} days: would have paged {paged}, warned {warned}"
