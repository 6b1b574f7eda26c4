"""A source that answers from the rows of a CSV file: for tests of checks."""

import csv
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

from pydantic import PrivateAttr

from monitor.api import (
    Answer,
    Asking,
    LastUpdate,
    Latencies,
    Load,
    LoadSnapshot,
    Partition,
    PartitionList,
    Partitions,
    Quantiles,
    Query,
    Rows,
    Run,
    RunList,
    Runs,
    SliceLatency,
    Source,
    SourceError,
    Table,
    Updated,
    as_moment,
    labels_of,
    parse_duration,
)

MOST_ROWS = 200_000


class Fixture(Source):
    """Answer every question from the same rows.

    The columns are those of the query; for a table its time column (and ``rows``); for latency the
    labels, ``p50`` to ``p99`` (seconds, or ``250ms``), ``rate``, ``errors``; for runs
    ``started_at``, ``ended_at``, ``state``; for the load of a cluster ``at``, ``queued``,
    ``running``, ``workers``, ``memory_share``.
    Rows of a moment after the one that is asked about are not there yet.
    """

    answers: ClassVar = frozenset({Rows, LastUpdate, Partitions, Quantiles, Runs, Load})

    path: Path

    _rows: list[dict[str, object]] = PrivateAttr(default_factory=list)

    def model_post_init(self, _context: object) -> None:
        """Read the file. Raise ValueError for one that is too long or has no header."""
        with self.path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            for row in reader:
                if len(self._rows) >= MOST_ROWS:
                    raise ValueError(f"{self.path} has more than {MOST_ROWS} rows")
                self._rows.append({str(name): _cell(text) for name, text in row.items()})
        if not reader.fieldnames:
            raise ValueError(f"{self.path} needs a first line with the names of the columns")

    async def ask(self, query: Query, asking: Asking) -> Answer:
        """Answer from the rows. Raise SourceError where a column is missing."""
        now = asking.now
        match query:
            case Rows():
                return self._table(now)
            case LastUpdate(column=column):
                moments = [at for at in self._moments(column) if at is not None and at <= now]
                return Updated(observed_at=now, data_at=max(moments, default=None))
            case Partitions(column=column):
                return PartitionList(observed_at=now, partitions=tuple(self._parts(column)))
            case Quantiles():
                slices = tuple(_latency(row, query) for row in self._rows)
                return Latencies(observed_at=now, slices=slices)
            case Runs():
                return self._runs(now)
            case Load():
                return self._load(now)
        raise SourceError("query", f"a file of rows cannot answer {type(query).__name__}")

    def _table(self, now: datetime) -> Table:
        names = tuple(self._rows[0]) if self._rows else ()
        columns = {name: tuple(row[name] for row in self._rows) for name in names}
        return Table(observed_at=now, columns=columns)

    def _moments(self, column: str) -> Iterable[datetime | None]:
        for row in self._rows:
            if column not in row:
                raise SourceError("query", f"{self.path} has no column '{column}'")
            yield as_moment(row[column])

    def _parts(self, column: str) -> Iterable[Partition]:
        for row, start in zip(self._rows, self._moments(column), strict=True):
            if start is not None:
                rows = row.get("rows", 1)
                count = int(rows) if isinstance(rows, float) else 1
                yield Partition(start, str(row[column]), rows=count)

    def _runs(self, now: datetime) -> RunList:
        runs = [_run(str(number), row) for number, row in enumerate(self._rows)]
        began = [(run.started_at or run.ended_at, run) for run in runs]
        there = tuple(run for at, run in began if at is not None and at <= now)
        first = min((at for at, _ in began if at is not None), default=None)
        return RunList(observed_at=now, runs=there, known_since=first)

    def _load(self, now: datetime) -> LoadSnapshot:
        rows = [row for row in self._rows if (as_moment(row.get("at")) or now) <= now]
        if not rows:
            raise SourceError("query", f"{self.path} has no row at {now}")
        row = rows[-1]
        memory = row.get("memory_share")
        return LoadSnapshot(
            observed_at=now,
            queued=_whole(row.get("queued")),
            running=_whole(row.get("running")),
            workers=_whole(row.get("workers")),
            memory_share=memory if isinstance(memory, float) else None,
            collectors=("fixture",),
        )


def _cell(text: str | None) -> object:
    if text is None or text == "":
        return None
    try:
        return float(text)
    except ValueError:
        return text


def _whole(cell: object) -> int | None:
    return int(cell) if isinstance(cell, float) else None


def _run(number: str, row: Mapping[str, object]) -> Run:
    started_at, ended_at = as_moment(row.get("started_at")), as_moment(row.get("ended_at"))
    return Run(number, _state(row), started_at, ended_at)


def _state(row: Mapping[str, object]) -> Any:
    state = row.get("state")
    if state not in {"running", "succeeded", "failed"}:
        raise SourceError("query", f"'{state}' is no state of a run: running, succeeded or failed")
    return state


def _latency(row: Mapping[str, object], query: Quantiles) -> SliceLatency:
    labels = labels_of((name, str(row.get(name, ""))) for name in query.by)
    quantiles = {share: _seconds(row.get(f"p{share * 100:.0f}")) for share in query.quantiles}
    rate, errors = row.get("rate"), row.get("errors")
    return SliceLatency(
        slice=labels,
        quantiles=quantiles,
        rate=rate if isinstance(rate, float) else 1.0,
        errors=errors if isinstance(errors, float) else None,
    )


def _seconds(cell: object) -> float:
    if isinstance(cell, str):
        return parse_duration(cell).total_seconds()
    return cell if isinstance(cell, float) else 0.0
