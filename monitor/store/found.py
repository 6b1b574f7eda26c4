"""The last good answers to the queries of ``for_each``."""

import json
from datetime import datetime
from hashlib import blake2s

import sqlalchemy as sa

from monitor.store.kept_tables import found_values
from monitor.store.upsert import upsert_many


class Found:
    """Writing and reading what queries found; one row for a query."""

    def __init__(self, engine: sa.Engine) -> None:
        """Work on an opened store."""
        self._engine = engine

    def keep(self, source: str, query: str, values: tuple[str, ...], at: datetime) -> None:
        """Write an answer over the one before. Raise StoreError when it cannot be written."""
        row = {"key": _key(source, query), "found": json.dumps(values), "asked_at": at}
        with self._engine.begin() as connection:
            upsert_many(connection, found_values, ("key",), [row])

    def last(self, source: str, query: str) -> tuple[tuple[str, ...], datetime] | None:
        """Return the last answer and when it came."""
        wanted = sa.select(found_values).where(found_values.c.key == _key(source, query))
        with self._engine.connect() as connection:
            row = connection.execute(wanted).one_or_none()
        return None if row is None else (tuple(json.loads(row.found)), row.asked_at)

    def prune(self, before: datetime) -> int:
        """Forget what was not asked for since a moment; return how many answers went."""
        with self._engine.begin() as connection:
            old = found_values.c.asked_at < before
            return connection.execute(found_values.delete().where(old)).rowcount


def _key(source: str, query: str) -> str:
    """Hash a question: some databases refuse long texts as keys."""
    return blake2s(f"{source}\n{query}".encode(), digest_size=16).hexdigest()
