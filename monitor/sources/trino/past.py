"""What the monitor remembers of a cluster: the last minutes, a day of workers, who usually asks.

It outlives the daemon and its configuration (keepsake.py), but for what was just asked; until there
is enough of it nothing is called unusual.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median
from threading import Lock
from typing import TypeAlias

from monitor.api import LoadPoint, SourceError
from monitor.sources.trino.rest import Facts

RECENT = timedelta(minutes=20)
DAY, WEEK = timedelta(days=1), timedelta(days=7)
WORKERS_EVERY = timedelta(minutes=5)
SHARES_EVERY = timedelta(minutes=10)
NOT_USUAL_YET = timedelta(minutes=30)
"""Shares of the last half hour are no measure of what is usual: they may be the trouble itself."""

ENOUGH = 3
MOST_HOLDERS = 50

Seen: TypeAlias = tuple[datetime, Mapping[str, float]]
"""Who (``user|source``) held how much of a cluster at a moment."""


@dataclass(frozen=True, slots=True)
class Known:
    """What outlives the daemon, oldest first: who held how much, workers, the last minutes."""

    shares: Sequence[Seen] = ()
    workers: Sequence[tuple[datetime, int]] = ()
    points: Sequence[LoadPoint] = ()


@dataclass
class Past:
    """The memory of one source. Everything takes the moment as an argument."""

    points: deque[LoadPoint] = field(default_factory=deque)
    workers: deque[tuple[datetime, int]] = field(default_factory=deque)
    shares: deque[Seen] = field(default_factory=deque)
    by_sql: dict[str, tuple[datetime, Facts | SourceError]] = field(default_factory=dict)
    detailed_at: datetime | None = None
    long_until: datetime | None = None
    others_at: datetime | None = None
    canary_at: datetime | None = None
    canary: tuple[float, str] | None = None
    rejected: tuple[datetime, str] | None = None
    _lock: Lock = field(default_factory=Lock, repr=False)

    def remember(self, point: LoadPoint) -> None:
        """Keep the numbers of a snapshot."""
        with self._lock:
            self.points.append(point)
            while self.points and point.at - self.points[0].at > RECENT:
                self.points.popleft()
            if point.workers is None or (
                self.workers and point.at - self.workers[-1][0] < WORKERS_EVERY
            ):
                return
            self.workers.append((point.at, point.workers))
            while point.at - self.workers[0][0] > DAY:
                self.workers.popleft()

    def remember_shares(self, at: datetime, shares: Mapping[str, float]) -> None:
        """Keep who held how much, once in ten minutes."""
        if self.shares and at - self.shares[-1][0] < SHARES_EVERY:
            return
        top = sorted(shares.items(), key=lambda item: item[1], reverse=True)[:MOST_HOLDERS]
        with self._lock:
            self.shares.append((at, dict(top)))
            while at - self.shares[0][0] > WEEK:
                self.shares.popleft()

    def known(self) -> Known:
        """Return what is remembered; another thread may go on looking meanwhile."""
        with self._lock:
            return Known(tuple(self.shares), tuple(self.workers), tuple(self.points))

    def recall(self, known: Known) -> None:
        """Begin with what was known before."""
        with self._lock:
            self.shares = deque(known.shares)
            self.workers = deque(known.workers)
            self.points = deque(known.points)

    def usual_workers(self) -> float | None:
        """Return the median of a day; None until it was seen a few times."""
        counts = [count for _, count in self.workers]
        return float(median(counts)) if len(counts) >= ENOUGH else None

    def usual(self, now: datetime, holders: Mapping[str, float]) -> dict[str, float]:
        """Return the usual share of each holder; nothing while too little is known.

        That is the median at this hour of the last days, else of all that was seen; a holder that
        was not there held nothing.
        """
        older = [(at, them) for at, them in self.shares if now - at >= NOT_USUAL_YET]
        same = [them for at, them in older if at.hour == now.hour and now - at > DAY / 2]
        known = same if len(same) >= ENOUGH else [them for _, them in older]
        if len(known) < ENOUGH:
            return {}
        return {name: median(them.get(name, 0.0) for them in known) for name in holders}
