"""SQLite as the store needs it: durable, and with transactions that end when they are over."""

import sqlite3
from pathlib import Path
from typing import Any
from weakref import WeakSet

import sqlalchemy as sa

from monitor.store.errors import StoreError

PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "busy_timeout=10000",
    # In pages: with SQLite's 1000 (4 MB) the pages of a minute go into the database several times.
    "wal_autocheckpoint=4000",
)


class Connection(sqlite3.Connection):
    """Ends what is half read with the transaction.

    A question that nobody reads to its end, because reading raised, holds the state of the database
    that it began with until the collector finds it. Whoever gets the connection next could not
    write: the database would be locked.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Connect."""
        super().__init__(*args, **kwargs)
        self._asked: WeakSet[sqlite3.Cursor] = WeakSet()

    def cursor(self, *args: Any) -> Any:
        """Make a cursor that ends with the transaction."""
        made = super().cursor(*args)
        self._asked.add(made)
        return made

    def rollback(self) -> None:
        """Undo what is not committed; the pool calls it whenever a connection comes back."""
        for cursor in list(self._asked):
            cursor.close()
        super().rollback()


def create(url: str) -> sa.Engine:
    """Make an engine. Raise StoreError where the folder of the file is missing."""
    engine = sa.create_engine(url, connect_args={"factory": Connection})
    folder = Path(engine.url.database or ".").absolute().parent
    if not folder.is_dir():
        raise StoreError(f"the folder {folder} of the store does not exist: make it first")

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: object) -> None:
        # The driver's own transactions start late and end early; SQLAlchemy begins them instead.
        connection.isolation_level = None
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        # Past the layers of a statement, which cost many times what the statement does.
        driver: Any = connection.connection.driver_connection
        driver.execute("BEGIN")

    return engine
