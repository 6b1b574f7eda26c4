"""What a kind may ask. A question is a value, so that it can be shared, batched and replayed."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

Grain: TypeAlias = Literal["hour", "day"]


@dataclass(frozen=True, slots=True)
class Query:
    """The root of all questions."""


@dataclass(frozen=True, slots=True)
class Rows(Query):
    """Run a text in the source's own language (SQL, PromQL) and return a table.

    ``since`` is the start of the window that the text looks at, when it has one; the source puts
    it in the place of ``{{ since }}`` in its own way of writing moments. ``until`` is its end, for
    ``{{ until }}``; None is now.
    """

    text: str
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class LastUpdate(Query):
    """The moment of the newest row of a table: the greatest value of ``column``."""

    table: str
    column: str


@dataclass(frozen=True, slots=True)
class LastWrite(Query):
    """When rows were last written to a table; an empty append and a compaction are no write."""

    table: str


@dataclass(frozen=True, slots=True)
class Partitions(Query):
    """The partitions of a table that hold data, in [since, until)."""

    table: str
    column: str
    grain: Grain
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Runs(Query):
    """The runs of a job or pipeline since a moment, oldest first."""

    pipeline: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Load(Query):
    """One snapshot of a query cluster: queue, workers, memory, and who holds it."""


@dataclass(frozen=True, slots=True)
class Quantiles(Query):
    """Quantiles, rate, error share and share under a bound of a latency histogram, per slice.

    ``by`` names the labels that make slices. ``errors`` and ``requests`` are optional PromQL
    selectors of counters of failed and of all requests; without them the error share is unknown.
    ``below`` is a bound in seconds on a bucket edge, or None.
    """

    histogram: str
    by: tuple[str, ...]
    quantiles: tuple[float, ...]
    window: timedelta
    errors: str | None = None
    requests: str | None = None
    below: float | None = None


@dataclass(frozen=True, slots=True)
class Together(Query):
    """Different questions that their source said it can answer in one request."""

    questions: tuple[Query, ...]
