"""What is forgotten, and when."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from monitor.api.check import Check
from monitor.engine.recorder import KEEP as KEEP_NUMBERS
from monitor.store import Store

KEEP_SLOTS = timedelta(days=7)
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
    store.prune(now - KEEP_SLOTS)
    store.samples.prune(now - KEEP_NUMBERS)
    store.found.prune(now - KEEP_FOUND)
    store.arrivals.prune(now - KEEP_ARRIVALS)
    store.keepsakes.prune(now - KEEP_KEEPSAKES)
    kept = [what.keep for what in (one.remembers(now) for one in checks) if what is not None]
    before = now - max(kept, default=timedelta(0)) - KEEP_METRICS_LONGER
    store.metrics.forget(before.date(), now - KEEP_METRICS_LONGER)
