"""The load of a Trino cluster: how long its queue is, and who holds it."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import ClassVar

from pydantic import Field

from monitor.api import (
    Answer,
    Check,
    ClusterQuery,
    Direction,
    Load,
    LoadSnapshot,
    Measure,
    Measured,
    NoData,
    Query,
    Sample,
    Unit,
)

WAITING = {"QUEUED", "WAITING_FOR_RESOURCES"}
OVER = {"FINISHED", "FAILED"}
FAILURES_OVER = timedelta(minutes=10)
QUEUED_OVER = timedelta(minutes=15)
"""How far back queue times count: Trino forgets ended queries after 15 minutes."""

ENOUGH = 20
"""Ended queries below which a share of failures says nothing."""

CLUSTER_FAULTS = {"INSUFFICIENT_RESOURCES", "INTERNAL_ERROR"}
OWN_LIMITS = {"EXCEEDED_CPU_LIMIT", "EXCEEDED_SCAN_LIMIT", "EXCEEDED_LOCAL_MEMORY_LIMIT"}
"""Limits on one query: hit by one user they are that user's, by several they are the cluster's."""

SEVERAL = 3
DASHBOARDS = re.compile(r"superset|tableau|looker|metabase|dbt|airflow", re.IGNORECASE)
TOP = 3


class TrinoLoad(Check, kind="trino_load"):
    """Measure the queue and the memory of a cluster, by REST: a full queue does not blind it.

    ```yaml
    trino-adhoc-load:
      kind: trino_load
      source: adhoc
      every: 1m
      warn: {queued: 50, for: 5m}
      page: {queued: 300, workers: 50%, for: 15m}
    ```
    """

    measures: ClassVar[Mapping[str, Measure]] = {
        "queued": Measure(Direction.ABOVE, Unit.NUMBER, "queries that wait"),
        "queue_time": Measure(Direction.ABOVE, Unit.SECONDS, "95 % of queries wait less"),
        "running": Measure(Direction.ABOVE, Unit.NUMBER, "queries that run"),
        "blocked": Measure(Direction.ABOVE, Unit.SHARE, "running queries that are fully blocked"),
        "failures": Measure(Direction.ABOVE, Unit.SHARE, "failures that are the cluster's"),
        "workers": Measure(Direction.BELOW, Unit.SHARE, "workers of `expected_workers`"),
        "memory": Measure(Direction.ABOVE, Unit.SHARE, "cluster memory that is reserved"),
        "heap": Measure(Direction.ABOVE, Unit.SHARE, "heap of the coordinator"),
    }
    default_every: ClassVar[timedelta] = timedelta(minutes=1)

    expected_workers: int | None = Field(
        default=None,
        ge=1,
        description="How many nodes should be active, the coordinator among them.",
    )

    def ask(self, now: datetime) -> Sequence[Query]:
        """Ask for a snapshot."""
        return [Load()]

    def measure(self, answers: Sequence[Answer], now: datetime) -> Iterable[Measured]:
        """Measure what the collectors could tell; what none could tell is left out."""
        (load,) = answers
        assert isinstance(load, LoadSnapshot)
        evidence = _evidence(load, now)
        numbers = self._numbers(load, now)
        known = {name: value for name, value in numbers.items() if value is not None}
        if not known:
            yield NoData("no collector could tell the load of the cluster")
        for name, value in known.items():
            yield Sample(name, value, unit=self.measures[name].unit, evidence=evidence)

    def _numbers(self, load: LoadSnapshot, now: datetime) -> dict[str, float | None]:
        queries = load.queries
        expected = self.expected_workers
        workers = load.workers / expected if load.workers is not None and expected else None
        return {
            "queued": _float(load.queued),
            "queue_time": None if queries is None else _queue_time(queries, now),
            "running": _float(load.running),
            "blocked": None if queries is None else _blocked(queries),
            "failures": None if queries is None else _failures(queries, now),
            "workers": workers,
            "memory": load.memory_share,
            "heap": load.heap_share,
        }


def _float(value: int | None) -> float | None:
    return None if value is None else float(value)


def _queue_time(queries: Sequence[ClusterQuery], now: datetime) -> float:
    """Return the 95 % quantile of queue times, in seconds; 0 when nothing waits or waited.

    What still waits counts with its time until now, or a queue that does not move looks short.
    """
    waits = sorted(
        (query.elapsed if query.state in WAITING else query.queued).total_seconds()
        for query in queries
        if query.state in WAITING or _is_recent(query, now)
    )
    return waits[ceil(0.95 * len(waits)) - 1] if waits else 0.0


def _is_recent(query: ClusterQuery, now: datetime) -> bool:
    """Say whether a query left the queue (or ended, when that is not known) a short time ago."""
    started_ago = query.elapsed - query.queued
    if query.ended_at is not None:
        started_ago += now - query.ended_at
    return started_ago <= QUEUED_OVER


def _blocked(queries: Sequence[ClusterQuery]) -> float:
    running = [q for q in queries if q.state == "RUNNING"]
    return sum(q.is_blocked for q in running) / len(running) if running else 0.0


def _failures(queries: Sequence[ClusterQuery], now: datetime) -> float | None:
    """Return the share of failures that are the cluster's; None when too few queries ended."""
    ended = [q for q in queries if q.ended_at is not None and now - q.ended_at <= FAILURES_OVER]
    return len(_cluster_faults(ended)) / len(ended) if len(ended) >= ENOUGH else None


