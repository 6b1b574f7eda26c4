"""The source `trino` and the kind `trino_load` on a real Trino 476."""

import asyncio
import os
import re
import shutil
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import requests
from trino.exceptions import TrinoQueryError, TrinoUserError

from monitor.api import (
    Answer,
    Asking,
    LastUpdate,
    LastWrite,
    Load,
    LoadSnapshot,
    PartitionList,
    Partitions,
    Query,
    Rows,
    Sample,
    SourceError,
    Table,
    Updated,
)
from monitor.engine.clock import SystemClock
from monitor.kinds.trino_load import TrinoLoad
from monitor.kinds.trino_load.state import ClusterState
from monitor.sources.trino import Trino
from monitor.sources.trino.address import read_address
from monitor.sources.trino.busy import BUSIEST_SQL
from monitor.sources.trino.cancel import _find, authorize
from monitor.sources.trino.guard import why_refused
from monitor.sources.trino.rest import Rest
from monitor.sources.trino.turn import turn_of
from monitor.sources.trino.ui import by_ui
from monitor.sources.trino.wire import Wire
from tests.contract.trino_contract import Cluster, TrinoContract
from tests.platform.stack.crowd import crowd
from tests.platform.stack.postgres import PostgresServer
from tests.platform.stack.trino import TrinoServer, TrinoWorker
from tests.platform.stack.trino_files import HOW_TO

WAIT = timedelta(seconds=60)
HEAVY = "select count(*) from tpch.sf1.lineitem a join tpch.sf1.orders b on a.orderkey = b.orderkey"
LONG = "select count(*) as n from tpch.sf100.lineitem where comment like '%x%y%z%'"
NODES_AT_WORK = (
    "select count(distinct t.node_id) from system.runtime.tasks t "
    "join system.runtime.queries q using (query_id) "
    "where t.state = 'RUNNING' and q.source = 'health-monitor/platform' and q.state = 'RUNNING'"
)


def now() -> datetime:
    return SystemClock().now()


def ask(source: Trino, query: Query, timeout: timedelta = WAIT) -> Answer:
    return source.ask_blocking(query, Asking(now(), timeout, check="platform", team="tests"))


def source_of(server: TrinoServer, user: str = "monitor", **more: Any) -> Trino:
    return Trino(name="real", url=server.sqlalchemy_url(user, "tpch/tiny"), **more)


def load_of(source: Trino) -> LoadSnapshot:
    answer = ask(source, Load())
    assert isinstance(answer, LoadSnapshot)
    return answer


def state_of(load: LoadSnapshot, **settings: Any) -> ClusterState:
    measured = TrinoLoad(id="load", **settings).measure([load], load.observed_at)
    values = {one.measure: one.value for one in measured if isinstance(one, Sample)}
    return ClusterState(int(values["state"]))


def code_of(source: Trino, text: str) -> tuple[str, str]:
    with pytest.raises(SourceError) as caught:
        ask(source, Rows(text))
    return caught.value.code, str(caught.value).partition(":")[0]


class TestRealTrino(TrinoContract):
    @pytest.fixture
    def cluster(self, trino_server: TrinoServer) -> Cluster:
        def alive() -> int:
            return sum(
                (one["session"].get("source") or "").startswith("health-monitor")
                and one["state"] not in {"FINISHED", "FAILED"}
                for one in trino_server.get("/v1/query").json()
            )

        return Cluster(trino_server.sqlalchemy_url("monitor", "tpch/tiny"), alive)


def test_a_full_queue_is_overload_for_sql_and_seen_by_rest(trino_server: TrinoServer) -> None:
    source = source_of(trino_server, "crowded")
    with crowd(trino_server) as crowded:
        assert code_of(source, "select 1") == ("overload", "QUERY_QUEUE_FULL")
        load = load_of(source)
        assert state_of(load) is ClusterState.OVERLOADED
        assert load.queued == len(crowded.queued)
        (group,) = (one for one in load.groups if one.name == "global.crowded")
        assert (group.queued, group.max_queued) == (3, 3)
        evidence = next(iter(TrinoLoad(id="x").measure([load], load.observed_at)))
        assert isinstance(evidence, Sample)
        assert evidence.evidence["holders"][0]["user"] == "heavy"


MORE_THAN_ARE_READ = 40
"""Failed queries that hide another in a list of a few kilobytes."""


class QuerySource(Enum):
    """What Superset passes to its function of user agents."""

    CHART = 0


