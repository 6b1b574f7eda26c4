"""What one look at the load of a cluster reads: little, counted, and what matters first."""

import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from random import Random
from urllib.parse import urlsplit

import pytest

from monitor.api import Asking, ClusterQuery, GroupLoad, Load, LoadSnapshot
from monitor.sources.trino import Trino
from monitor.sources.trino.rest import groups
from monitor.sources.trino.sockets import Sockets
from tests.sources.trino.relay import relay
from tests.sources.trino.rig import ENOUGH, NOW, Rig
from tests.sources.trino.test_load import ENDED, ETL, LOST, SQL_TABLES, WAITING

MOST = 20_000


def many(count: int, state: str) -> Sequence[ClusterQuery]:
    """Return queries that hardly can be packed: names and texts of their own."""
    hashes = [f"{number:016x}" for number in Random(3).sample(range(2**60), count)]  # noqa: S311
    ended = ENDED if state in {"FINISHED", "FAILED"} else None
    return [
        replace(ETL, id=it, user=f"u{it}", state=state, ended_at=ended, text=it * 9)
        for it in hashes
    ]


def _at(on: Rig, at: timedelta) -> LoadSnapshot:
    load = on.source.ask_blocking(Load(), Asking(NOW + at, ENOUGH, "load"))
    assert isinstance(load, LoadSnapshot)
    return load


@pytest.mark.parametrize("has_canary", [True, False])
def test_every_byte_that_comes_is_counted(on: Rig, *, has_canary: bool) -> None:
    on.becomes(
        queries=[ETL, WAITING, *many(20, "FINISHED")],
        tables={"select 1": ({"o": "integer"}, [[1]])},
    )
    port = urlsplit(on.server.url).port
    assert port
    with relay(port) as between:
        url = f"trino://monitor@127.0.0.1:{between.port}/hive"
        source = Trino(name="relayed", url=url, canary=has_canary)
        load = source.ask_blocking(Load(), Asking(NOW, ENOUGH, "load"))
        assert isinstance(load, LoadSnapshot)
        assert not load.is_partial
        assert load.cost.queries == has_canary
        assert load.scraped_bytes == between.passed > 1000


@pytest.mark.long
@pytest.mark.parametrize("count", [1000, 2000])
def test_a_long_list_of_queries_is_partial_and_what_matters_is_read(on: Rig, count: int) -> None:
    on.becomes(queries=[*many(count, "FINISHED"), ETL, WAITING, LOST])
    first = on.load(Load())
    assert first.is_partial
    assert 10_000 < first.scraped_bytes <= MOST
    later = on.load(Load())
    assert later.is_partial
    assert later.queries == (ETL, WAITING, LOST)
    assert later.scraped_bytes <= 5_000
    for load in (first, later):
        assert load.silent == {}
        assert {ETL, WAITING, LOST} <= set(load.queries or ())
        assert (load.queued, load.running, load.completed) == (1, 1, count + 1)


@pytest.mark.long
@pytest.mark.parametrize("state", ["QUEUED", "RUNNING", "FAILED", "FINISHED"])
def test_two_thousand_of_one_kind_do_not_hide_the_others(on: Rig, state: str) -> None:
    group = GroupLoad("global.bi", running=5, limit=5, queued=9, max_queued=10)
    mine = replace(WAITING, group="global.bi")
    other = replace(group, name="global.etl")
    on.becomes(queries=[*many(2000, state), ETL, mine, LOST], groups=[group, other])
    load = on.load(Load())
    assert load.is_partial
    assert set(load.silent) <= {"system.runtime.queries"}  # the scripted cluster has no such table
    assert load.scraped_bytes <= MOST
    known = {one.id for one in load.queries or ()}
    kept = {"QUEUED": {"q1", "q3"}, "RUNNING": {"q2", "q3"}, "FAILED": {"q1", "q2"}}
    assert kept.get(state, {"q1", "q2", "q3"}) <= known
    assert load.queued == (2001 if state == "QUEUED" else 1)
    assert load.running == (2001 if state == "RUNNING" else 1)


@pytest.mark.parametrize("state", ["DISPATCHING", "PLANNING", "STARTING", "FINISHING"])
def test_what_is_on_its_way_is_listed_whatever_the_counters_call_it(on: Rig, state: str) -> None:
    on.becomes(queries=[ETL, replace(ETL, id="q9", state=state), LOST])
    load = on.load(Load())
    assert [one.id for one in load.queries or ()] == ["q1", "q3", "q9"]
    assert (load.queued, load.running) == (0, 2)
    assert not load.is_partial


def test_the_group_of_those_that_wait_is_told_though_the_list_is_cut(on: Rig) -> None:
    group = GroupLoad("global.bi", running=5, limit=5, queued=9, max_queued=10)
    on.becomes(
        queries=[*many(2000, "FINISHED"), replace(WAITING, group="global.bi")], groups=[group]
    )
    assert on.load(Load()).groups == (group,)


def test_of_many_that_run_sql_names_the_one_that_takes_most(on: Rig) -> None:
    on.becomes(queries=many(500, "RUNNING"), tables=SQL_TABLES)
    load = on.load(Load())
    assert "q1" in {one.id for one in load.queries or ()}
    assert load.running == 500
    assert load.cost.queries == 1
    assert load.silent == {}
    assert _at(on, timedelta(seconds=15)).cost.queries == 0
    assert _at(on, timedelta(seconds=30)).cost.queries == 1


@pytest.mark.long
def test_the_canary_waits_for_a_look_without_another_statement_but_not_for_ever(on: Rig) -> None:
    tables = SQL_TABLES | {"select 1$": ({"one": "integer"}, [[1]])}
    on.becomes(queries=many(500, "RUNNING"), tables=tables)
    source = on.source.model_copy(update={"canary": True})
    asked: list[list[bool]] = []
    for minute in range(4):
        before = len(on.server.statements)
        source.ask_blocking(Load(), Asking(NOW + timedelta(minutes=minute), ENOUGH, "load"))
        asked.append(["select 1" in text for text in on.server.statements[before:]])
    assert [len(one) for one in asked] == [1, 2, 1, 2]


def test_a_list_that_got_short_again_is_read_whole(on: Rig) -> None:
    on.becomes(queries=many(1000, "FINISHED"))
    assert on.load(Load()).is_partial
    on.becomes(queries=[ETL])
    assert _at(on, timedelta(minutes=14)).is_partial
    load = _at(on, timedelta(minutes=20))
    assert not load.is_partial
    assert load.queries == (ETL,)


def test_a_group_is_read_without_the_long_list_of_what_runs_in_it() -> None:
    text = (
        '{"id":["a","b"],"hardConcurrencyLimit":5,"maxQueuedQueries":9,"numQueuedQueries":3,'
        '"numRunningQueries":5,"subGroups":[],"runningQueries":[{"queryId":"x","query":"sele'
    )
    (group,) = groups(text, was_cut=True)
    assert group == GroupLoad("a.b", running=5, limit=5, queued=3, max_queued=9)


def test_to_count_what_nobody_will_read_waits_for_nothing() -> None:
    sockets = Sockets()
    near, far = socket.socketpair()
    with near, far, ThreadPoolExecutor(1) as pool:
        near.settimeout(600)
        sockets.add(near)
        assert pool.submit(sockets.unread).result(30) == 0
        far.sendall(b"unread")
        assert pool.submit(sockets.unread).result(30) == 6
