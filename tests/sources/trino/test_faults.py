"""Whatever a coordinator does, a question ends in time, once, with a name, and leaves nothing."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice
from time import monotonic

import pytest

from monitor.api import Asking, SourceError
from monitor.sources.trino.address import read_address
from monitor.sources.trino.statement import Limits, run
from monitor.sources.trino.turn import turn_of
from monitor.sources.trino.wire import PAUSES
from monitor.testing.trino import ClusterState, Fault, ScriptedTrino
from tests.often import often

MANY = often(len(Fault), 10_000)
AT_ONCE = often(12, 24)
DEADLINE = timedelta(seconds=0.5)
OVERSHOOT = timedelta(seconds=2)
LAST_TRY = timedelta(seconds=PAUSES[0])
STILL_ALIVE_AFTER = timedelta(seconds=5)
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
RARE = {Fault.HUGE, Fault.DELETE_HANGS, Fault.DELETE_FAILS}
"""Each of these costs as much time as twenty others; they come once in ten rounds."""

ROWS, SLOW, QUEUED = "rows", "deadline_running", "deadline_queued"
EXPECTED: dict[Fault, str] = {
    Fault.NONE: "rows",
    Fault.UNAVAILABLE: "overload",
    Fault.UNAUTHORIZED: "auth",
    Fault.FORBIDDEN: "auth",
    Fault.SLOW_POST: "network",
    Fault.LOST_POST: "network",
    Fault.EMPTY_POST: "network",
    Fault.UNSEEN_POST: "network",
    Fault.GATEWAY_POST: "network",
    Fault.TOO_MANY: "overload",
    Fault.TOO_MANY_DATE: "overload",
    Fault.TOO_MANY_HOURS: "overload",
    Fault.REDIRECT: "network",
    Fault.SLOW_GET: QUEUED,
    Fault.UNAVAILABLE_ONCE: ROWS,
    Fault.GATEWAY_ONCE: ROWS,
    Fault.TOO_MANY_ONCE: ROWS,
    Fault.GATEWAY: "network",
    Fault.EMPTY: "network",
    Fault.EMPTY_ONCE: ROWS,
    Fault.TRUNCATED: "network",
    Fault.TRUNCATED_ONCE: ROWS,
    Fault.RESET: "network",
    Fault.RESET_ONCE: ROWS,
    Fault.DRIP: QUEUED,
    Fault.HUGE: "query_fault",
    Fault.HTML: "network",
    Fault.NO_OBJECT: "network",
    Fault.NO_KEYS: "network",
    Fault.GONE: "network",
    Fault.NOT_FOUND: "network",
    Fault.EXPIRED: "auth",
    Fault.INTERNAL_HOST: ROWS,
    Fault.STUCK_QUEUED: QUEUED,
    Fault.STUCK_WAITING: QUEUED,
    Fault.STUCK_PLANNING: SLOW,
    Fault.STUCK_RUNNING: SLOW,
    Fault.STUCK_FINISHING: SLOW,
    Fault.BREAKS_MID_RESULT: "overload",
    Fault.QUEUE_FULL: "overload",
    Fault.TIME_LIMIT: SLOW,
    Fault.CPU_LIMIT: "query_fault",
    Fault.MEMORY_LIMIT: "overload",
    Fault.SCAN_LIMIT: "query_fault",
    Fault.OUT_OF_MEMORY: "overload",
    Fault.NO_NODES: "cluster_fault",
    Fault.STARTING_UP: "cluster_fault",
    Fault.WORKER_GONE: "cluster_fault",
    Fault.ABANDONED: "cluster_fault",
    Fault.KILLED: "cluster_fault",
    Fault.INTERNAL: "cluster_fault",
    Fault.METASTORE: "external",
    Fault.DENIED: "query_fault",
    Fault.UNKNOWN_TYPE: ROWS,
    Fault.SPOOLED: "network",
    Fault.DELETE_HANGS: QUEUED,
    Fault.DELETE_FAILS: QUEUED,
    Fault.DELETE_LOST: QUEUED,
}


pytestmark = pytest.mark.alone


@dataclass(frozen=True)
class Ended:
    """How one question ended, and how long after its deadline (negative: before)."""

    fault: Fault
    came: str
    late: timedelta


def round_of(number: int) -> Iterator[Fault]:
    return (fault for fault in Fault if fault not in RARE or number % 10 == 0)


def ask(server: ScriptedTrino, fault: Fault, number: int) -> Ended:
    address = read_address(f"trino://m@{server.url.partition('//')[2]}/hive")
    began = monotonic()
    try:
        text = f"select {number} -- fault={fault}"
        run(text, address, turn_of(Asking(NOW, DEADLINE, "c", "t")), Limits({}, 1000))
        came = ROWS
    except SourceError as error:
        came = str(error.code)
    return Ended(fault, came, timedelta(seconds=monotonic() - began) - DEADLINE)


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedTrino]:
    faults = {rf"fault={fault}$": fault for fault in Fault}
    state = ClusterState(tables={"select": ({"one": "integer"}, [[1]])}, faults=faults)
    with ScriptedTrino(lambda: state) as made:
        yield made


@pytest.fixture(scope="module")
def ended(server: ScriptedTrino) -> list[Ended]:
    rounds = (fault for number in cycle(range(10)) for fault in round_of(number))
    faults = list(islice(rounds, MANY))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(ask, [server] * MANY, faults, range(MANY)))


def test_every_fault_has_an_expected_end() -> None:
    assert set(EXPECTED) == set(Fault)


def test_every_question_ends_with_the_name_of_its_fault(ended: list[Ended]) -> None:
    assert len(ended) == MANY
    wrong = [one for one in ended if one.came != EXPECTED[one.fault]]
    # On a busy machine any question may run into its deadline first; what came must then say so.
    # With less than a pause left, what would come right is not tried again.
    assert [one for one in wrong if one.late < -LAST_TRY] == []
    assert {one.came for one in wrong} <= {QUEUED, SLOW, "network"}
    assert len(wrong) <= MANY // 2


def test_every_question_ends_soon_after_its_deadline(ended: list[Ended]) -> None:
    assert [one for one in ended if one.late > OVERSHOOT] == []


def test_no_question_is_submitted_twice(server: ScriptedTrino, ended: list[Ended]) -> None:
    assert len(server.statements) == len(set(server.statements))
    # On a busy machine a deadline may pass before anything was sent; such a question says so.
    unsent = len(ended) - len(server.statements)
    assert 0 <= unsent <= sum(one.came != EXPECTED[one.fault] for one in ended)


def test_no_query_and_no_thread_is_left(server: ScriptedTrino, ended: list[Ended]) -> None:
    assert ended
    until, pause = monotonic() + STILL_ALIVE_AFTER.total_seconds(), threading.Event()
    while server.alive and monotonic() < until:
        pause.wait(0.05)
    assert server.alive == set()
    assert [one for one in threading.enumerate() if isinstance(one, threading.Timer)] == []
