"""The store: SQLite or PostgreSQL, opened, migrated, locked, written in whole steps."""

from typing import Any

import sqlalchemy as sa

from monitor.core.state import Step
from monitor.store import sqlite
from monitor.store.arrivals import Arrivals
from monitor.store.commit import write
from monitor.store.errors import RefusedError, StoreError, told
from monitor.store.found import Found
from monitor.store.fresh import FreshSamples
from monitor.store.history import History
from monitor.store.journal import Journal
from monitor.store.keepsakes import Keepsakes
from monitor.store.lock import Lock
from monitor.store.metrics import Metrics
from monitor.store.migrate import upgrade
from monitor.store.old_samples import OldSamples
from monitor.store.outbox import Outbox
from monitor.store.records import AuditReader
from monitor.store.repeats import Repeats
from monitor.store.samples import Samples
from monitor.store.slots import Slots
from monitor.store.story import Story
from monitor.store.tables import prepare_for

PATIENCE = {
    "connect_timeout": 10,
    "keepalives_idle": 20,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""Seconds, and milliseconds, after which libpq takes a server for gone; its defaults are hours."""


class Store:
    """All that is remembered. Methods block; the daemon calls them in a thread of their own."""

    def __init__(self, engine: sa.Engine) -> None:
        """Use ``open_store`` instead."""
        self._engine = engine
        sa.event.listen(engine, "handle_error", told)
        self._repeats = Repeats()
        self.lock = Lock(engine)
        self.outbox = Outbox(engine)
        self.journal = Journal(engine)
        self.history = History(engine)
        self.audits = AuditReader(engine)
        self.fresh_samples = FreshSamples(engine)
        self.samples = Samples(engine, self.fresh_samples)
        self.old_samples = OldSamples(engine)
        self.metrics = Metrics(engine)
        self.slots = Slots(engine)
        self.story = Story(engine)
        self.found = Found(engine)
        self.arrivals = Arrivals(engine)
        self.keepsakes = Keepsakes(engine)

    def commit(self, *steps: Step) -> None:
        """Write steps, all or nothing. Raise StoreError when they cannot be written now.

        Raise RefusedError when they never can.
        """
        try:
            with self._engine.begin() as connection:
                write(connection, steps, self._repeats)
        except StoreError:
            raise
        except sa.exc.SQLAlchemyError as error:
            raise StoreError(f"the store cannot be written: {error}") from error
        except Exception as error:
            raise RefusedError(f"what is to be written has no form here: {error!r}") from error
        self._repeats.committed()

    def tidy(self) -> None:
        """Forget what newer looks replaced; for every few seconds, in the thread that writes."""
        with self._engine.begin() as connection:
            self._repeats.forget(connection)

    def close(self) -> None:
        """Let go of the lock and of all connections."""
        self.lock.release()
        self._engine.dispose()


def _patience(address: sa.URL) -> dict[str, Any]:
    """Give up a PostgreSQL that the network took away; the address may say otherwise."""
    if not address.get_driver_name().startswith("psycopg"):
        return {}
    return {"connect_args": {n: it for n, it in PATIENCE.items() if n not in address.query}}


def open_store(url: str) -> Store:
    """Open a store and bring its schema up to date.

    Raise StoreError with what to do: a folder that is missing, a read-only file or disk, a wrong
    password, a store of a newer program, a missing driver.
    """
    try:
        address = sa.make_url(url)
        is_sqlite = address.get_backend_name() == "sqlite"
        engine = sqlite.create(url) if is_sqlite else sa.create_engine(url, **_patience(address))
    except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError) as error:
        raise StoreError(f"`store:` is no database URL that is known: {error}") from error
    except ModuleNotFoundError as error:
        raise StoreError(
            f"the store needs {error.name}: run pip install 'platform-monitor[postgres]'"
        ) from error
    prepare_for(engine.dialect.name)
    shown = engine.url.render_as_string(hide_password=True)
    try:
        with engine.begin() as connection:
            upgrade(connection)
    except sa.exc.DBAPIError as error:
        engine.dispose()
        raise StoreError(f"the store {shown} cannot be opened: {error.orig}") from error
    except StoreError:
        engine.dispose()
        raise
    return Store(engine)