def _cluster_faults(queries: Iterable[ClusterQuery]) -> list[ClusterQuery]:
    """Return the queries that failed by the cluster's fault and not by their own."""
    failed = [q for q in queries if q.error_type in CLUSTER_FAULTS]
    users = {q.user for q in failed if q.error in OWN_LIMITS}
    return [q for q in failed if q.error not in OWN_LIMITS or len(users) >= SEVERAL]


def _evidence(load: LoadSnapshot, now: datetime) -> dict[str, object]:
    queries = load.queries or ()
    running = [q for q in queries if q.state not in WAITING | OVER]
    waiting = [q for q in queries if q.state in WAITING]
    ended = [q for q in queries if q.ended_at is not None and now - q.ended_at <= FAILURES_OVER]
    hit = [*waiting, *_cluster_faults(ended)]
    victims = Counter(q.source for q in hit if DASHBOARDS.search(q.source))
    asking = Counter((q.user, q.source) for q in waiting)
    shares = _holders(running)
    return {
        "version": load.version,
        "holders": [one.told() for one in shares],
        "waiting": [
            {"user": user, "source": source, "count": count}
            for (user, source), count in asking.most_common(TOP)
        ],
        "queries": [query.id for one in shares for query in one.heaviest],
        "victims": dict(victims.most_common(5)),
        "collectors": list(load.collectors),
        "silent": dict(load.silent),
    }


@dataclass(frozen=True, slots=True)
class _Holder:
    """One user by one source, and the greatest of their shares of slots, CPU and memory."""

    user: str
    source: str
    queries: Sequence[ClusterQuery]
    share: float

    @property
    def heaviest(self) -> Sequence[ClusterQuery]:
        """The three queries that hold most."""
        return sorted(self.queries, key=lambda q: (q.memory_bytes, q.cpu), reverse=True)[:TOP]

    def told(self) -> dict[str, object]:
        return {
            "user": self.user,
            "source": self.source,
            "group": self.queries[0].group,
            "queries": len(self.queries),
            "cpu_s": round(_cpu(self.queries), 1),
            "memory_bytes": _memory(self.queries),
            "share": round(self.share, 3),
        }


def _holders(running: Sequence[ClusterQuery]) -> list[_Holder]:
    """Return who holds the cluster: the three with the greatest share of slots, CPU or memory."""
    held: dict[tuple[str, str], list[ClusterQuery]] = {}
    for query in running:
        held.setdefault((query.user, query.source), []).append(query)
    cpu, memory = _cpu(running) or 1.0, _memory(running) or 1

    def weight(mine: Sequence[ClusterQuery]) -> tuple[float, float]:
        shares = (len(mine) / len(running), _cpu(mine) / cpu, _memory(mine) / memory)
        return max(shares), sum(shares)

    top = sorted(held.items(), key=lambda item: weight(item[1]), reverse=True)[:TOP]
    return [_Holder(user, source, mine, weight(mine)[0]) for (user, source), mine in top]


def _cpu(queries: Sequence[ClusterQuery]) -> float:
    return sum(query.cpu.total_seconds() for query in queries)


def _memory(queries: Sequence[ClusterQuery]) -> int:
    return sum(query.memory_bytes for query in queries)
