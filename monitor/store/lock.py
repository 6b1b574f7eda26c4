"""One daemon at a time on one store."""

import contextlib
import fcntl
import logging
import zlib
from pathlib import Path
from time import monotonic, sleep
from typing import IO

import sqlalchemy as sa

from monitor.store.errors import HeldError, StoreError

log = logging.getLogger(__name__)

KEY = zlib.crc32(b"platform-monitor")
WAIT_SECONDS, POLL_SECONDS = 3.0, 0.05
"""How long a start waits for the lock of a daemon that has just died: the server needs a moment."""


class Lock:
    """A lock that the kernel or the database releases when its holder dies, even by ``kill -9``."""

    def __init__(self, engine: sa.Engine) -> None:
        """Prepare; nothing is held yet."""
        self._engine = engine
        self._file: IO[str] | None = None
        self._connection: sa.Connection | None = None
        self._is_wanted = False

    def acquire(self, owner: str) -> None:
        """Take the lock. Raise StoreError naming the holder when somebody else has it."""
        if self._engine.dialect.name == "sqlite":
            self._acquire_file(owner)
        else:
            self._acquire_advisory()
            self._is_wanted = True

    def _acquire_file(self, owner: str) -> None:
        path = Path(f"{self._engine.url.database}.lock")
        file = path.open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "another process"
            file.close()
            raise HeldError(
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
        ends = monotonic() + WAIT_SECONDS
        try:
            while not connection.scalar(sa.select(sa.func.pg_try_advisory_lock(KEY))):
                if monotonic() > ends:
                    raise HeldError(
                        "another monitor is running on this PostgreSQL database: "
                        "stop it, or give this one another `store:`"
                    )
                sleep(POLL_SECONDS)
            connection.commit()
        except StoreError:
            connection.close()
            raise
        self._connection = connection

    def confirm(self) -> None:
        """Take the lock again where the session that held it is gone.

        Raise HeldError when somebody else was faster, StoreError when nobody can be asked.
        """
        if not self._is_wanted:
            return
        if self._connection is not None:
            try:
                self._connection.execute(sa.text("SELECT 1"))
                self._connection.rollback()
            except StoreError:
                log.warning("the session that holds the lock of the store is gone")
                with contextlib.suppress(StoreError):
                    self._connection.close()
                self._connection = None
        if self._connection is None:
            self._acquire_advisory()
            log.warning("the lock of the store is held again")

    def release(self) -> None:
        """Let go; nothing happens when it is not held."""
        if self._file is not None:
            self._file.close()
            self._file = None
        self._is_wanted = False
        if self._connection is not None:
            with contextlib.suppress(StoreError):  # a session that is gone holds nothing
                self._connection.execute(sa.select(sa.func.pg_advisory_unlock(KEY)))
            self._connection.close()
            self._connection = None
