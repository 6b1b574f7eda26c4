"""Trino: rows by SQL with a deadline that holds in the queue; load by REST, which never queues."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import ClassVar, Self

from pydantic import Field, PrivateAttr, SecretStr, model_validator

from monitor.api import (
    Answer,
    Asking,
    BlockingSource,
    LastUpdate,
    Load,
    Partition,
    PartitionList,
    Partitions,
    Query,
    Rows,
    SourceError,
    Table,
    Updated,
    as_moment,
    looks_harmless,
)
from monitor.sources.trino.address import FORM, Address, read_address
from monitor.sources.trino.guard import guard
from monitor.sources.trino.load import snapshot
from monitor.sources.trino.statement import Result, Turn, run, turn_of

SINCE = re.compile(r"\{\{\s*since\s*\}\}")
_PART = r'(?:[A-Za-z_]\w*|"[\w$ -]+")'
COLUMN = re.compile(_PART)
TABLE = re.compile(rf"{_PART}(?:\.{_PART}){{0,2}}")


class Trino(BlockingSource, type="trino"):
    """A Trino cluster: asked one query at a time, tagged, and cancelled at the deadline."""

    answers: ClassVar = frozenset({Rows, LastUpdate, Partitions, Load})

    url: str = Field(
        repr=False,
        description=f"{FORM}; TLS with a password, on ports 443 and 8443, or by ?scheme=https.",
    )
    password: SecretStr | None = Field(default=None, description="Of the user, for Basic; by TLS.")
    max_concurrency: int = Field(default=1, ge=1, description="Questions under way at once.")
    max_scan: str = Field(
        default="50GB",
        pattern=r"^\d+(B|kB|MB|GB|TB)$",
        description="The most that one query may read; the cluster ends a query that reads more.",
    )

    _address: Address = PrivateAttr()

    @model_validator(mode="after")
    def _read_url(self) -> Self:
        secret = self.password.get_secret_value() if self.password else None
        self._address = read_address(self.url, secret)
        return self

    def objections(self, query: Query) -> Iterator[str]:
        """Refuse what is not one reading statement."""
        if isinstance(query, Rows) and not looks_harmless(query.text):
            try:
                guard(SINCE.sub("current_timestamp", query.text))
            except SourceError as error:
                yield str(error)

    async def ask(self, query: Query, asking: Asking) -> Answer:
        """Answer by the deadline, counted from now; when nobody waits any more, cancel."""
        turn = turn_of(asking)
        try:
            return await super().ask(query, turn)
        finally:
            turn.given_up.set()

    def ask_blocking(self, query: Query, asking: Asking) -> Answer:
        """Answer within the deadline; nothing stays alive on the cluster."""
        turn = turn_of(asking)
        match query:
            case Load():
                return snapshot(self._address, turn, lambda text: self._run(text, turn))
            case Rows():
                return self._rows(query, turn)
            case LastUpdate():
                return self._last_update(query, turn)
            case Partitions():
                return self._partitions(query, turn)
        raise SourceError("query", f"Trino cannot answer {type(query).__name__}")

    def _rows(self, query: Rows, turn: Turn) -> Table:
        text = query.text
        if SINCE.search(text):
            if query.since is None:
                raise SourceError("query", "the text has {{ since }}, but this kind has no window")
            text = SINCE.sub(_literal(query.since), text)
        guard(text)
        found = self._run(text.rstrip().rstrip(";"), turn)
        cells = list(zip(*found.rows, strict=True)) or [()] * len(found.columns)
        if len(set(found.columns)) < len(found.columns):
            raise SourceError("query", "two columns have one name: give each its own with AS")
        data = dict(zip(found.columns, cells, strict=True))
        return Table(observed_at=turn.now, columns=data, cost=found.cost)

    def _last_update(self, query: LastUpdate, turn: Turn) -> Updated:
        column, table = _name(query.column, COLUMN), _name(query.table, TABLE)
        found = self._run(f"select max({column}) from {table}", turn)  # noqa: S608  # names are checked
        newest = _moment(found.rows[0][0])
        return Updated(observed_at=turn.now, data_at=newest, cost=found.cost)

    def _partitions(self, query: Partitions, turn: Turn) -> PartitionList:
        column, table = _name(query.column, COLUMN), _name(query.table, TABLE)
        found = self._run(
            f"select {column}, count(*) from {table} "  # noqa: S608  # names are checked
            f"where {column} >= {_literal(query.since)} and {column} < {_literal(query.until)} "
            "group by 1",
            turn,
        )
        partitions = [
            Partition(start, str(cell), rows=int(count))
            for cell, count in found.rows
            if (start := _moment(cell)) is not None
        ]
        return PartitionList(observed_at=turn.now, partitions=tuple(partitions), cost=found.cost)

    def _run(self, text: str, turn: Turn) -> Result:
        return run(text, self._address, turn, {"query_max_scan_physical_bytes": self.max_scan})


def _name(text: str, form: re.Pattern[str]) -> str:
    if not form.fullmatch(text):
        raise SourceError("query", f"'{text}' is no name of a table or column")
    return text


def _literal(at: datetime) -> str:
    naive = at.astimezone(UTC).replace(tzinfo=None)
    return f"TIMESTAMP '{naive.isoformat(sep=' ')}'"


def _moment(cell: object) -> datetime | None:
    """Read a cell as a moment; what has no zone is UTC. Raise SourceError for other types."""
    try:
        return as_moment(cell)
    except ValueError as error:
        raise SourceError("query", f"the column holds {cell!r}, which is no moment") from error
