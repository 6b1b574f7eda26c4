"""Insert or replace, on both databases."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite


def upsert(
    connection: sa.Connection,
    table: sa.Table,
    key: Mapping[str, Any],
    values: Mapping[str, Any],
    *,
    only_new: Mapping[str, Any] | None = None,
) -> None:
    """Insert a row, or set ``values`` of the one with this key; ``only_new`` is set on insert."""
    row = {**key, **values, **(only_new or {})}
    is_sqlite = connection.dialect.name == "sqlite"
    insert = sqlite.insert(table) if is_sqlite else postgresql.insert(table)
    columns = [table.c[name] for name in key]
    connection.execute(
        insert.values(row).on_conflict_do_update(index_elements=columns, set_=dict(values))
    )
