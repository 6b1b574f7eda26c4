"""SQLite, asked past SQLAlchemy, which takes longer around a small statement than SQLite for it."""

import os
import sqlite3
from datetime import timedelta
from functools import partial
from time import monotonic
from typing import Any, TypeAlias

import sqlalchemy as sa

File: TypeAlias = tuple[int, int] | None
"""Which file it is, whatever its name; None for none."""

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

    def __init__(self, engine: sa.Engine, path: str) -> None:
        """Connect to nothing yet."""
        self.path = path
        self._engine = engine
        self._free: list[tuple[File, sqlite3.Connection]] = []

    def read(
        self, text: str, within: timedelta, most: int
    ) -> tuple[list[str], list[tuple[object, ...]]]:
        """Return the columns of a statement, and at most so many rows. Raise sqlite3.Error."""
        file, connection = self._taken()
        try:
            limit(connection, within)
            cursor = connection.execute(text)
            rows = cursor.fetchmany(most)
            columns = [column[0] for column in cursor.description or ()]
            cursor.close()
        except BaseException:
            connection.close()  # whatever state it is in
            raise
        self._free.append((file, connection))
        return columns, rows

    def _taken(self) -> tuple[File, sqlite3.Connection]:
        now = file_at(self.path)
        while True:
            try:
                file, connection = self._free.pop()
            except IndexError:
                return now, self._connected()
            if file == now:
                return file, connection
            connection.close()

    def _connected(self) -> sqlite3.Connection:
        pooled = self._engine.raw_connection()
        connection = pooled.driver_connection
        assert isinstance(connection, sqlite3.Connection)
        pooled.detach()
        return connection

    def close(self) -> None:
        """Close the connections that nobody reads on."""
        while self._free:
            self._free.pop()[1].close()


def file_at(path: str) -> File:
    """Return which file is there, None where none is.

    A job may put a new one in its place, and whoever has opened the old one reads that for ever.
    """
    try:
        found = os.stat(path)  # noqa: PTH116  # asked before each question: a third of the calls
    except OSError:
        return None
    return found.st_dev, found.st_ino


def follow(engine: sa.Engine, path: str) -> None:
    """Have the pool connect anew where another file has taken the place of the one it reads."""

    @sa.event.listens_for(engine, "connect")
    def _note(_connection: object, record: Any) -> None:
        record.info[__name__] = file_at(path)

    @sa.event.listens_for(engine, "checkout")
    def _compare(_connection: object, record: Any, _proxy: object) -> None:
        if record.info[__name__] != file_at(path):
            raise sa.exc.DisconnectionError(f"{path} is another file")


def _is_over(end: float) -> int:
    return int(monotonic() > end)
