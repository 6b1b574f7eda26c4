"""What the source `trino` promises on any cluster: run on the scripted one and on a real one.

A test module subclasses `TrinoContract` and gives the fixture `cluster`. The cluster has the
catalog `tpch`, or answers like one that has.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from monitor.api import (
    Answer,
    Asking,
    LastUpdate,
    Load,
    LoadSnapshot,
    PartitionList,
    Partitions,
    Query,
    Rows,
    SourceError,
    Table,
    Updated,
)
from monitor.sources.trino import Trino

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
ONE = "select 1 as one, 'a' as name"
NONE = "select 1 as one, 'a' as name where false"
MOMENT = "select timestamp '2026-01-02 03:04:05' as at"
SLOW = "select count(*) from tpch.sf100.lineitem a cross join tpch.sf100.lineitem b"
ORDERS = "tpch.tiny.orders"


@dataclass(frozen=True)
class Cluster:
    """A cluster to run on: its URL, and how many of our queries are alive there now."""

    url: str
    alive: Callable[[], int]


def ask(url: str, query: Query, timeout: timedelta = timedelta(seconds=20)) -> Answer:
    async def once() -> Answer:
        source = Trino(name="adhoc", url=url)
        try:
            return await source.ask(query, Asking(NOW, timeout, check="contract", team="tests"))
        finally:
            await source.close()

    return asyncio.run(once())


def fault(url: str, text: str, timeout: timedelta = timedelta(seconds=20)) -> str:
    with pytest.raises(SourceError) as caught:
        ask(url, Rows(text), timeout)
    return caught.value.fault


class TrinoContract:
    """The promises."""

    def test_rows_come_back_by_column(self, cluster: Cluster) -> None:
        answer = ask(cluster.url, Rows(ONE))
        assert isinstance(answer, Table)
        assert dict(answer.columns) == {"one": (1,), "name": ("a",)}

    def test_an_answer_without_rows_keeps_its_columns(self, cluster: Cluster) -> None:
        answer = ask(cluster.url, Rows(NONE))
        assert isinstance(answer, Table)
        assert dict(answer.columns) == {"one": (), "name": ()}

    def test_a_timestamp_without_zone_is_utc(self, cluster: Cluster) -> None:
        answer = ask(cluster.url, Rows(MOMENT))
        assert isinstance(answer, Table)
        assert next(answer.rows).moment("at") == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def test_the_newest_row_tells_the_last_update(self, cluster: Cluster) -> None:
        answer = ask(cluster.url, LastUpdate(ORDERS, "orderdate"))
        assert isinstance(answer, Updated)
        assert answer.data_at == datetime(1998, 8, 2, tzinfo=UTC)

    def test_partitions_of_the_window_are_counted(self, cluster: Cluster) -> None:
        since = datetime(1995, 1, 1, tzinfo=UTC)
        query = Partitions(ORDERS, "orderdate", "day", since, since + timedelta(days=3))
        answer = ask(cluster.url, query)
        assert isinstance(answer, PartitionList)
        assert {part.start for part in answer.partitions} == {
            since + timedelta(days=day) for day in range(3)
        }
        assert all(part.rows for part in answer.partitions)

    def test_a_table_that_does_not_exist_is_missing(self, cluster: Cluster) -> None:
        assert fault(cluster.url, "select 1 from tpch.tiny.nowhere") == "missing"

    def test_a_wrong_column_is_the_querys_fault(self, cluster: Cluster) -> None:
        assert fault(cluster.url, "select nope from tpch.tiny.nation") == "query"

    def test_a_query_past_its_deadline_is_ended_on_the_cluster(self, cluster: Cluster) -> None:
        assert fault(cluster.url, SLOW, timedelta(seconds=1)) in {"timeout", "overload", "slow"}
        assert cluster.alive() == 0

    def test_the_load_is_told_by_every_collector(self, cluster: Cluster) -> None:
        answer = ask(cluster.url, Load())
        assert isinstance(answer, LoadSnapshot)
        assert answer.silent == {}
        assert answer.version
        assert answer.workers
        assert answer.workers >= 1
        assert answer.memory_share is not None
        assert 0 <= answer.memory_share <= 1
        assert answer.heap_share is not None
        assert 0 < answer.heap_share <= 1

    def test_the_monitors_own_queries_are_nobodys_load(self, cluster: Cluster) -> None:
        ask(cluster.url, Rows(ONE))
        answer = ask(cluster.url, Load())
        assert isinstance(answer, LoadSnapshot)
        assert answer.queries is not None
        assert not [one for one in answer.queries if one.source.startswith("health-monitor")]
