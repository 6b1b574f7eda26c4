"""The signs of an overloaded cluster: each with its level, its family and its sentence.

Two signs of one family say the same thing twice, so families count. A cluster that is merely full
harms nobody: it is overloaded only when somebody waits, fails or is stuck as well.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum, StrEnum
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

HALF, MOST_OF, NEARLY_ALL = 0.5, 0.8, 0.9
LONG_QUEUE = 10
LONG_WAIT_S, VERY_LONG_WAIT_S = 30, 120
FAILING, FAILING_MUCH = 0.02, 0.1
SLOW_PLANNING_S, SLOW_CANARY_S = 10, 5


class Level(IntEnum):
    """How bad a sign is; ``HARD`` alone means that the cluster is overloaded."""

    OK = 0
    WARN = 1
    HARD = 2


class Family(StrEnum):
    """What a sign is a sign of."""

    FULL = "full"
    WAITS = "waits"
    FAILS = "fails"
    STUCK = "stuck"
    SLOW = "slow"
    WORKERS = "workers"


@dataclass(frozen=True, slots=True)
class Sign:
    """One sign that is not in order, in words."""

    family: Family
    level: Level
    says: str


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
        oom_kills=_increase(load, FAILURES_OVER),
        planning=None if queries is None else _planning(queries),
        zombies=None if queries is None else sum(_is_zombie(one) for one in queries),
    )


def signs(of: Picture) -> list[Sign]:
    """Return every sign that is not in order, worst first."""
    found = [sign for look in _LOOKS for sign in look(of)]
    return sorted(found, key=lambda sign: -sign.level)


def _starting(of: Picture) -> Iterable[Sign]:
    if of.load.is_starting:
        yield Sign(Family.WORKERS, Level.WARN, "the coordinator is starting")


def _workers(of: Picture) -> Iterable[Sign]:
    share, count = of.workers, of.load.workers
    if count == 0 or (share is not None and share <= HALF):
        yield Sign(Family.WORKERS, Level.HARD, f"only {count} workers are there")
    elif share is not None and share <= MOST_OF and count is not None and _stay_few(of, count):
        yield Sign(Family.WORKERS, Level.WARN, f"only {count} workers are there")


def _stay_few(of: Picture, count: int) -> bool:
    return _held(of, 3, lambda it: it.workers is not None and it.workers <= count)


def _queue(of: Picture) -> Iterable[Sign]:
    queued = of.load.queued
    rejected = _rejected(of.load)
    if rejected:
        yield Sign(Family.WAITS, Level.HARD, f"the queue is full: {rejected} rejected")
    elif of.queue_full is not None and of.queue_full >= MOST_OF:
        share = f"{of.queue_full * 100:.0f} %"
        yield Sign(Family.WAITS, Level.HARD, f"{share} of a group's queue is taken")
    elif queued is not None and (_held(of, 5, _is_long) or _rises(of)):
        yield Sign(Family.WAITS, Level.WARN, f"{queued} queries wait")


def _is_long(point: LoadPoint) -> bool:
    return point.queued is not None and point.queued >= max(LONG_QUEUE, point.running or 0)


def _rises(of: Picture) -> bool:
    """Say whether the queue has grown for fifteen minutes, and is worth the name."""
    steps = [_at(of, minutes) for minutes in (15, 10, 5, 0)]
    lengths = [point.queued for point in steps if point is not None and point.queued is not None]
    return (
        len(lengths) == len(steps) and lengths[-1] >= LONG_QUEUE and lengths == sorted(set(lengths))
    )


def _waits(of: Picture) -> Iterable[Sign]:
    seconds = of.queue_time
    if seconds is None or seconds < LONG_WAIT_S or not of.load.queued:
        return
    # A few that wait long wait for their turn; many that do are a cluster that cannot keep up.
    is_hard = seconds >= VERY_LONG_WAIT_S and _held(of, 5, _is_long)
    level = Level.HARD if is_hard else Level.WARN
    yield Sign(Family.WAITS, level, f"one query in twenty waits {seconds:.0f} s or longer")


def _fails(of: Picture) -> Iterable[Sign]:
    lost = _cluster_faults(_recent(of.load, FAILURES_OVER))
    told = f"{len(lost)} queries failed by the cluster's fault"
    if of.failures is not None and of.failures >= FAILING_MUCH and len(lost) >= SEVERAL:
        yield Sign(Family.FAILS, Level.HARD, told)
    elif (of.failures is not None and of.failures >= FAILING and len(lost) > 1) or (
        len(lost) >= SEVERAL and len({one.user for one in lost}) > 1
    ):
        yield Sign(Family.FAILS, Level.WARN, told)


def _stuck(of: Picture) -> Iterable[Sign]:
    def is_stuck(bound: float) -> Callable[[LoadPoint], bool]:
        return lambda it: bool(
            it.blocked and it.running and it.running >= SEVERAL and it.blocked / it.running > bound
        )

    if _held(of, 5, is_stuck(HALF)):
        yield Sign(Family.STUCK, Level.WARN, f"{of.load.blocked} running queries are blocked")


def _memory(of: Picture) -> Iterable[Sign]:
    if of.oom_kills:
        told = f"{of.oom_kills} queries were killed for lack of memory"
        yield Sign(Family.FAILS, Level.HARD, told)
    if _held(of, 5, lambda it: bool(it.blocked_nodes)):
        told = f"{of.load.blocked_nodes} workers have no memory left"
        yield Sign(Family.STUCK, Level.WARN, told)
    if _held(of, 10, lambda it: (it.memory_share or 0) > NEARLY_ALL):
        share = f"{(of.load.memory_share or 0) * 100:.0f} %"
        yield Sign(Family.FULL, Level.WARN, f"{share} of the memory is reserved")


def _machines(of: Picture) -> Iterable[Sign]:
    if _held(of, 10, lambda it: (it.slot_share or 0) > NEARLY_ALL):
        yield Sign(Family.FULL, Level.WARN, "nearly all slots of drivers are taken")
    if _held(of, 5, lambda it: (it.heap_share or 0) > NEARLY_ALL):
        share = f"{(of.load.heap_share or 0) * 100:.0f} %"
        yield Sign(Family.FULL, Level.WARN, f"the coordinator's heap is {share} full")
    if _held(of, 5, lambda it: (it.cpu_share or 0) > NEARLY_ALL):
        yield Sign(Family.FULL, Level.WARN, "the coordinator's CPU is busy")


def _slow(of: Picture) -> Iterable[Sign]:
    if of.planning is not None and of.planning > SLOW_PLANNING_S:
        told = f"planning takes {of.planning:.0f} s: the metastore or the coordinator is slow"
        yield Sign(Family.SLOW, Level.WARN, told)
    if of.zombies is not None and of.zombies >= SEVERAL:
        told = f"{of.zombies} queries are finished and not let go"
        yield Sign(Family.STUCK, Level.WARN, told)
    canaries = [point.canary for point in of.points if point.canary is not None]
    if of.load.canary_error and not _rejected(of.load):
        yield Sign(Family.SLOW, Level.WARN, f"SELECT 1 fails: {of.load.canary_error}")
    elif canaries and canaries[-1] >= SLOW_CANARY_S:
        yield Sign(Family.SLOW, Level.WARN, f"SELECT 1 takes {canaries[-1]:.0f} s")


_LOOKS = (
    _starting,
    _workers,
    _queue,
    _waits,
    _fails,
    _stuck,
    _memory,
    _machines,
    _slow,
)


def _held(of: Picture, minutes: int, is_bad: Callable[[LoadPoint], bool]) -> bool:
    """Say whether something was bad at every look of the last minutes, and that long ago."""
    since = of.load.observed_at - timedelta(minutes=minutes)
    if not is_bad(of.points[-1]) or of.points[0].at > since:
        return False
    return all(is_bad(point) for point in of.points if point.at >= since)


def _at(of: Picture, minutes: int) -> LoadPoint | None:
    """Return the last point that is at least so old."""
    until = of.load.observed_at - timedelta(minutes=minutes)
    return next((point for point in reversed(of.points) if point.at <= until), None)


def _increase(load: LoadSnapshot, over: timedelta) -> int | None:
    """Return how much the count of killed queries grew; it begins at 0 when Trino starts."""
    if load.oom_kills is None:
        return None
    since = load.observed_at - over
    known = [it.oom_kills for it in load.past if it.at >= since and it.oom_kills is not None]
    before = known[0] if known else load.oom_kills
    return load.oom_kills - before if load.oom_kills >= before else load.oom_kills


def _recent(load: LoadSnapshot, over: timedelta) -> list[ClusterQuery]:
    now = load.observed_at
    return [q for q in load.queries or () if q.ended_at is not None and now - q.ended_at <= over]


def _rejected(load: LoadSnapshot) -> int:
    """Count the queries that found the queue full just now, our own canary among them."""
    found = sum(one.error == "QUERY_QUEUE_FULL" for one in _recent(load, FULL_OVER))
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
    return waits[ceil(0.95 * len(waits)) - 1] if waits else 0.0


def _left_lately(query: ClusterQuery, load: LoadSnapshot) -> bool:
    """Say whether a query left the queue (or ended, when that is not known) a short time ago."""
    started_ago = query.elapsed - query.queued
    if query.ended_at is not None:
        started_ago += load.observed_at - query.ended_at
    return started_ago <= QUEUED_OVER


def _blocked(load: LoadSnapshot) -> float | None:
    if load.queries is None:
        known = load.blocked is not None and load.running is not None
        return (load.blocked or 0) / (load.running or 1) if known else None
    running = [q for q in load.queries if q.state == "RUNNING"]
    return sum(q.is_blocked for q in running) / len(running) if running else 0.0


def _failures(load: LoadSnapshot) -> float | None:
    """Return the share of failures that are the cluster's; None when too few queries ended."""
    ended = _recent(load, FAILURES_OVER)
    return len(_cluster_faults(ended)) / len(ended) if len(ended) >= ENOUGH else None


def _cluster_faults(queries: Iterable[ClusterQuery]) -> list[ClusterQuery]:
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
    return _cluster_faults(_recent(load, FAILURES_OVER)), waiting


def running(load: LoadSnapshot) -> list[ClusterQuery]:
    """Return the queries that hold something now."""
    return [one for one in load.queries or () if one.state not in WAITING | OVER]
