"""What goes on beside looking and telling: what is kept, packed and forgotten."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from monitor.api.check import Check
from monitor.api.source import Source
from monitor.engine import arrivals
from monitor.engine.arrivals import PartitionNotes
from monitor.engine.keeping import Keeping
from monitor.engine.recorder import Recorder
from monitor.engine.retention import packs, prune
from monitor.engine.threads import Writer
from monitor.store import Store
from monitor.store.fresh import in_pieces

SEEN_EVERY = timedelta(seconds=10)
NUMBERS_AT_ONCE = 2000
"""Numbers in a transaction: what was found meanwhile waits for it, some 20 ms."""


class Housekeeping:
    """Notes that this daemon runs; stores numbers, arrivals, and what sources know of the past."""

    def __init__(self, store: Store, writer: Writer) -> None:
        """Start empty; ``start`` reads what an earlier daemon left."""
        self._store, self._writer = store, writer
        self.run = 0
        self.recorder = Recorder(store.samples)
        self.notes = PartitionNotes()
        self.keeping = Keeping(store.keepsakes)
        self._seen_at: datetime | None = None

    async def start(self, sources: Mapping[str, Source], now: datetime) -> None:
        """Go on where the last daemon stopped; ``run`` is the number of this one."""
        await self._writer.run(self.recorder.load, now)
        await self._writer.run(self.keeping.load, sources, now)
        self.run = await self._writer.run(self._store.journal.started, now)

    async def woke(self, now: datetime) -> None:
        """Note that nobody looked until now, as after a start. Raise StoreError."""
        self.run = await self._writer.run(self._store.journal.started, now)

    async def tick(
        self, sources: Mapping[str, Source], now: datetime, *, is_looking: bool = True
    ) -> None:
        """Store, every few seconds, that the daemon still looks, and what came since.

        Raise HeldError when the store is another daemon's now, StoreError.
        """
        if self._seen_at is not None and timedelta(0) <= now - self._seen_at < SEEN_EVERY:
            return
        self._seen_at = now
        await self._writer.run(self._store.lock.confirm)
        if is_looking:
            await self._writer.run(self._store.journal.seen, self.run, now)
        await self._writer.run(self._store.tidy)
        await self._store_all(sources, now, is_last=False)

    async def stop(self, sources: Mapping[str, Source], now: datetime) -> None:
        """Store all of it once more."""
        await self._writer.run(self._store.journal.seen, self.run, now)
        await self._store_all(sources, now, is_last=True)

    async def _store_all(
        self, sources: Mapping[str, Source], now: datetime, *, is_last: bool
    ) -> None:
        changes = self.recorder.changes(now, is_last=is_last)
        if changes is not None:
            came, days, at = changes
            for some in in_pieces(came, NUMBERS_AT_ONCE):
                await self._writer.run(self._store.samples.save, some, days, at)
                days = {}
            self.recorder.saved()
        noted = self.notes.changes()
        if noted:
            await self._writer.run(arrivals.save, self._store, noted)
        if is_last or self.keeping.is_due(now):
            await self._writer.run(self.keeping.save, sources, now)

    async def prune(self, checks: Iterable[Check], now: datetime) -> None:
        """Forget what nobody reads any more, and pack what has aged; others write in between."""
        await self._writer.run(prune, self._store, list(checks), now)
        for pack in packs(self._store, now):
            name: str | None = ""
            while name is not None:
                name = await self._writer.run(pack, name)
