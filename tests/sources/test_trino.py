import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from monitor.api import (
    Answer,
    Asking,
    ClusterQuery,
    LastUpdate,
    Load,
    LoadSnapshot,
    Query,
    Rows,
    Sample,
    SourceError,
    Table,
    Updated,
)
from monitor.kinds.trino_load import TrinoLoad
from monitor.sources.trino import Trino
from monitor.sources.trino.guard import guard
from monitor.testing.trino import ClusterState, ScriptedTrino

NOW = datetime(2026, 11, 24, 3, 30, tzinfo=UTC)
WAIT = timedelta(minutes=2)


def query(number: int, state: str, source: str = "Apache Superset") -> ClusterQuery:
    return ClusterQuery(
        f"q{number}", "superset", source, state, "global", WAIT, WAIT, timedelta(seconds=90), 2**20
    )


class Stage:
    """A cluster whose state a test sets."""

    def __init__(self) -> None:
        tables: dict[str, tuple[dict[str, str], list[list[Any]]]] = {
            "from kpi": ({"model": "varchar", "value": "bigint"}, [["ctr", 7]]),
            "max": ({"_col0": "timestamp(3)"}, [["2026-11-24 02:00:00.000"]]),
        }
        busy = [query(n, "RUNNING") for n in range(3)] + [query(n, "QUEUED") for n in range(3, 8)]
        busy.append(query(9, "RUNNING", "health-monitor/me"))
        self.state = ClusterState(queries=busy, tables=tables)


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def server(stage: Stage) -> Iterator[ScriptedTrino]:
    with ScriptedTrino(lambda: stage.state) as made:
        yield made


def ask(server: ScriptedTrino, question: Query, seconds: float = 5) -> Answer:
    async def story() -> Answer:
        url = f"trino://monitor@{server.url.removeprefix('http://')}/hive"
        source = Trino(name="adhoc", url=url)
        try:
            return await source.ask(
                question, Asking(NOW, timedelta(seconds=seconds), "c", "recsys")
            )
        finally:
            await source.close()

    return asyncio.run(story())


def test_rows_come_back_and_the_query_says_who_asks(server: ScriptedTrino) -> None:
    table = ask(server, Rows("select model, value from kpi"))
    assert isinstance(table, Table)
    assert table.columns == {"model": ("ctr",), "value": (7,)}
    assert server.sources == ["health-monitor/c"]


def test_the_newest_moment_is_utc(server: ScriptedTrino) -> None:
    found = ask(server, LastUpdate("hive.events", "at"))
    assert isinstance(found, Updated)
    assert found.data_at == datetime(2026, 11, 24, 2, tzinfo=UTC)


def test_a_query_stuck_in_the_queue_ends_at_the_deadline_and_is_cancelled(
    server: ScriptedTrino, stage: Stage
) -> None:
    stage.state = replace(stage.state, is_stuck=True)
    with pytest.raises(SourceError) as caught:
        ask(server, Rows("select model, value from kpi"), seconds=0.3)
    assert caught.value.fault == "overload"
    assert len(server.statements) == 1
    assert not server.alive


def test_a_full_queue_rejects_sql_and_blinds_nobody(server: ScriptedTrino, stage: Stage) -> None:
    stage.state = replace(stage.state, is_full=True)
    with pytest.raises(SourceError, match="QUERY_QUEUE_FULL") as caught:
        ask(server, Rows("select model, value from kpi"))
    assert caught.value.fault == "overload"
    load = ask(server, Load())
    assert isinstance(load, LoadSnapshot)
    assert (load.queued, load.running, load.workers) == (5, 3, 4)


@pytest.mark.parametrize("has_old_names", [True, False])
def test_both_generations_of_metric_names_are_read(
    server: ScriptedTrino, stage: Stage, has_old_names: bool
) -> None:
    stage.state = replace(stage.state, has_old_names=has_old_names)
    load = ask(server, Load())
    assert isinstance(load, LoadSnapshot)
    assert load.workers == 4
    assert load.memory_share == pytest.approx(0.3)


def test_a_cluster_that_is_down_is_unreachable(server: ScriptedTrino) -> None:
    gone = ScriptedTrino(server.state)
    with gone:
        pass
    load = ask(gone, Load())
    assert isinstance(load, LoadSnapshot)
    assert not load.is_up


def test_a_table_that_is_missing_blames_the_check(server: ScriptedTrino) -> None:
    with pytest.raises(SourceError) as caught:
        ask(server, Rows("select 1 from elsewhere"))
    assert caught.value.fault == "missing"


@pytest.mark.parametrize(
    "text",
    [
        "delete from t",
        "create table x as select 1 as a",
        "select 1; select 2",
        "call system.runtime.kill_query('x')",
        "select * from table(pg.system.query(query => 'delete from t'))",
        "insert into t select 1",
        "drop table t",
    ],
)
def test_what_may_change_something_is_refused(text: str) -> None:
    with pytest.raises(SourceError):
        guard(text)


def test_the_load_names_who_holds_the_cluster_and_who_waits(server: ScriptedTrino) -> None:
    measured = list(TrinoLoad(id="load", expected_workers=8).measure([ask(server, Load())], NOW))
    samples = {one.measure: one for one in measured if isinstance(one, Sample)}
    assert samples["queued"].value == 5
    assert samples["workers"].value == 0.5
    assert samples["queue_time"].value == 120
    (holder,) = samples["queued"].evidence["holders"]
    assert (holder["source"], holder["queries"], holder["share"]) == ("Apache Superset", 3, 1.0)
    (victim,) = samples["queued"].evidence["victims"]
    assert victim == {"resource": "Apache Superset", "waiting": 5, "failed": 0}
