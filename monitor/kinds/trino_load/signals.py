"""The signs of an overloaded cluster: each with its level, its family and its sentence.

Two signs of one family say the same thing twice, so families count. A cluster that is merely full
harms nobody: it is overloaded only when somebody waits, fails or is stuck as well.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum, StrEnum

from monitor.api import LoadPoint
from monitor.kinds.trino_load.picture import (
    FAILURES_OVER,
    SEVERAL,
    Picture,
    cluster_faults,
    recent,
    rejected,
)

HALF, MOST_OF, NEARLY_ALL = 0.5, 0.8, 0.9
LONG_QUEUE = 10
LONG_WAIT_S, VERY_LONG_WAIT_S = 30, 120
FAILING, FAILING_MUCH = 0.02, 0.1
LONG, FULL_AND_LONG, GROWING = 5, 3, 2
"""Minutes for which a queue must be long: alone, where the cluster is full all the while, and where
it grows from minute to minute. A batch is long as well, and drains."""

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
    refused = rejected(of.load)
    if refused:
        yield Sign(Family.WAITS, Level.HARD, f"the queue is full: {refused} rejected")
    elif of.queue_full is not None and of.queue_full >= MOST_OF:
        share = f"{of.queue_full * 100:.0f} %"
        yield Sign(Family.WAITS, Level.HARD, f"{share} of a group's queue is taken")
    elif queued is not None and (_held(of, LONG, _is_long) or _rises(of, (15, 10, 5, 0))):
        yield Sign(Family.WAITS, Level.WARN, f"{queued} queries wait")


def _is_long(point: LoadPoint) -> bool:
    return point.queued is not None and point.queued >= max(LONG_QUEUE, point.running or 0)


def _rises(of: Picture, minutes: Sequence[int]) -> bool:
    """Say whether the queue was longer at each of these minutes ago, and is worth the name."""
    steps = [_at(of, ago) for ago in minutes]
    lengths = [point.queued for point in steps if point is not None and point.queued is not None]
    return (
        len(lengths) == len(steps) and lengths[-1] >= LONG_QUEUE and lengths == sorted(set(lengths))
    )


def _long_for(of: Picture, minutes: int) -> int:
    """Return for how long a queue must be long: for less than so many minutes where it grows."""
    return GROWING if _rises(of, (2, 1, 0)) else minutes


def _waits(of: Picture) -> Iterable[Sign]:
    seconds = of.queue_time
    if seconds is None or seconds < LONG_WAIT_S or not of.load.queued:
        return
    # A few that wait long wait for their turn; many that do are a cluster that cannot keep up.
    is_hard = seconds >= VERY_LONG_WAIT_S and _held(of, _long_for(of, LONG), _is_long)
    level = Level.HARD if is_hard else Level.WARN
    yield Sign(Family.WAITS, level, f"one query in twenty waits {seconds:.0f} s or longer")


def _fails(of: Picture) -> Iterable[Sign]:
    lost = cluster_faults(recent(of.load, FAILURES_OVER))
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
    if _stays_full(of, 10, lambda it: it.memory_share):
        share = f"{(of.load.memory_share or 0) * 100:.0f} %"
        yield Sign(Family.FULL, Level.WARN, f"{share} of the memory is reserved")


def _machines(of: Picture) -> Iterable[Sign]:
    if _stays_full(of, 10, lambda it: it.slot_share):
        yield Sign(Family.FULL, Level.WARN, "nearly all slots of drivers are taken")
    if _stays_full(of, 5, lambda it: it.heap_share):
        share = f"{(of.load.heap_share or 0) * 100:.0f} %"
        yield Sign(Family.FULL, Level.WARN, f"the coordinator's heap is {share} full")
    if _stays_full(of, 5, lambda it: it.cpu_share):
        yield Sign(Family.FULL, Level.WARN, "the coordinator's CPU is busy")


def _slow(of: Picture) -> Iterable[Sign]:
    if of.planning is not None and of.planning > SLOW_PLANNING_S:
        told = f"planning takes {of.planning:.0f} s: the metastore or the coordinator is slow"
        yield Sign(Family.SLOW, Level.WARN, told)
    if of.zombies is not None and of.zombies >= SEVERAL:
        told = f"{of.zombies} queries are finished and not let go"
        yield Sign(Family.STUCK, Level.WARN, told)
    canaries = [point.canary for point in of.points if point.canary is not None]
    if of.load.canary_error and not rejected(of.load):
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


def _stays_full(of: Picture, minutes: int, share: Callable[[LoadPoint], float | None]) -> bool:
    """Say whether something was nearly full for so long, or for less with a long queue.

    A full cluster is a busy one. Where many have waited for it all the while, and for long, waiting
    for more proof only tells it later.
    """

    def is_full(point: LoadPoint) -> bool:
        return (share(point) or 0) > NEARLY_ALL

    enough = _long_for(of, FULL_AND_LONG)
    has_waited = (of.queue_time or 0) >= LONG_WAIT_S and _held(of, enough, _is_long)
    return _held(of, enough if has_waited else minutes, is_full)


def _at(of: Picture, minutes: int) -> LoadPoint | None:
    """Return the last point that is at least so old."""
    until = of.load.observed_at - timedelta(minutes=minutes)
    return next((point for point in reversed(of.points) if point.at <= until), None)
