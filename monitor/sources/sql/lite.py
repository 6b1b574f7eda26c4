"""SQLite, asked past SQLAlchemy, which takes longer around a small statement than SQLite for it."""

import sqlite3
from datetime import timedelta
from functools import partial
from time import monotonic

import sqlalchemy as sa

STEPS = 10_000
"""Virtual machine steps between two looks at the deadline: a fraction of a millisecond."""


def limit(connection: sqlite3.Connection, within: timedelta) -> None:
    """Make SQLite itself keep a deadline."""
    end = monotonic() + within.total_seconds()
    connection.set_progress_handler(partial(_is_over, end), STEPS)


def read(
    engine: sa.Engine, text: str, within: timedelta, most: int
) -> tuple[list[str], list[tuple[object, ...]]]:
    """Return the columns of a statement, and at most so many rows. Raise sqlite3.Error."""
    pooled = engine.raw_connection()
    try:
        connection = pooled.driver_connection
        assert isinstance(connection, sqlite3.Connection)
        limit(connection, within)
        cursor = connection.execute(text)
        try:
            rows = cursor.fetchmany(most)
            return [column[0] for column in cursor.description or ()], rows
        finally:
            cursor.close()
    finally:
        pooled.close()  # which rolls back


def _is_over(end: float) -> int:
    return int(monotonic() > end)
