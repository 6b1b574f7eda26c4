"""When each partition of a table was there for the first time, as the looks saw it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2s

import sqlalchemy as sa

from monitor.api.query import Partitions
from monitor.store.kept_tables import partition_seen, partition_watch
from monitor.store.upsert import upsert_many


@dataclass(frozen=True, slots=True)
class Arrived:
    """What is known of the partitions of a table: since when, until when, and when each came."""

    since: datetime
    until: datetime
    moments: Mapping[datetime, datetime]


def partition_key(source: str, query: Partitions) -> str:
    """Name the partitions of a table, for all checks that ask for them alike."""
    text = f"{source}\n{query.table}\n{query.column}\n{query.grain}"
    return blake2s(text.encode(), digest_size=16).hexdigest()


class Arrivals:
    """Writing and reading arrivals; the first word on a partition counts."""

    def __init__(self, engine: sa.Engine) -> None:
        """Work on an opened store."""
        self._engine = engine

    def watched(self, key: str) -> tuple[datetime, datetime] | None:
        """Return since when and until when a table was looked at; None where it never was."""
        query = sa.select(partition_watch).where(partition_watch.c.key == key)
        with self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else (row.since, row.until)

    def save(self, key: str, found: Arrived) -> None:
        """Remember arrivals, each unless it is known already."""
        rows = [
            {"key": key, "start": start, "arrived_at": at} for start, at in found.moments.items()
        ]
        watch = {"key": key, "since": found.since, "until": found.until}
        with self._engine.begin() as connection:
            where = ("key", "start")
            upsert_many(connection, partition_seen, where, rows, only_new=("arrived_at",))
            upsert_many(connection, partition_watch, ("key",), [watch], only_new=("since",))

    def load(self, key: str) -> Arrived | None:
        """Return all that is known; None where nobody ever looked."""
        watched = self.watched(key)
        if watched is None:
            return None
        query = sa.select(partition_seen).where(partition_seen.c.key == key)
        with self._engine.connect() as connection:
            moments = {row.start: row.arrived_at for row in connection.execute(query)}
        return Arrived(*watched, moments)

    def prune(self, before: datetime) -> int:
        """Forget partitions that came before a moment, and tables nobody asks about since."""
        with self._engine.begin() as connection:
            old = partition_seen.c.arrived_at < before
            gone = connection.execute(partition_seen.delete().where(old)).rowcount
            connection.execute(partition_watch.delete().where(partition_watch.c.until < before))
        return gone