def test_a_dashboard_of_superset_is_named_as_victim(trino_server: TrinoServer) -> None:
    """What the snippet of the documentation makes Superset send, refused by a full queue."""
    (snippet,) = re.findall(r"```python\n(def name_the_asker.*?)```", HOW_TO.read_text(), re.DOTALL)
    settings: dict[str, Any] = {}
    exec(snippet, settings)  # noqa: S102  # our own documentation
    asker = settings["USER_AGENT_FUNC"](None, QuerySource.CHART)
    for _ in range(MORE_THAN_ARE_READ):
        with pytest.raises(TrinoUserError, match="nope"):
            trino_server.rows("select nope")
    with crowd(trino_server):
        with pytest.raises(TrinoQueryError, match="Too many queued"):
            trino_server.rows("select 1\n-- dashboard_id=12", user="crowded", source=asker)
        load = load_of(source_of(trino_server))
    told = next(iter(TrinoLoad(id="x").measure([load], load.observed_at)))
    assert isinstance(told, Sample)
    assert {"resource": "superset.12", "waiting": 0, "failed": 1} in told.evidence["victims"]


def test_limits_of_the_cluster_are_told_by_name(trino_server: TrinoServer) -> None:
    cpu = source_of(trino_server, session={"query_max_cpu_time": "1ms"})
    memory = source_of(trino_server, session={"query_max_memory": "1kB"})
    scan = source_of(trino_server, session={"query_max_execution_time": "1ms"})
    # Trino looks at the limit once a second: nothing shorter is sure to be seen.
    assert code_of(cpu, LONG) == ("query_fault", "EXCEEDED_CPU_LIMIT")
    assert code_of(memory, HEAVY)[0] == "overload"
    assert code_of(scan, HEAVY) == ("deadline_running", "EXCEEDED_TIME_LIMIT")


def test_a_query_whose_submission_was_never_answered_is_found_and_ended(
    trino_server: TrinoServer,
) -> None:
    headers = {"X-Trino-User": "monitor", "X-Trino-Trace-Token": "lost-and-found"}
    text = "select count(*) from tpch.sf100.lineitem"
    url = f"{trino_server.url}/v1/statement"
    begun = httpx.post(url, content=text, headers=headers, timeout=30).json()
    httpx.get(begun["nextUri"], headers=headers, timeout=30)
    address = read_address(trino_server.sqlalchemy_url())
    with Wire(address, turn_of(Asking(now(), WAIT))) as wire:
        authorize(wire, address)
        found = _find(wire, address, "lost-and-found")
        assert found == begun["id"]
        answer = wire.delete(f"{address.base}/v1/query/{found}")
    assert answer.status_code == requests.codes.no_content
    state = trino_server.get(f"/v1/query/{found}").json()["state"]
    assert state == "FAILED"


def test_what_takes_most_is_named_by_sql_where_more_run_than_are_read(
    trino_server: TrinoServer,
) -> None:
    with crowd(trino_server, queued=1) as crowded:
        found = ask(source_of(trino_server), Rows(BUSIEST_SQL))
        assert isinstance(found, Table)
    parts = list(found.columns["part"])
    assert {part: parts.count(part) for part in ("runs", "waits")} == {"runs": 1, "waits": 1}
    runs, waits = parts.index("runs"), parts.index("waits")
    assert found.columns["query_id"][runs] == crowded.running
    assert found.columns["query_id"][waits] in crowded.queued
    assert found.columns["of_part"][runs] == found.columns["of_part"][waits] == 1
    assert found.columns["cpu"][runs] != 0


def test_the_ui_lets_the_monitor_in_by_its_old_login(trino_server: TrinoServer) -> None:
    address = read_address(trino_server.sqlalchemy_url())
    rest = Rest(address, turn_of(Asking(now(), WAIT)))
    facts = by_ui(rest, address)
    rest.close()
    assert facts["workers"] >= 1
    assert facts["queued"] >= 0


def test_metrics_and_jmx_agree(trino_server: TrinoServer) -> None:
    load = load_of(source_of(trino_server))
    name = '"trino.metadata:name=discoverynodemanager"'
    rows = trino_server.rows(f"select activenodecount from jmx.current.{name}")  # noqa: S608
    assert rows == [[load.workers]]
    pool = '"trino.memory:type=clustermemorypool,name=general"'
    columns = "reserveddistributedbytes, totaldistributedbytes, blockednodes"
    ((reserved, total, blocked),) = trino_server.rows(f"select {columns} from jmx.current.{pool}")  # noqa: S608
    assert total > 0
    assert load.memory_share == pytest.approx(reserved / total, abs=0.2)
    assert load.blocked_nodes == blocked


