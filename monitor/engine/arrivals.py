"""Notes when each partition of a table was there first, so that a backtest can tell it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from monitor.api.answer import Answer, PartitionList
from monitor.api.query import Grain, Partitions, Query
from monitor.store.arrivals import Arrived, partition_key
from monitor.store.store import Store

STEPS: Mapping[Grain, timedelta] = {"hour": timedelta(hours=1), "day": timedelta(days=1)}


@dataclass(slots=True)
class Noted:
    """What looks at one table saw since it was written down last.

    ``first`` is what the first look of this process found: all of it may have come before.
    """

    step: timedelta
    since: datetime
    until: datetime
    first: frozenset[datetime] = frozenset()
    came: dict[datetime, datetime] = field(default_factory=dict)


class PartitionNotes:
    """Gathers in memory what the store keeps; a kill costs at most a minute."""

    def __init__(self) -> None:
        """Start empty."""
        self._known: dict[str, frozenset[datetime]] = {}
        self._noted: dict[str, Noted] = {}

    def take(self, source: str, query: Query, answer: Answer, now: datetime) -> None:
        """Note the partitions of an answer that were not in the one before."""
        if not isinstance(query, Partitions) or not isinstance(answer, PartitionList):
            return
        key = partition_key(source, query)
        # One that holds nothing is there in name only.
        there = frozenset(part.start for part in answer.partitions if not part.is_empty)
        # Looks start some seconds after they are due; a replay takes them when they are due.
        now = now.replace(second=0, microsecond=0)
        known = self._known.get(key)
        self._known[key] = there
        noted = self._noted.setdefault(key, Noted(STEPS[query.grain], now, now))
        noted.until = now
        if known is None:
            noted.first = there
            return
        for start in there - known:
            noted.came.setdefault(start, now)

    def changes(self) -> dict[str, Noted]:
        """Return what is to be stored, and begin anew."""
        noted, self._noted = self._noted, {}
        return noted


def save(store: Store, changes: Mapping[str, Noted]) -> None:
    """Write down what came; blocking.

    What was there at the very first look is taken to have come at its end. What the first look of
    a later process finds new came while nobody looked: at its end, or after the last look.
    """
    for key, noted in changes.items():
        watched = store.arrivals.watched(key)
        moments = {
            start: min(noted.since, max(start + noted.step, watched[1] if watched else start))
            for start in noted.first
        }
        since = watched[0] if watched else noted.since
        store.arrivals.save(key, Arrived(since, noted.until, moments | noted.came))
