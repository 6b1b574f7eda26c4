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


class Reader:
    """Reads a file on connections of its own; each has one reader at a time.

    SQLAlchemy makes them, and its pool, which takes as long as a small statement, never sees them
    again.
    """

    def __init__(self, engine: sa.Engine) -> None:
        """Connect to nothing yet."""
        self._engine = engine
        self._free: list[sqlite3.Connection] = []

    def read(
        self, text: str, within: timedelta, most: int
    ) -> tuple[list[str], list[tuple[object, ...]]]:
        """Return the columns of a statement, and at most so many rows. Raise sqlite3.Error."""
        connection = self._taken()
        try:
            limit(connection, within)
            cursor = connection.execute(text)
            rows = cursor.fetchmany(most)
            columns = [column[0] for column in cursor.description or ()]
            cursor.close()
        except BaseException:
            connection.close()  # whatever state it is in
            raise
        self._free.append(connection)
        return columns, rows

    def _taken(self) -> sqlite3.Connection:
        try:
            return self._free.pop()
        except IndexError:
            pooled = self._engine.raw_connection()
            connection = pooled.driver_connection
            assert isinstance(connection, sqlite3.Connection)
            pooled.detach()
            return connection

    def close(self) -> None:
        """Close the connections that nobody reads on."""
        while self._free:
            self._free.pop().close()


def _is_over(end: float) -> int:
    return int(monotonic() > end)
