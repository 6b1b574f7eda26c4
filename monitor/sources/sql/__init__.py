"""SQL databases, through SQLAlchemy. Only reading is possible."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from time import monotonic
from typing import Any, ClassVar

import sqlalchemy as sa
from pydantic import Field, PrivateAttr

from monitor.api import (
    Answer,
    Answers,
    Asking,
    BlockingSource,
    Cost,
    LastUpdate,
    MissingExtraError,
    Partition,
    PartitionList,
    Partitions,
    Query,
    Rows,
    SourceError,
    Table,
    Together,
    Updated,
    looks_harmless,
)
from monitor.api.groups import Groups
from monitor.api.reading import SINCE, UNTIL, windowless
from monitor.sources.sql import lite
from monitor.sources.sql.faults import fault_of
from monitor.sources.sql.together import Statement, moment_of, parts_of, sets_of, statement_of

MOST_ROWS = 200_000
FEWER = "aggregate in the query; that of a metric can be asked in pieces with {{ until }}"
DIALECTS = {"postgresql": "postgres", "mssql": "tsql"}
SQLITE_KEEPS = {"cached_statements": 16}
"""Statements that a connection keeps prepared: Python's 128 are 10 MB of merged ones for each."""
AS_IT_IS = {"no_parameters": True}
MOST_STATEMENTS = 4096
"""Merged statements that are kept: most come again every minute."""


class Sql(BlockingSource, type="sql"):
    """Any database that SQLAlchemy can reach."""

    answers: ClassVar = frozenset({Rows, LastUpdate, Partitions})

    url: str = Field(description="A SQLAlchemy URL, as sqlite:///kpi.db.")

    _engine: sa.Engine | None = PrivateAttr(default=None)
    _lite: lite.Reader | None = PrivateAttr(default=None)
    _statement: Callable[[tuple[Query, ...]], Statement | Groups | None] = PrivateAttr()

    def model_post_init(self, _context: object) -> None:
        """Make the engine; nothing connects yet. Raise MissingExtraError without the driver."""
        self._statement = lru_cache(MOST_STATEMENTS)(self._written)
        try:
            url = sa.make_url(self.url)
            is_file = url.get_backend_name() == "sqlite"
            self._engine = sa.create_engine(
                _read_only(url),
                pool_pre_ping=not is_file,  # a file is there without asking
                connect_args=SQLITE_KEEPS if is_file else {},
            )
            if isinstance(self._engine.pool, sa.QueuePool) and is_file:  # not one in memory
                path = url.database or ""
                lite.follow(self._engine, path)
                self._lite = lite.Reader(self._engine, path)
        except ModuleNotFoundError as error:
            raise MissingExtraError(f"source '{self.name}' ({error.name})", "postgres") from error
        except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError) as error:
            raise ValueError(f"'{self.name}' has no URL that SQLAlchemy knows: {error}") from error

    @property
    def is_local(self) -> bool:
        """Whether it is a file of SQLite."""
        return self._lite is not None

    def ask_blocking(self, query: Query, asking: Asking) -> Answer:
        """Answer by one statement each."""
        match query:
            case Rows():
                return self._rows(query, asking)
            case LastUpdate():
                return self._last_update(query, asking)
            case Partitions():
                return self._partitions(query, asking)
            case Together():
                return self._together(query, asking)
        raise SourceError("query", f"a SQL database cannot answer {type(query).__name__}")

    def merge(self, questions: Sequence[Query]) -> Sequence[Sequence[int]]:
        """Merge statements of one number and newest rows, each planned as it would be alone."""
        return sets_of(questions, self._dialect, self._newest)

    def _together(self, query: Together, asking: Asking) -> Answers:
        found = self._statement(query.questions)
        if found is None:
            return self._in_turn(query, asking)
        _, rows = self._run(found.text, {}, asking)
        return Answers(observed_at=asking.now, parts=parts_of(found, rows, asking.now))

    def _written(self, questions: tuple[Query, ...]) -> Statement | Groups | None:
        """Write one statement of questions each of which may be asked. Raise SourceError."""
        for one in questions:
            if isinstance(one, Rows):
                self._guard(one.text)
        return statement_of(questions, self._dialect, self._newest)

    def _in_turn(self, query: Together, asking: Asking) -> Answers:
        """Answer one after the other, all of them within the deadline."""
        ends = monotonic() + asking.timeout.total_seconds()
        parts = []
        for one in query.questions:
            left = timedelta(seconds=ends - monotonic())
            if left <= timedelta(0):
                raise SourceError("timeout", f"{len(query.questions)} questions took too long")
            parts.append(self.ask_blocking(one, replace(asking, timeout=left)))
        cost = Cost(queries=len(parts))
        return Answers(observed_at=asking.now, parts=tuple(parts), cost=cost)

    def _newest(self, query: LastUpdate) -> str:
        assert self._engine is not None
        return str(_newest(query).compile(self._engine))

    def objections(self, query: Query) -> Iterator[str]:
        """Refuse what is not one reading statement."""
        if not isinstance(query, Rows):
            return
        if wrong := windowless(query):
            yield wrong
        if not looks_harmless(query.text):
            try:
                self._guard(query.text)
            except SourceError as error:
                yield str(error)

    def _rows(self, query: Rows, asking: Asking) -> Table:
        self._guard(query.text)
        columns, rows = self._run(*self._filled(query, asking), asking)
        cells = list(zip(*rows, strict=True)) or [()] * len(columns)
        return Table(observed_at=asking.now, columns=dict(zip(columns, cells, strict=True)))

    def _filled(
        self, query: Rows, asking: Asking
    ) -> tuple[str | sa.TextClause, dict[str, str | datetime]]:
        """Return what is run, and the moments in it."""
        if "{{" not in query.text:
            return query.text, {}
        if wrong := windowless(query):
            raise SourceError("query", wrong)
        text = UNTIL.sub(":until", SINCE.sub(":since", _escaped(query.text)))
        values = {}
        if text.count(":since"):
            values["since"] = self._moment(query.since or asking.now)
        if text.count(":until"):
            values["until"] = self._moment(query.until or asking.now)
        return sa.text(text), values

    def _last_update(self, query: LastUpdate, asking: Asking) -> Updated:
        _, rows = self._run(_newest(query), {}, asking)
        return Updated(observed_at=asking.now, data_at=moment_of(rows[0][0]))

    def _partitions(self, query: Partitions, asking: Asking) -> PartitionList:
        column: sa.ColumnClause[Any] = sa.column(query.column)
        statement = (
            sa.select(column, sa.func.count())
            .select_from(_table(query.table))
            .where(column >= self._moment(query.since), column < self._moment(query.until))
            .group_by(column)
        )
        _, rows = self._run(statement, {}, asking)
        found = [
            Partition(start, str(cell), rows=int(count))
            for cell, count in rows
            if (start := moment_of(cell)) is not None
        ]
        return PartitionList(observed_at=asking.now, partitions=tuple(found))

    def _moment(self, at: datetime) -> str | datetime:
        """Write a bound as the database compares it; SQLite keeps moments as texts in UTC."""
        at = at.astimezone(UTC).replace(tzinfo=None)
        return f"{at:%Y-%m-%d %H:%M:%S}" if self._dialect == "sqlite" else at

    @property
    def _dialect(self) -> str:
        assert self._engine is not None
        return self._engine.dialect.name

    def _guard(self, text: str) -> None:
        """Let one reading statement pass, nothing else."""
        plain = _plain(text)
        if _is_harmless(plain):
            return
        # The parser takes 10 MB and a millisecond; plain queries do without.
        import sqlglot  # noqa: PLC0415
        from sqlglot import exp  # noqa: PLC0415

        try:
            parsed = sqlglot.parse(plain, dialect=DIALECTS.get(self._dialect, self._dialect))
        except (sqlglot.ParseError, ValueError) as error:
            first = str(error).splitlines()[0]
            raise SourceError("query", f"the query cannot be read: {first}") from error
        roots = [root for root in parsed if root is not None]
        writes = (exp.Insert, exp.Update, exp.Delete, exp.Create, exp.Drop, exp.Command, exp.Into)
        if len(roots) != 1 or not isinstance(roots[0], exp.Query) or roots[0].find(*writes):
            raise SourceError("query", "only a single SELECT may be asked")

    def _run(
        self, statement: sa.Executable | str, values: dict[str, Any], asking: Asking
    ) -> tuple[list[str], list[Any]]:
        """Run a statement, a text as it is written; return its columns and rows."""
        reader = self._lite
        try:
            if reader is not None and isinstance(statement, str):
                columns, rows = reader.read(statement, asking.timeout, MOST_ROWS + 1)
                return columns, _bounded(rows)
            assert self._engine is not None
            with self._engine.connect() as connection:
                self._limit(connection, asking)
                if isinstance(statement, str):
                    # Without parameters, no driver takes a % for the place of one.
                    result = connection.exec_driver_sql(statement, execution_options=AS_IT_IS)
                else:
                    result = connection.execute(statement, values)
                rows = [tuple(row) for row in result.fetchmany(MOST_ROWS + 1)]
                columns = list(result.keys())
                connection.rollback()
        except (sa.exc.DBAPIError, sqlite3.Error) as error:
            raise fault_of(error, asking, reader.path if reader else None) from error
        return columns, _bounded(rows)

    def _limit(self, connection: sa.Connection, asking: Asking) -> None:
        """Make the database itself keep the deadline."""
        seconds = asking.timeout.total_seconds()
        if self._dialect == "sqlite":
            raw = connection.connection.driver_connection
            assert isinstance(raw, sqlite3.Connection)
            lite.limit(raw, asking.timeout)
        elif self._dialect == "postgresql":
            connection.execute(sa.text("set transaction read only"))
            connection.execute(sa.text(f"set local statement_timeout = {int(seconds * 1000)}"))

    async def close(self) -> None:
        """Let go of the connections."""
        await super().close()
        if self._lite is not None:
            self._lite.close()
        if self._engine is not None:
            self._engine.dispose()


