"""What is forgotten, and when."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import TypeAlias

from monitor.api.check import Check
from monitor.engine.recorder import KEEP as KEEP_NUMBERS
from monitor.store import Store

KEEP_PINGS = timedelta(days=45)
"""Longer than heartbeats look back; the newest ones of each job stay for ever."""

KEEP_SLOTS = timedelta(days=90)
PACK_SLOTS = timedelta(hours=6)
"""How old slots are when they are packed into runs."""

PACK_NUMBERS = timedelta(days=8)
"""How old numbers are when three points of each hour are left: older than a digest of a week."""

PACK_AT_ONCE = 50
PARTS_AT_ONCE = 1
"""With 10,000 checks a part has 40 of them, and 60 batches of an hour."""

Pack: TypeAlias = Callable[[str], str | None]

KEEP_METRICS_LONGER = timedelta(days=14)
"""How long buckets stay that nobody asks for: a check that is taken back comes back whole."""


KEEP_FOUND = timedelta(days=90)
"""How long the last answer to a query of `for_each` stays that is not asked any more."""

KEEP_ARRIVALS = timedelta(days=180)
"""How long it is known when a partition came: as far as most backtests look back, twice."""

KEEP_KEEPSAKES = timedelta(days=14)
"""How long it stays what a source knew that is not asked any more; all of it ages in a week."""


def prune(store: Store, checks: Iterable[Check], now: datetime) -> None:
    """Forget slots, pings, numbers and buckets that nobody reads any more."""
    store.journal.prune(now - KEEP_PINGS)
    store.slots.prune(now - KEEP_SLOTS)
    store.samples.prune(now - KEEP_NUMBERS)
    store.found.prune(now - KEEP_FOUND)
    store.arrivals.prune(now - KEEP_ARRIVALS)
    store.keepsakes.prune(now - KEEP_KEEPSAKES)
    kept = [what.keep for what in (one.remembers(now) for one in checks) if what is not None]
    before = now - max(kept, default=timedelta(0)) - KEEP_METRICS_LONGER
    store.metrics.forget(before.date(), now - KEEP_METRICS_LONGER)


def packs(store: Store, now: datetime) -> Iterator[Pack]:
    """Give what packs slots and numbers; each is called with what it returned, until that is None.

    It begins with "". A call packs a few checks: others write between two.
    """
    hour = now.replace(minute=0, second=0, microsecond=0)
    midnight = (now - PACK_NUMBERS).replace(hour=0, minute=0, second=0, microsecond=0)
    yield lambda after: store.slots.pack(now - PACK_SLOTS, after)
    yield lambda after: store.fresh_samples.pack(hour, after, PARTS_AT_ONCE)
    yield lambda after: store.old_samples.pack(midnight, after, PACK_AT_ONCE)
