"""What a look still knows, and what it reads, where a way to the load is closed."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from monitor.api import Asking, GroupLoad, Load, LoadSnapshot
from monitor.sources.trino import Trino
from tests.sources.trino.relay import relay
from tests.sources.trino.rig import ENOUGH, NOW, Rig
from tests.sources.trino.test_bounds import MOST, many
from tests.sources.trino.test_load import ETL, SQL_TABLES, WAITING

UI, LIST, NUMBERS = "/ui/api/stats", "/v1/query", "/metrics"
SQL = "system.runtime.queries"
ENDED = "2026-11-24 09:00:00.000 UTC"
NUMBERS_OF_ONE = (2000, 60_000, None, None, None, 5)
CROWD = [replace(WAITING, id=f"w{number}") for number in range(40)]


def by_sql(*rows: list[Any]) -> dict[str, Any]:
    return {**SQL_TABLES, "runtime.queries": (SQL_TABLES["runtime.queries"][0], rows)}


def row(state: str, part: str, of_part: int, text: str = "x") -> list[Any]:
    whose = (f"s{part}", "etl", "airflow", state, "global.etl")
    return [*whose, *NUMBERS_OF_ONE, text, 9, part, of_part]


def test_who_may_not_view_queries_believes_the_counters(on: Rig) -> None:
    on.becomes(hidden=CROWD, tables=by_sql())
    load = on.load(Load())
    assert (load.queued, load.running, load.queries) == (40, 0, None)
    assert "right to view" in load.silent[LIST]
    assert "right to view" in load.silent[SQL]


def test_who_may_view_a_few_queries_believes_the_counters(on: Rig) -> None:
    on.becomes(queries=[ETL], hidden=CROWD)
    load = on.load(Load())
    assert (load.queued, load.running, load.queries) == (40, 1, (ETL,))
    assert load.is_partial
    assert load.silent == {}


def test_who_saw_the_queries_of_others_lately_does_not_lack_the_right(on: Rig) -> None:
    on.becomes(queries=[ETL, WAITING])
    assert on.load(Load()).queued == 1
    # All that was counted ended before it was listed.
    on.becomes(queries=[], hidden=CROWD)
    load = on.load(Load())
    assert (load.queued, load.queries, load.silent) == (40, (), {})
    assert load.is_partial


def test_a_query_that_came_between_two_readings_is_no_lack_of_rights(on: Rig) -> None:
    on.becomes(queries=[ETL], hidden=CROWD[:2])
    load = on.load(Load())
    assert (load.queued, load.running) == (0, 1)
    assert not load.is_partial


def test_where_only_the_ui_counts_what_nobody_may_view_it_is_asked(on: Rig) -> None:
    on.becomes(hidden=[*CROWD, ETL], denied=frozenset({NUMBERS}), tables=by_sql())
    load = on.load(Load())
    assert (load.queued, load.running, load.queries) == (40, 1, None)
    assert UI in load.collectors


def test_a_long_query_of_our_own_is_no_sign_that_others_may_be_viewed(on: Rig) -> None:
    ours = [
        replace(one, source="health-monitor/load", text=one.text * 20)
        for one in many(100, "FINISHED")
    ]
    on.becomes(queries=ours, hidden=CROWD, denied=frozenset({NUMBERS}), tables=by_sql())
    assert [on.load(Load()).queued for _ in range(3)] == [40, 40, 40]


def test_what_nobody_may_view_or_count_is_unknown_and_never_zero(on: Rig) -> None:
    on.becomes(hidden=CROWD, denied=frozenset({NUMBERS, UI}), tables=by_sql())
    load = on.load(Load())
    assert (load.queued, load.running, load.queries) == (None, None, None)


@pytest.mark.parametrize("state", ["QUEUED", "RUNNING"])
def test_a_list_that_is_cut_is_counted_by_sql_where_no_counters_are(on: Rig, state: str) -> None:
    tables = by_sql(row("RUNNING", "runs", 700), row("QUEUED", "waits", 900))
    on.becomes(queries=many(1000, state), denied=frozenset({NUMBERS}), tables=tables)
    load = on.load(Load())
    assert (load.queued, load.running) == ((900, 0) if state == "QUEUED" else (0, 700))
    assert load.is_partial
    assert load.scraped_bytes <= MOST


def test_who_failed_last_is_named_by_sql_where_more_failed_than_are_read(on: Rig) -> None:
    lost = ["lost", "carol", "superset", "FAILED", "global.bi"]
    numbers = (0, 40, "QUERY_QUEUE_FULL", "INSUFFICIENT_RESOURCES", ENDED, 5)
    tables = by_sql([*lost, *numbers, "select 1", 0, "failed", 1001])
    on.becomes(queries=[*many(1000, "FAILED"), WAITING], tables=tables)
    load = on.load(Load())
    (found,) = (one for one in load.queries or () if one.id == "lost")
    assert (found.error, found.ended_at) == ("QUERY_QUEUE_FULL", NOW)
    assert load.scraped_bytes <= MOST


def test_a_list_that_is_cut_is_counted_by_the_ui_where_sql_is_rejected(on: Rig) -> None:
    on.becomes(queries=many(1000, "QUEUED"), denied=frozenset({NUMBERS}), is_full=True)
    load = on.load(Load())
    assert (load.queued, load.running) == (1000, 0)
    assert load.scraped_bytes <= MOST


def test_of_a_list_that_nobody_counts_at_least_what_was_read_is_told(on: Rig) -> None:
    on.becomes(queries=many(1000, "QUEUED"), denied=frozenset({NUMBERS, UI}), is_full=True)
    load = on.load(Load())
    assert load.queries is not None
    assert load.queued == len(load.queries) > 5
    assert load.is_partial


@pytest.mark.long
def test_queries_are_asked_for_twice_a_minute_whichever_way_is_closed(on: Rig) -> None:
    tables = by_sql(row("RUNNING", "runs", 700), row("QUEUED", "waits", 900))
    on.becomes(queries=many(1000, "RUNNING"), tables=tables)
    for second in range(0, 60, 5):
        on.becomes(denied=frozenset({LIST if second % 10 else NUMBERS}))
        load = on.source.ask_blocking(
            Load(), Asking(NOW + timedelta(seconds=second), ENOUGH, "load")
        )
        assert isinstance(load, LoadSnapshot)
        assert load.running is not None
    assert len([text for text in on.server.statements if "runtime.queries" in text]) == 2


def test_what_waits_by_sql_has_its_group_told(on: Rig) -> None:
    group = GroupLoad("global.etl", running=5, limit=5, queued=9, max_queued=10)
    tables = by_sql(row("QUEUED", "waits", 9))
    on.becomes(groups=[group], denied=frozenset({LIST, NUMBERS}), tables=tables)
    assert on.load(Load()).groups == (group,)


def test_what_is_blocked_is_not_forgotten_for_sql(on: Rig) -> None:
    tables = by_sql(row("RUNNING", "runs", 1))
    on.becomes(queries=[ETL], denied=frozenset({LIST}), tables=tables)
    load = on.load(Load())
    assert (load.blocked, load.running) == (1, 1)


def test_a_canary_that_waits_for_a_query_of_our_own_says_nothing_of_the_cluster(on: Rig) -> None:
    source = on.source.model_copy(update={"canary": True})
    assert source._slots.acquire(blocking=False)
    load = source.ask_blocking(Load(), Asking(NOW, timedelta(seconds=1), "load"))
    assert isinstance(load, LoadSnapshot)
    assert (load.canary, load.canary_error) == (None, "")
    assert on.server.statements == []


def test_while_sql_is_stuck_there_is_time_for_the_ui(on: Rig) -> None:
    on.becomes(queries=CROWD, denied=frozenset({LIST, NUMBERS}), is_stuck=True)
    source = on.source.model_copy(update={"canary": True})
    asking = Asking(NOW, timedelta(seconds=1), "load")
    load = source.ask_blocking(Load(), asking)
    assert isinstance(load, LoadSnapshot)
    assert (load.queued, load.running) == (40, 0)
    assert "queue" in load.canary_error
    assert len(on.server.statements) == 1
    assert on.server.alive == set()


def test_a_statement_whose_answer_does_not_fit_into_a_look_is_given_up(on: Rig) -> None:
    names = [one.id for one in many(3000, "QUEUED")]
    texts = ["".join(names[at : at + 12]) for at in range(0, 3000, 12)]
    rows = [row("QUEUED", "waits", 250, text) for text in texts]
    on.becomes(queries=CROWD, denied=frozenset({LIST, NUMBERS}), tables=by_sql(*rows))
    port = urlsplit(on.server.url).port
    assert port
    with relay(port) as between:
        url = f"trino://monitor@127.0.0.1:{between.port}/hive"
        source = Trino(name="relayed", url=url, canary=False)
        load = source.ask_blocking(Load(), Asking(NOW, ENOUGH, "load"))
        assert isinstance(load, LoadSnapshot)
        assert 10_000 < between.taken <= load.scraped_bytes <= MOST
    assert "too large" in load.silent[SQL]
    assert (load.queued, load.running) == (40, 0)
    assert on.server.alive == set()
