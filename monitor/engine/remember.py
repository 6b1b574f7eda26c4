"""A source as it was at each moment of the past: asked once, and never shown what came later."""

import re
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from pydantic import PrivateAttr

from monitor.api.answer import (
    Answer,
    Partition,
    PartitionList,
    Run,
    RunList,
    Table,
    Updated,
    as_moment,
)
from monitor.api.errors import SourceError
from monitor.api.query import LastUpdate, Partitions, Query, Rows, Runs
from monitor.api.reading import SINCE
from monitor.api.source import Asking, Source
from monitor.engine.arrivals import STEPS
from monitor.store.arrivals import Arrived

NAME = re.compile(r'[\w".]+')


@dataclass(frozen=True, slots=True)
class _Series:
    """Rows in the order of their moments."""

    names: tuple[str, ...]
    moments: Sequence[datetime]
    columns: Sequence[tuple[object, ...]]


class Remembered(Source):
    """Answers at a moment of the past with what has a moment before it.

    ``time`` is the column of moments in the answers to ``Rows``; ``arrivals`` tells when partitions
    came, as far as the daemon saw it. What a system does not keep (when
    a row arrived, how long a queue was) cannot be told: ``notes`` says what was taken for granted,
    and a question about nothing but the present is refused.
    """

    source: Source
    start: datetime
    end: datetime
    time: str = "t"
    arrivals: Callable[[Partitions], Arrived | None] | None = None

    _series: dict[str, _Series] = PrivateAttr(default_factory=dict)
    _parts: dict[str, tuple[Partition, ...]] = PrivateAttr(default_factory=dict)
    _notes: dict[str, None] = PrivateAttr(default_factory=dict)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was taken for granted."""
        return tuple(self._notes)

    async def ask(self, query: Query, asking: Asking) -> Answer:
        """Answer as of ``asking.now``. Raise SourceError for what nobody remembers."""
        if self.source.remembers:
            return await self.source.ask(query, asking)
        match query:
            case Rows(since=since) if since is not None and SINCE.search(query.text):
                return await self._rows(query, since, asking)
            case LastUpdate():
                return await self._last_update(query, asking)
            case Partitions():
                return await self._partitions(query, asking)
            case Runs():
                return await self._runs(query, asking)
        what = "the query has no {{ since }}" if isinstance(query, Rows) else "it keeps no history"
        raise SourceError("query", f"'{self.source.name}' cannot be asked about the past: {what}")

    async def _rows(self, query: Rows, since: datetime, asking: Asking) -> Table:
        series = await self._bulk(query.text, since, asking)
        first = bisect_left(series.moments, since)
        last = bisect_left(series.moments, asking.now)
        columns = [column[first:last] for column in series.columns]
        self._note("rows count from their own time on, not from when they arrived")
        return Table(observed_at=asking.now, columns=dict(zip(series.names, columns, strict=True)))

    async def _bulk(self, text: str, since: datetime, asking: Asking) -> _Series:
        """Ask once for all that the first and every later look needs."""
        if text not in self._series:
            back = asking.now - since
            first = min(since, self.start - back)
            whole = replace(asking, now=self.end, timeout=timedelta(minutes=5))
            answer = await self.source.ask(Rows(text, first), whole)
            assert isinstance(answer, Table)
            self._series[text] = _in_order(answer, self.time)
        return self._series[text]

    async def _last_update(self, query: LastUpdate, asking: Asking) -> Updated:
        for name in (query.table, query.column):
            if NAME.fullmatch(name) is None:
                raise SourceError("query", f"'{name}' is no name of a table or column")
        text = (
            f"select {query.column} as {self.time} from {query.table} "  # noqa: S608  # names are checked
            f"where {query.column} >= {{{{ since }}}} group by {query.column}"
        )
        series = await self._bulk(text, asking.now - timedelta(days=30), asking)
        last = bisect_left(series.moments, asking.now)
        self._note("rows count from their own time on, not from when they arrived")
        return Updated(observed_at=asking.now, data_at=series.moments[last - 1] if last else None)

    async def _partitions(self, query: Partitions, asking: Asking) -> PartitionList:
        key = f"{query.table}|{query.column}|{query.grain}"
        if key not in self._parts:
            first = min(query.since, self.start - (asking.now - query.since))
            answer = await self.source.ask(
                replace(query, since=first, until=self.end), replace(asking, now=self.end)
            )
            assert isinstance(answer, PartitionList)
            self._parts[key] = answer.partitions
        arrived = self.arrivals(query) if self.arrivals is not None else None
        came = arrived.moments if arrived is not None else {}
        self._note(_how_known(arrived))
        step = STEPS[query.grain]
        there = {part.start: part for part in self._parts[key]}
        # What has been dropped since was there all the same.
        there |= {start: Partition(start, "") for start in came.keys() - there.keys()}
        parts = tuple(
            there[start]
            for start in sorted(there)
            if query.since <= start < query.until and came.get(start, start + step) <= asking.now
        )
        return PartitionList(observed_at=asking.now, partitions=parts)

    async def _runs(self, query: Runs, asking: Asking) -> RunList:
        answer = await self.source.ask(query, replace(asking, now=self.end))
        assert isinstance(answer, RunList)
        runs = tuple(_as_of(run, asking.now) for run in answer.runs if _began(run, asking.now))
        is_known = answer.known_since is not None and answer.known_since <= asking.now
        return replace(answer, runs=runs, known_since=answer.known_since if is_known else None)

    def _note(self, text: str) -> None:
        self._notes[text] = None


def _how_known(arrived: Arrived | None) -> str:
    assumed = "a partition is taken to have landed at its end: gaps that were filled later"
    if arrived is None:
        return f"{assumed} are not seen, for the daemon has not looked at this table yet"
    first = f"{arrived.since:%Y-%m-%d %H:%M} UTC"
    return f"{assumed} are not seen before {first}, when the daemon looked first"


def _in_order(table: Table, time: str) -> _Series:
    if time not in table.columns:
        have = ", ".join(table.columns) or "none"
        raise SourceError("query", f"the answer has no column '{time}' of moments; it has: {have}")
    moments = [as_moment(cell) or datetime.min.replace(tzinfo=UTC) for cell in table.columns[time]]
    order = sorted(range(len(moments)), key=moments.__getitem__)
    columns = [tuple(column[i] for i in order) for column in table.columns.values()]
    return _Series(tuple(table.columns), [moments[i] for i in order], columns)


def _began(run: Run, now: datetime) -> bool:
    began_at = run.started_at or run.ended_at
    return began_at is not None and began_at <= now


def _as_of(run: Run, now: datetime) -> Run:
    """Return a run as it was: one that ended later was still running."""
    if run.ended_at is None or run.ended_at <= now:
        return run
    return replace(run, state="running", ended_at=None, exit_status=None)
