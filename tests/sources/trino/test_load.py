from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from monitor.api import Asking, ClusterQuery, GroupLoad, Load, LoadSnapshot
from monitor.sources.trino.busy import parse_size, parse_span
from monitor.testing.trino import Fault
from tests.sources.trino.rig import ENOUGH, NOW, Rig

REST = ("/v1/info", "/v1/status", "/metrics", "/v1/query")
ENDED = datetime(2026, 11, 24, 8, 59, tzinfo=UTC)
ETL = ClusterQuery(
    id="q1",
    user="etl",
    source="airflow",
    state="RUNNING",
    group="global.etl",
    queued=timedelta(seconds=2),
    elapsed=timedelta(minutes=1),
    cpu=timedelta(minutes=3),
    memory_bytes=5 * 2**20,
    is_blocked=True,
)
WAITING = ClusterQuery("q2", "asha", "superset", "QUEUED", elapsed=timedelta(seconds=30))
LOST = ClusterQuery(
    "q3",
    "ben",
    "dbt",
    "FAILED",
    error="CLUSTER_OUT_OF_MEMORY",
    error_type="INSUFFICIENT_RESOURCES",
    ended_at=ENDED,
)
OURS = ClusterQuery("q4", "monitor", "health-monitor/fresh", "QUEUED")
SQL_TABLES = {
    "runtime.nodes": ({"_col0": "bigint"}, [[3]]),
    "runtime.queries": (
        {
            "query_id": "varchar",
            "user": "varchar",
            "source": "varchar",
            "state": "varchar",
            "group": "varchar",
            "queued_time_ms": "bigint",
            "elapsed": "bigint",
            "error_code": "varchar",
            "error_type": "varchar",
            "end": "timestamp(3) with time zone",
            "planning": "bigint",
            "text": "varchar",
            "cpu": "bigint",
            "part": "varchar",
            "of_part": "bigint",
        },
        [
            [
                *("q1", "etl", "airflow", "RUNNING", "global", 2000, 60_000),
                *(None, None, None, 5, "x", 9000, "runs", 1),
            ],
        ],
    ),
}


def test_queries_are_told_whole_and_counted_without_our_own(on: Rig) -> None:
    on.becomes(queries=[ETL, WAITING, LOST, OURS])
    load = on.load(Load())
    assert load.queries == (ETL, WAITING, LOST)
    assert (load.queued, load.running) == (1, 1)


@pytest.mark.parametrize("is_old", [True, False])
def test_workers_are_found_under_the_old_and_the_new_name(on: Rig, is_old: bool) -> None:
    on.becomes(has_old_names=is_old, workers=7, memory_share=0.25)
    load = on.load(Load())
    assert load.workers == 7
    assert load.memory_share == pytest.approx(0.25)


def test_heap_version_and_start_up_are_told(on: Rig) -> None:
    on.becomes(heap_share=0.5, is_starting=True)
    load = on.load(Load())
    assert load.heap_share == pytest.approx(0.5)
    assert load.cpu_share == pytest.approx(0.4)
    assert load.version == "476"
    assert load.is_starting


@pytest.mark.parametrize("changes", [{"is_full": True}, {"is_stuck": True}])
def test_a_full_queue_does_not_blind_the_monitor(on: Rig, changes: dict[str, bool]) -> None:
    on.becomes(queries=[replace(WAITING, id=f"q{n}") for n in range(40)], **changes)
    load = on.load(Load())
    assert load.queued == 40
    assert load.workers == 4
    assert load.silent == {}
    assert load.collectors == REST


def test_no_sql_is_asked_while_rest_tells_everything(on: Rig) -> None:
    load = on.load(Load())
    assert on.server.statements == []
    assert load.cost.queries == 0


def test_sql_tells_what_rest_does_not(on: Rig) -> None:
    on.becomes(denied=frozenset({"/v1/query", "/metrics"}), tables=SQL_TABLES)
    load = on.load(Load())
    assert load.workers == 3
    assert load.running == 1
    assert load.queries is not None
    (one,) = load.queries
    assert (one.id, one.elapsed) == ("q1", timedelta(minutes=1))
    assert one.cpu == timedelta(seconds=9)
    assert set(load.silent) == {"/v1/query", "/metrics"}
    assert load.cost.queries == 2


@pytest.mark.long
def test_a_cluster_without_rest_is_asked_four_statements_a_minute_at_most(on: Rig) -> None:
    denied = frozenset({"/v1/query", "/metrics", "/ui/api/stats"})
    on.becomes(denied=denied, tables=SQL_TABLES | {"select 1$": ({"one": "integer"}, [[1]])})
    source = on.source.model_copy(update={"canary": True})
    asked: list[int] = []
    for second in range(0, 300, 5):
        at = NOW + timedelta(seconds=second)
        load = source.ask_blocking(Load(), Asking(at, ENOUGH, "load"))
        assert isinstance(load, LoadSnapshot)
        assert (load.workers, load.running) == (3, 1)
        asked += [second] * load.cost.queries
    assert len(asked) == len(on.server.statements) > 0
    assert max(sum(0 <= one - begin < 60 for one in asked) for begin in asked) <= 4


@pytest.mark.parametrize("is_new", [True, False])
def test_the_ui_is_the_last_resort_with_either_login(on: Rig, is_new: bool) -> None:
    denied = frozenset({"/v1/query", "/metrics"})
    on.becomes(denied=denied, is_full=True, has_new_login=is_new, queries=[ETL, WAITING])
    load = on.load(Load())
    assert (load.workers, load.queued, load.running) == (4, 1, 1)
    assert load.collectors == ("/v1/info", "/v1/status", "/ui/api/stats")


