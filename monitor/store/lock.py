"""One daemon at a time on one store."""

import contextlib
import fcntl
import zlib
from pathlib import Path
from typing import IO

import sqlalchemy as sa

from monitor.store.errors import StoreError

KEY = zlib.crc32(b"platform-monitor")
WAIT_MS = 3000
"""How long a start waits for the lock of a daemon that has just died, in milliseconds."""


class Lock:
    """A lock that the kernel or the database releases when its holder dies, even by ``kill -9``."""

    def __init__(self, engine: sa.Engine) -> None:
        """Prepare; nothing is held yet."""
        self._engine = engine
        self._file: IO[str] | None = None
        self._connection: sa.Connection | None = None

    def acquire(self, owner: str) -> None:
        """Take the lock. Raise StoreError naming the holder when somebody else has it."""
        if self._engine.dialect.name == "sqlite":
            self._acquire_file(owner)
        else:
            self._acquire_advisory()

    def _acquire_file(self, owner: str) -> None:
        path = Path(f"{self._engine.url.database}.lock")
        file = path.open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "another process"
            file.close()
            raise StoreError(
                f"another monitor ({holder}) is running on {self._engine.url.database}: "
                "stop it, or give this one another `store:`"
            ) from None
        file.seek(0)
        file.truncate()
        file.write(owner)
        file.flush()
        self._file = file

    def _acquire_advisory(self) -> None:
        connection = self._engine.connect()
        connection.detach()  # a pooled session would live on, and its lock with it
        try:
            # The server needs a moment to notice that a holder was killed.
            connection.execute(sa.text(f"SET lock_timeout = {WAIT_MS}"))
            connection.execute(sa.select(sa.func.pg_advisory_lock(KEY)))
        except StoreError as error:
            connection.close()
            raise StoreError(
                "another monitor is running on this PostgreSQL database: "
                "stop it, or give this one another `store:`"
            ) from error
        connection.commit()
        self._connection = connection

    def release(self) -> None:
        """Let go; nothing happens when it is not held."""
        if self._file is not None:
            self._file.close()
            self._file = None
        if self._connection is not None:
            with contextlib.suppress(StoreError):  # a session that is gone holds nothing
                self._connection.execute(sa.select(sa.func.pg_advisory_unlock(KEY)))
            self._connection.close()
            self._connection = None
