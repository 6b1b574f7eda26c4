"""What comes back: frozen values. An empty answer is an answer; a failure is an exception."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeAlias

from monitor.core.labels import Labels, labels_of
from monitor.core.value import value


@dataclass(frozen=True, slots=True)
class Cost:
    """What an answer cost the system that was asked."""

    queries: int = 1
    bytes: int = 0
    cpu: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What every answer carries.

    ``observed_at`` is when the system was asked, ``data_at`` the moment of the newest data in the
    answer, ``link`` leads people to the evidence, ``maintainer`` is one that the system knows.
    """

    observed_at: datetime
    data_at: datetime | None = None
    cost: Cost = Cost()
    link: str | None = None
    maintainer: str | None = None


@value(frozen=True, slots=True)
class Row:
    """One row of a table, read by column name."""

    cells: Mapping[str, object]

    def number(self, column: str) -> float | None:
        """Return the cell as a float; None where it is NULL. Raise ValueError when it is no number.

        Booleans count as numbers, decimals and numeric texts are converted. NaN is None, too: it
        is on the good side of every limit, and what says nothing must not look well.
        """
        cell = self._cell(column)
        if cell is None:
            return None
        try:
            number = float(cell)  # type: ignore[arg-type]  # anything that float() takes
        except (TypeError, ValueError):
            raise ValueError(f"column '{column}' holds {cell!r}, which is not a number") from None
        return None if math.isnan(number) else number

    def moment(self, column: str) -> datetime | None:
        """Return the cell as an aware UTC moment; None where it is NULL.

        Naive values and ISO texts without a zone are taken as UTC, numbers as Unix seconds.
        """
        try:
            return as_moment(self._cell(column))
        except ValueError as error:
            if column not in self.cells:
                raise
            raise ValueError(f"column '{column}' holds {error}") from None

    def labels(self, *columns: str) -> Labels:
        """Return the named columns as labels; without names, every column that holds a text."""
        names = columns or tuple(n for n, cell in self.cells.items() if isinstance(cell, str))
        return labels_of((name, str(self._cell(name))) for name in names) if names else ()

    def _cell(self, column: str) -> object:
        if column not in self.cells:
            have = ", ".join(self.cells) or "none"
            raise ValueError(f"the answer has no column '{column}'; it has: {have}")
        return self.cells[column]


def as_moment(cell: object) -> datetime | None:
    """Read a moment as databases give it; see ``Row.moment``. Raise ValueError for the rest."""
    if cell is None:
        return None
    if isinstance(cell, datetime):
        return cell.replace(tzinfo=UTC) if cell.tzinfo is None else cell.astimezone(UTC)
    try:
        if isinstance(cell, (int, float)) and not isinstance(cell, bool):
            return datetime.fromtimestamp(cell, UTC)
        moment = datetime.fromisoformat(str(cell))  # a date has an ISO text, too
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise ValueError(f"{cell!r}, which is no moment (numbers are Unix seconds)") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table(Answer):
    """Named columns of equal length, in the order of the query."""

    columns: Mapping[str, tuple[object, ...]]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(next(iter(self.columns.values()), ()))

    @property
    def rows(self) -> Iterator[Row]:
        """Go through the rows."""
        names = tuple(self.columns)
        for cells in zip(*self.columns.values(), strict=True):
            yield Row(dict(zip(names, cells)))  # noqa: B905  # as many cells as names


@dataclass(frozen=True, slots=True, kw_only=True)
class Updated(Answer):
    """When a table was last updated; ``data_at`` None means that it holds no rows.

    ``rows`` is how many the last write added, where that is known.
    """

    written_at: datetime | None = None
    rows: int | None = None


@dataclass(frozen=True, slots=True)
class Partition:
    """One partition that exists: its start, how the table writes it, and its rows where known."""

    start: datetime
    name: str
    rows: int | None = None
    bytes: int | None = None

    @property
    def is_empty(self) -> bool:
        """Whether the partition is known to hold nothing: existence is not data."""
        return self.rows == 0 or (self.rows is None and self.bytes == 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionList(Answer):
    """The partitions that exist in the window that was asked for."""

    partitions: tuple[Partition, ...]


RunState: TypeAlias = Literal["running", "succeeded", "failed"]


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a job: when it started and ended, how, and where to look."""

    id: str
    state: RunState
    started_at: datetime | None = None
    ended_at: datetime | None = None
    exit_status: int | None = None
    link: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunList(Answer):
    """Runs, oldest first. ``known_since`` is when the first sign of the job was ever seen."""

    runs: tuple[Run, ...]
    known_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class SliceLatency:
    """Latency of one slice over the window.

    ``quantiles`` maps 0.99 to seconds; a quantile in the last bucket is at least its lower edge
    and is listed in ``at_least``. ``rate`` is requests per second. None means unknown.
    """

    slice: Labels
    quantiles: Mapping[float, float]
    rate: float
    at_least: frozenset[float] = frozenset()
    errors: float | None = None
    below: float | None = None
    maintainer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Latencies(Answer):
    """Latency per slice; slices without traffic are absent."""

    slices: tuple[SliceLatency, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers(Answer):
    """The answers to questions that were asked together, in their order.

    Each is what its question would have got alone; only the cost is that of them all.
    """

    parts: tuple[Answer, ...]