def _bounded(rows: list[Any]) -> list[Any]:
    """Refuse more rows than anybody can use."""
    if len(rows) > MOST_ROWS:
        raise SourceError("query", f"more than {MOST_ROWS} rows: {FEWER}")
    return rows


def _read_only(url: sa.URL) -> sa.URL:
    """Open SQLite files for reading only, and never make one that is missing."""
    if url.get_backend_name() != "sqlite" or url.database in {None, "", ":memory:"}:
        return url
    if str(url.database).startswith("file:"):
        return url
    query = {"mode": "ro", "uri": "true"}
    return url.set(database=f"file:{url.database}", query={**url.query, **query})


@lru_cache(MOST_STATEMENTS)
def _plain(text: str) -> str:
    return UNTIL.sub("'until'", SINCE.sub("'since'", text))


_is_harmless = lru_cache(MOST_STATEMENTS)(looks_harmless)


def _escaped(text: str) -> str:
    """Write what SQLAlchemy reads as the text itself, without parameters."""
    return text.replace("\\", "\\\\").replace(":", "\\:")


def _newest(query: LastUpdate) -> sa.Select[Any]:
    column: sa.ColumnClause[Any] = sa.column(query.column)
    return sa.select(sa.func.max(column)).select_from(_table(query.table))


def _table(name: str) -> sa.TableClause:
    schema, _, table = name.rpartition(".")
    return sa.table(table, schema=schema or None)