def test_a_worker_that_is_killed_fails_its_query_and_is_missed(
    trino_server: TrinoServer, tmp_path: Path
) -> None:
    """Killed without a word while it works: the check's query says whose fault that is."""
    source = source_of(trino_server)
    with TrinoWorker(tmp_path / "worker", trino_server) as worker, ThreadPoolExecutor(1) as pool:
        assert load_of(source).workers == 2
        asked = pool.submit(ask, source, Rows(LONG), timedelta(minutes=3))
        until = monotonic() + 60
        while trino_server.rows(NODES_AT_WORK) != [[2]] and monotonic() < until:
            assert not asked.done()
        os.kill(worker.pid, signal.SIGKILL)
        error = asked.exception(timeout=180)
    assert isinstance(error, SourceError)
    assert error.code == "cluster_fault", str(error)
    until = monotonic() + 90
    load = load_of(source)
    while load.workers != 1 and monotonic() < until:
        load = load_of(source)
    assert load.workers == 1
    assert state_of(load, expected_workers=2) is ClusterState.OVERLOADED


def test_what_the_guard_refuses_really_writes(
    trino_server: TrinoServer, postgres_server: PostgresServer
) -> None:
    """The holes that the guard closes are holes: what looks like reading changed something."""
    trino_server.rows("create schema if not exists memory.guard")
    trino_server.rows("create table memory.guard.t as select 1 as a")
    hidden = "/* /* */ drop table memory.guard.t -- */ select 1"
    assert why_refused(hidden)
    trino_server.rows(hidden)
    assert trino_server.rows("show tables from memory.guard") == []

    url = urlsplit(postgres_server.new_database())
    assert url.hostname
    assert url.port
    assert url.username
    trino_server.postgres(url.hostname, url.port, url.path.strip("/"), url.username)
    try:
        trino_server.rows("create table pg.public.t as select 1 as a")
        passing = (
            "select * from table(pg.system.query("
            "query => 'with gone as (delete from t returning a) select a from gone'))"
        )
        assert why_refused(passing)
        # PostgreSQL is asked for a subquery here, which may not write; others may be less strict.
        with pytest.raises(Exception, match=r"(?i)read-only|with|syntax|modifying"):
            trino_server.rows(passing)
    finally:
        trino_server.rows("drop catalog pg")


HOUR = timedelta(hours=1)
FIRST = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture(scope="module")
def lake(trino_server: TrinoServer) -> Iterator[TrinoServer]:
    trino_server.lake()
    for text in (*CLEAN, *LAKE):
        trino_server.rows(text)
    yield trino_server
    for text in CLEAN:
        trino_server.rows(text)


HOURS = "select timestamp '2026-11-23 00:10:00' + interval '1' hour * n, date '2026-11-23', n"
CLEAN = (
    "drop materialized view if exists iceberg.events.m",
    "drop table if exists iceberg.events.i",
    "drop table if exists hive.events.h",
    "drop table if exists hive.events.t",
)
LAKE = (
    (
        "create table iceberg.events.i (at timestamp(6), dt date, n bigint) "
        "with (partitioning = array['hour(at)'])"
    ),
    f"insert into iceberg.events.i {HOURS} from unnest(sequence(0, 23)) as t (n) where n <> 5",
    "insert into iceberg.events.i select now(), current_date, 1 where false",
    (
        "create table hive.events.h (n bigint, dt varchar) "
        "with (format = 'PARQUET', partitioned_by = array['dt'])"
    ),
    (
        "insert into hive.events.h select n, '2026-11-' || cast(20 + n as varchar) "
        "from unnest(sequence(1, 4)) as t (n)"
    ),
    "call hive.system.create_empty_partition('events', 'h', array['dt'], array['2026-11-25'])",
)


def test_iceberg_is_watched_by_its_metadata(lake: TrinoServer) -> None:
    source = source_of(lake)
    answer = ask(source, Partitions("iceberg.events.i", "at", "hour", FIRST, FIRST + 24 * HOUR))
    assert isinstance(answer, PartitionList)
    present = {part.start for part in answer.partitions if not part.is_empty}
    assert {FIRST + n * HOUR for n in range(24)} - present == {FIRST + 5 * HOUR}
    newest = ask(source, LastUpdate("iceberg.events.i", "at"))
    assert newest.data_at == FIRST + 23 * HOUR + timedelta(minutes=10)


