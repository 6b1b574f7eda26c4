"""Insert or replace, on both databases."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from monitor.store.columns import Moment

MOMENT = Moment()


def insert_many(
    connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Insert rows; all have the same columns."""
    upsert_many(connection, table, (), rows)


def upsert_many(
    connection: sa.Connection,
    table: sa.Table,
    key: tuple[str, ...],
    rows: Sequence[Mapping[str, Any]],
    *,
    only_new: tuple[str, ...] = (),
    unless_same: tuple[str, str] | None = None,
) -> None:
    """Insert rows, or replace those with the same key; all have the same columns.

    Without a key, each is a new one.
    Columns in ``only_new`` are set on insert alone. ``unless_same`` names a column that keeps its
    value while another one stays as it was.
    """
    if not rows:
        return
    names = tuple(rows[0])
    dialect = connection.dialect.name
    if dialect == "postgresql" and _are_apart(rows, key):
        # One statement with one text: psycopg takes 20 us for a row, and more for lists.
        many = _statement(dialect, table, key, names, only_new, unless_same, is_many=True)
        connection.execute(many, {"rows": json.dumps(list(rows), default=_as_text)})
        return
    statement = _statement(dialect, table, key, names, only_new, unless_same)
    text, order = _written(statement, names)
    if dialect != "sqlite" or not {*order} <= {*names}:  # a column has a default
        connection.execute(statement, list(rows))
        return
    # SQLAlchemy takes longer to hand over a row than SQLite to write it.
    columns = ([row[name] for row in rows] for name in order)
    moments = _moments(table)
    plain = [
        _texts(column) if name in moments else column
        for name, column in zip(order, columns, strict=True)
    ]
    connection.exec_driver_sql(text, list(zip(*plain, strict=True)))


def _as_text(value: object) -> str | None:
    """Write what JSON has no word for as PostgreSQL reads it."""
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    assert isinstance(value, datetime)
    return MOMENT.process_bind_param(value, None)


def _are_apart(rows: Sequence[Mapping[str, Any]], key: tuple[str, ...]) -> bool:
    """Say whether there are many rows of which no two have one key: no statement takes it twice."""
    keys = {tuple([row[name] for name in key]) for row in rows} if key else rows
    return len(rows) > 1 and len(keys) == len(rows)


@cache
def _written(statement: sa.Insert, names: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """Return the text of a statement of SQLite, and its parameters in their order."""
    compiled = statement.compile(dialect=sqlite.dialect(), column_keys=names)
    return str(compiled), tuple(compiled.positiontup or ())


@cache
def _moments(table: sa.Table) -> frozenset[str]:
    """Return the columns that hold moments."""
    return frozenset(one.name for one in table.c if isinstance(one.type, Moment))


def _texts(column: list[datetime | None]) -> list[str | None]:
    """Write moments; many of one commit are the same."""
    texts = {value: MOMENT.process_bind_param(value, None) for value in {*column}}
    return [texts[value] for value in column]


@cache
def _statement(  # noqa: PLR0917  # what the cache goes by
    dialect: str,
    table: sa.Table,
    key: tuple[str, ...],
    names: tuple[str, ...],
    only_new: tuple[str, ...],
    unless_same: tuple[str, str] | None,
    *,
    is_many: bool = False,
) -> sa.Insert:
    """Build the statement once: building takes longer than executing it for a few rows.

    One of PostgreSQL for many rows takes them as JSON.
    """
    if dialect == "sqlite":
        insert = sqlite.insert(table)
    else:
        from sqlalchemy.dialects import postgresql  # noqa: PLC0415  # 2 MB, see ADR 6

        insert = postgresql.insert(table)  # type: ignore[assignment]  # it has the same methods
        if is_many:
            typed = [sa.column(name, _kept_as(table.c[name])) for name in names]
            text = sa.bindparam("rows", type_=sa.Text)
            given = sa.func.json_to_recordset(sa.cast(text, postgresql.JSON))
            read = given.table_valued(*typed).render_derived(name="given", with_types=True)
            insert = insert.from_select(names, sa.select(*(read.c[name] for name in names)))
    if not key:
        return insert
    changes: dict[str, Any] = {
        name: insert.excluded[name] for name in names if name not in key and name not in only_new
    }
    if unless_same is not None:
        name, other = unless_same
        is_same = table.c[other] == insert.excluded[other]
        changes[name] = sa.case((is_same, table.c[name]), else_=insert.excluded[name])
    columns = [table.c[name] for name in key]
    if not changes:
        return insert.on_conflict_do_nothing(index_elements=columns)
    return insert.on_conflict_do_update(index_elements=columns, set_=changes)


def _kept_as(column: sa.Column[Any]) -> sa.types.TypeEngine[Any]:
    """Return the type of a column as the database has it: moments are texts there."""
    return sa.Text() if isinstance(column.type, Moment) else column.type
