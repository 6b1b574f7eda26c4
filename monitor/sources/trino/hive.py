# ruff: noqa: S608  # every name is checked, and every literal is written by its type
"""How many rows partitions of Hive hold: by the metastore, else by the footers of their files."""

from collections.abc import Sequence
from typing import Any, Protocol

from monitor.api import SourceError
from monitor.sources.trino import names
from monitor.sources.trino.statement import Result

Name = tuple[str, str, str]
ROW_COUNT = 4
WITH_FOOTERS = ("PARQUET", "ORC")
"""Formats whose files tell at their end how many rows they have."""

FOOTERS_TAKE = "1GB"
"""More than the footers of eight partitions: some 48 kB for each of 20,000 files of Parquet. What
reads more where nobody may see the format has no footers, and is scanned."""


class Ask(Protocol):
    """Runs a statement that may read so much, by default as much as the source allows."""

    def __call__(self, text: str, most: str | None = None) -> Result:
        """Return what it returned. Raise SourceError."""


def has_footers(ask: Ask, table: Name) -> bool | None:
    """Ask for the format; None where only the owner may see it, whatever else one may read."""
    try:
        text = str(ask(f"show create table {_whole(table)}").rows[0][0]).upper()
    except SourceError as error:
        if error.blames_check or error.fault == "auth":
            return None
        raise
    return any(f"FORMAT = '{name}'" in text for name in WITH_FOOTERS)


def rows_by_metastore(ask: Ask, table: Name, column: str, literal: str) -> int | None:
    """Return the rows of a partition; None where nobody counted them."""
    where = f'"{column}" = {literal}'
    stats = ask(f"show stats for (select * from {_whole(table)} where {where})")
    count = stats.rows[-1][ROW_COUNT] if stats.rows else None
    return None if count is None else int(count)


def rows_by_footers(
    ask: Ask, table: Name, column: str, kind: str, cells: Sequence[Any], *, is_sure: bool
) -> dict[str, int] | None:
    """Count the rows of partitions; None where they turn out to have no footers after all.

    Trino has no name for the format that everybody may read, and tells the size of a file
    (``"$file_size"``) only while it reads its rows: so where it is not ``is_sure`` little may be
    read, and reading more is the answer.
    """
    among = ", ".join(names.exact_literal(cell, kind) for cell in cells)
    text = (
        f'select "{column}", count(*) from {_whole(table)} where "{column}" in ({among}) group by 1'
    )
    try:
        found = ask(text, None if is_sure else FOOTERS_TAKE)
    except SourceError as error:
        if is_sure or "EXCEEDED_SCAN_LIMIT" not in str(error):
            raise
        return None
    return {str(cell): 0 for cell in cells} | {str(cell): int(count) for cell, count in found.rows}


def _whole(table: Name) -> str:
    return ".".join(f'"{part}"' for part in table)