def test_an_empty_append_to_iceberg_is_no_write(lake: TrinoServer) -> None:
    source = source_of(lake)
    before = ask(source, LastWrite("iceberg.events.i"))
    assert isinstance(before, Updated)
    assert before.rows == 23
    lake.rows("insert into iceberg.events.i select now(), current_date, 1 where false")
    assert ask(source, LastWrite("iceberg.events.i")).data_at == before.data_at
    lake.rows("insert into iceberg.events.i values (timestamp '2026-11-24 07:00:00', null, 1)")
    after = ask(source, LastWrite("iceberg.events.i"))
    assert isinstance(after, Updated)
    assert after.rows == 1
    assert after.data_at is not None
    assert before.data_at is not None
    assert after.data_at > before.data_at


def test_an_empty_partition_of_hive_is_no_data(lake: TrinoServer) -> None:
    day = timedelta(days=1)
    first = datetime(2026, 11, 20, tzinfo=UTC)
    days = Partitions("hive.events.h", "dt", "day", first, first + 6 * day)
    # The owner sees the format; who only reads does not, and has to say that it may be tried.
    for source in (source_of(lake, "tests"), source_of(lake, tries_footers=True)):
        answer = ask(source, days)
        assert isinstance(answer, PartitionList)
        rows = {part.name: part.rows for part in answer.partitions}
        assert rows["2026-11-25"] == 0
        assert [rows[f"2026-11-2{n}"] for n in range(1, 5)] == [1, 1, 1, 1]
        newest = ask(source, LastUpdate("hive.events.h", "dt"))
        assert newest.data_at == datetime(2026, 11, 24, tzinfo=UTC)


def test_no_byte_of_data_is_read(lake: TrinoServer) -> None:
    """What is asked about Iceberg names metadata only: no file of data is opened."""
    ask(source_of(lake), Partitions("iceberg.events.i", "at", "hour", FIRST, FIRST + 24 * HOUR))
    listed = lake.get("/v1/query").json()
    mine = [
        one["query"]
        for one in listed
        if one["session"].get("source") == "health-monitor/platform" and "iceberg" in one["query"]
    ]
    assert mine
    metadata = ("$", "show stats", "system.metadata")
    assert [text for text in mine if not any(mark in text for mark in metadata)] == []


def test_of_partitions_without_statistics_nothing_is_read(lake: TrinoServer) -> None:
    """Text that another tool wrote, seen by a user who only reads: 1 MB that stays unread."""
    lake.rows(
        "create table hive.events.t with (format = 'TEXTFILE', partitioned_by = array['dt']) as "
        "select comment, '2026-11-23' as dt from tpch.tiny.lineitem"
    )
    folder = lake.work / "lake/hive/events/t"
    no_statistics = shutil.ignore_patterns(".*")
    shutil.copytree(folder / "dt=2026-11-23", folder / "dt=2026-11-24", ignore=no_statistics)
    lake.rows("call hive.system.sync_partition_metadata('events', 't', 'ADD')")
    days = Partitions("hive.events.t", "dt", "day", FIRST, FIRST + timedelta(days=2))
    answer = ask(source_of(lake), days)
    assert isinstance(answer, PartitionList)
    assert {part.name: part.rows for part in answer.partitions} == {
        "2026-11-23": 60_175,
        "2026-11-24": None,
    }
    assert answer.cost.bytes < 1000  # what the metadata tables return counts as read
    counted = ask(source_of(lake, tries_footers=True), days)
    assert isinstance(counted, PartitionList)
    assert {part.rows for part in counted.partitions} == {60_175}
    assert counted.cost.bytes > 100_000


def test_a_materialised_view_tells_its_freshness(lake: TrinoServer) -> None:
    lake.rows(
        "create materialized view iceberg.events.m as select count(*) as n from tpch.tiny.nation"
    )
    lake.rows("refresh materialized view iceberg.events.m")
    answer = ask(source_of(lake), LastWrite("iceberg.events.m"))
    assert answer.data_at is not None


def test_asking_in_the_loop_works_as_well(trino_server: TrinoServer) -> None:
    async def once() -> Answer:
        source = source_of(trino_server)
        try:
            return await source.ask(Rows("select 1 as one"), Asking(now(), WAIT, "loop", "tests"))
        finally:
            await source.close()

    assert asyncio.run(once()).cost.queries == 1
