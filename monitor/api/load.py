"""The load of a query cluster, as a source tells it: one snapshot, and the recent past of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from monitor.api.answer import Answer


@dataclass(frozen=True, slots=True)
class ClusterQuery:
    """One query on a cluster, and what it holds.

    ``slots`` are its running drivers; ``planning`` is analysis and planning together. ``text`` is
    the beginning and the end of its SQL, where tools leave their comments; it is for finding out
    whose it is, and goes into no evidence.
    """

    id: str
    user: str
    source: str
    state: str
    group: str = ""
    queued: timedelta = timedelta(0)
    elapsed: timedelta = timedelta(0)
    cpu: timedelta = timedelta(0)
    memory_bytes: int = 0
    is_blocked: bool = False
    error: str = ""
    error_type: str = ""
    ended_at: datetime | None = None
    slots: int = 0
    planning: timedelta = timedelta(0)
    finishing: timedelta = timedelta(0)
    agent: str = ""
    tags: tuple[str, ...] = ()
    client_info: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class GroupLoad:
    """One resource group: how many run and wait in it, and how many may."""

    name: str
    running: int
    limit: int
    queued: int
    max_queued: int


@dataclass(frozen=True, slots=True)
class LoadPoint:
    """The numbers of one earlier snapshot; None is unknown. Counters count since the start."""

    at: datetime
    is_up: bool = True
    queued: int | None = None
    running: int | None = None
    blocked: int | None = None
    workers: int | None = None
    memory_share: float | None = None
    blocked_nodes: int | None = None
    oom_kills: int | None = None
    slot_share: float | None = None
    heap_share: float | None = None
    cpu_share: float | None = None
    queue_p95: float | None = None
    completed: int | None = None
    cluster_failures: int | None = None
    canary: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadSnapshot(Answer):
    """The state of a cluster. None means that no collector could tell; it is never zero.

    ``is_up`` is False when nothing answered at all, with the reason in ``silent``. ``now`` and
    ``past`` are the numbers of this and of earlier snapshots, oldest first, up to 20 minutes.
    ``usual_workers`` is the median of a day; ``usual`` maps holders (``user|source``) to the share
    of the cluster that they held at this hour of other days. ``canary`` is how many seconds a
    ``SELECT 1`` took, ``canary_error`` why it failed. ``collectors`` names the ways that answered,
    ``silent`` those that failed, with the reason; ``scraped_bytes`` is what came over the wire.
    ``is_partial`` says that there are more ``queries`` than were read: those that wait, run and
    failed come first, and the counts stay those of the whole cluster.
    """

    version: str | None = None
    is_up: bool = True
    is_starting: bool = False
    workers: int | None = None
    queued: int | None = None
    running: int | None = None
    blocked: int | None = None
    memory_share: float | None = None
    blocked_nodes: int | None = None
    oom_kills: int | None = None
    slot_share: float | None = None
    heap_share: float | None = None
    cpu_share: float | None = None
    queue_p95: float | None = None
    completed: int | None = None
    cluster_failures: int | None = None
    canary: float | None = None
    canary_error: str = ""
    queries: tuple[ClusterQuery, ...] | None = None
    is_partial: bool = False
    groups: tuple[GroupLoad, ...] = ()
    past: tuple[LoadPoint, ...] = ()
    usual_workers: float | None = None
    usual: Mapping[str, float] = field(default_factory=dict)
    collectors: tuple[str, ...] = ()
    silent: Mapping[str, str] = field(default_factory=dict)
    scraped_bytes: int = 0

    @property
    def now(self) -> LoadPoint:
        """The numbers of this snapshot, as a later one will see them."""
        return LoadPoint(
            at=self.observed_at,
            is_up=self.is_up,
            queued=self.queued,
            running=self.running,
            blocked=self.blocked,
            workers=self.workers,
            memory_share=self.memory_share,
            blocked_nodes=self.blocked_nodes,
            oom_kills=self.oom_kills,
            slot_share=self.slot_share,
            heap_share=self.heap_share,
            cpu_share=self.cpu_share,
            queue_p95=self.queue_p95,
            completed=self.completed,
            cluster_failures=self.cluster_failures,
            canary=self.canary,
        )


WAITING = {"QUEUED", "WAITING_FOR_RESOURCES"}
OVER = {"FINISHED", "FAILED"}


def holders_of(queries: Iterable[ClusterQuery]) -> dict[tuple[str, str], float]:
    """Return what each user holds by each source: the greatest share of slots, CPU and memory.

    Only running queries hold something. A slot is one query; the shares are of what runs now.
    """
    running = [one for one in queries if one.state not in WAITING | OVER]
    spent = {one.id: _lately(one) for one in running}
    held: dict[tuple[str, str], list[ClusterQuery]] = {}
    for query in running:
        held.setdefault((query.user, query.source), []).append(query)
    cpu = sum(spent.values()) or 1.0
    memory = sum(one.memory_bytes for one in running) or 1
    return {
        holder: max(
            len(mine) / len(running),
            sum(spent[one.id] for one in mine) / cpu,
            sum(one.memory_bytes for one in mine) / memory,
        )
        for holder, mine in held.items()
    }


LATELY = timedelta(minutes=10)


def _lately(query: ClusterQuery) -> float:
    """Return the CPU seconds of the last ten minutes, had they been spent evenly."""
    ran = max(query.elapsed - query.queued, timedelta(seconds=1))
    return query.cpu.total_seconds() * min(1.0, LATELY / ran)
