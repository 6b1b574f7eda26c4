"""What sources know and would lose with the daemon."""

from datetime import datetime

import sqlalchemy as sa

from monitor.store.kept_tables import keepsake
from monitor.store.upsert import upsert_many


class Keepsakes:
    """Writing and reading what sources keep; one row for a source, the newest counts."""

    def __init__(self, engine: sa.Engine) -> None:
        """Work on an opened store."""
        self._engine = engine

    def save(self, source: str, text: str, at: datetime) -> None:
        """Write over what was kept before. Raise StoreError when it cannot be written."""
        row = {"source": source, "kept": text, "kept_at": at}
        with self._engine.begin() as connection:
            upsert_many(connection, keepsake, ("source",), [row])

    def load(self) -> dict[str, str]:
        """Return what is kept, by source. Raise StoreError when it cannot be read."""
        query = sa.select(keepsake.c.source, keepsake.c.kept)
        with self._engine.connect() as connection:
            return {row.source: row.kept for row in connection.execute(query)}

    def prune(self, before: datetime) -> int:
        """Forget what no source kept since a moment; return how many rows went."""
        with self._engine.begin() as connection:
            old = keepsake.c.kept_at < before
            return connection.execute(keepsake.delete().where(old)).rowcount