def test_details_are_asked_only_when_something_happens_or_it_is_time(on: Rig) -> None:
    source = on.source

    def looks(minutes: int) -> bool:
        before = len(on.server.rest_requests)
        asking = Asking(NOW + timedelta(minutes=minutes), ENOUGH, "load")
        source.ask_blocking(Load(), asking)
        return "/v1/query" in on.server.rest_requests[before:]

    assert [looks(0), looks(1), looks(2), looks(5)] == [True, False, False, True]
    on.becomes(queries=[WAITING])
    assert looks(6)


def test_the_canary_tells_how_long_a_small_query_takes(on: Rig) -> None:
    source = on.source.model_copy(update={"canary": True})
    first = source.ask_blocking(Load(), Asking(NOW, ENOUGH, "load"))
    assert isinstance(first, LoadSnapshot)
    assert first.canary is not None
    assert first.canary_error == ""
    on.becomes(is_full=True)
    later = source.ask_blocking(Load(), Asking(NOW + timedelta(minutes=1), ENOUGH, "load"))
    assert isinstance(later, LoadSnapshot)
    assert "QUERY_QUEUE_FULL" in later.canary_error


def test_the_groups_in_which_somebody_waits_are_told(on: Rig) -> None:
    group = GroupLoad("global.bi", running=5, limit=5, queued=9, max_queued=10)
    on.becomes(queries=[replace(WAITING, group="global.bi")], groups=[group])
    assert on.load(Load()).groups == (group,)


@pytest.mark.long
def test_the_recent_past_comes_with_a_snapshot(on: Rig) -> None:
    for minute in range(30):
        on.becomes(workers=minute)
        on.source.ask_blocking(Load(), Asking(NOW + timedelta(minutes=minute), ENOUGH, "load"))
    load = on.source.ask_blocking(Load(), Asking(NOW + timedelta(minutes=30), ENOUGH, "load"))
    assert isinstance(load, LoadSnapshot)
    assert [point.workers for point in load.past] == list(range(9, 30))
    assert load.usual_workers == pytest.approx(12.5)


def test_what_holders_usually_hold_is_learned_from_the_last_days(on: Rig) -> None:
    storm = [ETL, *(replace(ETL, id=f"s{n}", user="bi", cpu=timedelta(0)) for n in range(3))]
    for day in range(4):
        on.becomes(queries=[ETL, replace(ETL, id="b", user="bi", cpu=timedelta(0))])
        on.source.ask_blocking(Load(), Asking(NOW + timedelta(days=day), ENOUGH, "load"))
    on.becomes(queries=storm)
    asking = Asking(NOW + timedelta(days=4), ENOUGH, "load")
    load = on.source.ask_blocking(Load(), asking)
    assert isinstance(load, LoadSnapshot)
    assert load.usual["bi|airflow"] == pytest.approx(0.5)


def test_what_nobody_tells_is_unknown_and_never_zero(on: Rig) -> None:
    on.becomes(denied=frozenset({"/v1/query", "/metrics", "/ui/api/stats"}), is_full=True)
    load = on.load(Load())
    assert (load.workers, load.queued, load.queries) == (None, None, None)
    assert load.silent["/metrics"] == "HTTP 403"
    assert "QUERY_QUEUE_FULL" in load.silent["system.runtime.nodes"]
    assert load.collectors == ("/v1/info", "/v1/status")


def test_a_cluster_that_starts_is_not_asked_by_sql(on: Rig) -> None:
    on.becomes(denied=frozenset({"/v1/query", "/metrics"}), is_starting=True)
    on.load(Load())
    assert on.server.statements == []


def test_a_cluster_that_is_gone_is_down_and_no_error(on: Rig) -> None:
    on.server.stop()
    load = on.load(Load())
    assert not load.is_up
    assert load.collectors == ()
    assert (load.queued, load.workers) == (None, None)
    assert "no connection" in load.silent["/v1/info"]


def test_a_cluster_that_lets_nobody_in_is_auth(on: Rig) -> None:
    on.becomes(fault=Fault.UNAUTHORIZED)
    assert on.error(Load()).fault == "auth"


def test_a_stuck_queue_costs_no_more_than_the_deadline_when_rest_is_denied(on: Rig) -> None:
    on.becomes(denied=frozenset({"/v1/query", "/metrics"}), is_stuck=True)
    load = on.load(Load(), timedelta(seconds=1))
    assert "queue" in load.silent["system.runtime.nodes"]
    assert on.server.alive == set()
    assert len(on.server.statements) == 1


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1.50s", 1.5), ("350.00us", 0.00035), ("2.00d", 172_800), ("0.00ns", 0), (None, 0)],
)
def test_durations_are_read_with_their_unit(text: str | None, seconds: float) -> None:
    assert parse_span(text).total_seconds() == pytest.approx(seconds)


@pytest.mark.parametrize(("text", "size"), [("5.00MB", 5 * 2**20), ("12B", 12), (None, 0)])
def test_sizes_are_read_with_their_unit(text: str | None, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "12", "1.0parsec", "-1s"])
def test_a_quantity_of_another_form_is_an_error_and_not_zero(text: str) -> None:
    with pytest.raises(ValueError, match="no quantity"):
        parse_span(text)
