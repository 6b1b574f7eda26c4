"""A snapshot of a cluster with the numbers that are derived from it.

Where the list of queries was cut, what it cannot tell is taken from the counters of the cluster.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import ceil

from monitor.api import ClusterQuery, LoadPoint, LoadSnapshot
from monitor.api.load import OVER, WAITING

FAILURES_OVER = timedelta(minutes=10)
QUEUED_OVER = timedelta(minutes=15)
"""How far back queue times count: Trino forgets ended queries after 15 minutes."""

FULL_OVER = timedelta(minutes=2)
"""How long a rejected query says that the queue is full."""

ENOUGH = 20
"""Ended queries below which a share of failures says nothing."""

FEW, SEVERAL = 5, 3
CLUSTER_FAULTS = {"INSUFFICIENT_RESOURCES", "INTERNAL_ERROR"}
OWN_LIMITS = {"EXCEEDED_CPU_LIMIT", "EXCEEDED_SCAN_LIMIT", "EXCEEDED_LOCAL_MEMORY_LIMIT"}
"""Limits on one query: hit by one user they are that user's, by several they are the cluster's."""

ZOMBIE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Picture:
    """A snapshot with the numbers that are derived from it; None is unknown."""

    load: LoadSnapshot
    points: Sequence[LoadPoint]
    queue_time: float | None
    queue_full: float | None
    blocked: float | None
    failures: float | None
    workers: float | None
    oom_kills: int | None
    planning: float | None
    zombies: int | None


def picture(load: LoadSnapshot, expected: int | None) -> Picture:
    """Derive the numbers of a snapshot. ``expected`` workers win over the usual ones."""
    usual = float(expected) if expected else load.usual_workers
    queries = load.queries
    return Picture(
        load=load,
        points=(*load.past, load.now),
        queue_time=load.queue_p95 if queries is None else _queue_time(load),
        queue_full=_queue_full(load),
        blocked=_blocked(load),
        failures=_failures(load),
        workers=load.workers / usual if load.workers is not None and usual else None,
        oom_kills=_grown(load, "oom_kills", FAILURES_OVER),
        planning=None if queries is None else _planning(queries),
        zombies=None if queries is None else sum(_is_zombie(one) for one in queries),
    )


def _grown(load: LoadSnapshot, counter: str, over: timedelta) -> int | None:
    """Return how much a counter grew; it begins at 0 when Trino starts. None is unknown."""
    last: int | None = getattr(load, counter)
    if last is None:
        return None
    since = load.observed_at - over
    points = (getattr(it, counter) for it in load.past if it.at >= since)
    before: int = next((count for count in points if count is not None), last)
    return last - before if last >= before else last


def recent(load: LoadSnapshot, over: timedelta) -> list[ClusterQuery]:
    """Return the queries that ended lately."""
    now = load.observed_at
    return [q for q in load.queries or () if q.ended_at is not None and now - q.ended_at <= over]


def rejected(load: LoadSnapshot) -> int:
    """Count the queries that found the queue full just now, our own canary among them."""
    found = sum(one.error == "QUERY_QUEUE_FULL" for one in recent(load, FULL_OVER))
    return found + ("QUERY_QUEUE_FULL" in load.canary_error)


def _queue_full(load: LoadSnapshot) -> float | None:
    shares = [one.queued / one.max_queued for one in load.groups if one.max_queued > 0]
    return max(shares, default=None)


def _queue_time(load: LoadSnapshot) -> float:
    """Return the 95 % quantile of queue times, in seconds; 0 when nothing waits or waited.

    What still waits counts with its time until now, or a queue that does not move looks short.
    """
    waits = sorted(
        (query.elapsed if query.state in WAITING else query.queued).total_seconds()
        for query in load.queries or ()
        if query.state in WAITING or _left_lately(query, load)
    )
    if load.is_partial:
        # The many that ended were not read; by the cluster's own count they waited so long.
        unread = max(0, (_grown(load, "completed", QUEUED_OVER) or 0) - len(waits))
        waits = sorted([*waits, *[load.queue_p95 or 0.0] * unread])
    return waits[ceil(0.95 * len(waits)) - 1] if waits else 0.0


def _left_lately(query: ClusterQuery, load: LoadSnapshot) -> bool:
    """Say whether a query left the queue (or ended, when that is not known) a short time ago."""
    started_ago = query.elapsed - query.queued
    if query.ended_at is not None:
        started_ago += load.observed_at - query.ended_at
    return started_ago <= QUEUED_OVER


def _blocked(load: LoadSnapshot) -> float | None:
    if load.queries is None or load.is_partial:
        known = load.blocked is not None and load.running is not None
        return (load.blocked or 0) / (load.running or 1) if known else None
    running = [q for q in load.queries if q.state == "RUNNING"]
    return sum(q.is_blocked for q in running) / len(running) if running else 0.0


def _failures(load: LoadSnapshot) -> float | None:
    """Return the share of failures that are the cluster's; None when too few queries ended."""
    ended = recent(load, FAILURES_OVER)
    if load.is_partial:
        return _failures_counted(load, ended)
    return len(cluster_faults(ended)) / len(ended) if len(ended) >= ENOUGH else None


def _failures_counted(load: LoadSnapshot, read: Sequence[ClusterQuery]) -> float | None:
    """Return the share by the counters of the cluster, less what those that were read show.

    Its counters know no limits of single queries: of the failures that were read, so many as hit
    one are taken off.
    """
    ended = _grown(load, "completed", FAILURES_OVER)
    failed = _grown(load, "cluster_failures", FAILURES_OVER)
    if failed is None or ended is None or ended < ENOUGH:
        return None
    named = [query for query in read if query.error_type in CLUSTER_FAULTS]
    true_share = len(cluster_faults(named)) / len(named) if named else 1.0
    return failed * true_share / ended


def cluster_faults(queries: Iterable[ClusterQuery]) -> list[ClusterQuery]:
    """Return the queries that failed by the cluster's fault and not by their own."""
    failed = [q for q in queries if q.error_type in CLUSTER_FAULTS]
    users = {q.user for q in failed if q.error in OWN_LIMITS}
    return [q for q in failed if q.error not in OWN_LIMITS or len(users) >= SEVERAL]


def _planning(queries: Sequence[ClusterQuery]) -> float | None:
    spans = sorted(q.planning.total_seconds() for q in queries if q.planning > timedelta(0))
    return spans[ceil(0.95 * len(spans)) - 1] if len(spans) >= FEW else None


def _is_zombie(query: ClusterQuery) -> bool:
    return query.state == "FINISHING" and query.finishing >= ZOMBIE


def lost_and_waiting(load: LoadSnapshot) -> tuple[list[ClusterQuery], list[ClusterQuery]]:
    """Return the queries that the cluster failed lately, and those that wait now."""
    waiting = [one for one in load.queries or () if one.state in WAITING]
    return cluster_faults(recent(load, FAILURES_OVER)), waiting


def running(load: LoadSnapshot) -> list[ClusterQuery]:
    """Return the queries that hold something now."""
    return [one for one in load.queries or () if one.state not in WAITING | OVER]
