"""Insert or replace, on both databases."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite


def upsert_many(
    connection: sa.Connection,
    table: sa.Table,
    key: Sequence[str],
    rows: Sequence[Mapping[str, Any]],
    *,
    only_new: Collection[str] = (),
    unless_same: Mapping[str, str] | None = None,
) -> None:
    """Insert rows, or replace those with the same key; all have the same columns.

    Columns in ``only_new`` are set on insert alone. ``unless_same`` maps a column to another one:
    it keeps its value while that other one stays as it was.
    """
    if not rows:
        return
    is_sqlite = connection.dialect.name == "sqlite"
    insert = sqlite.insert(table) if is_sqlite else postgresql.insert(table)
    changes: dict[str, Any] = {
        name: insert.excluded[name] for name in rows[0] if name not in key and name not in only_new
    }
    for name, other in (unless_same or {}).items():
        is_same = table.c[other] == insert.excluded[other]
        changes[name] = sa.case((is_same, table.c[name]), else_=insert.excluded[name])
    statement = insert.on_conflict_do_update(
        index_elements=[table.c[name] for name in key], set_=changes
    )
    connection.execute(statement, list(rows))
