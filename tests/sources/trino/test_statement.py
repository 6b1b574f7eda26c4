import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone

import pytest

from monitor.api import Asking, LastUpdate, Partitions, Rows, SourceError
from monitor.testing.trino import Fault, trino_error
from tests.sources.trino.rig import ENOUGH, NOW, SHORT, TABLES, Rig

ASK = Rows("select 1")


def test_a_statement_is_tagged_and_limited(on: Rig) -> None:
    on.rows()
    headers = on.server.headers[0]
    assert headers["X-Trino-Source"] == "health-monitor/fresh"
    assert headers["X-Trino-Client-Tags"] == "health-monitor,recsys"
    assert headers["X-Trino-User"] == "monitor"
    assert headers["X-Trino-Catalog"] == "hive"
    assert headers["X-Trino-Schema"] == "events"
    assert headers["X-Trino-Time-Zone"] == "UTC"
    assert "query_max_run_time=23s" in headers["X-Trino-Session"]
    assert "query_max_scan_physical_bytes=50GB" in headers["X-Trino-Session"]
    assert "X-Trino-Query-Data-Encoding" not in headers


def _tags(on: Rig, askers: Sequence[tuple[str, str]]) -> list[str]:
    asking = Asking(NOW, ENOUGH, "fresh", "recsys", askers=tuple(askers))
    on.source.ask_blocking(ASK, asking)
    return on.server.headers[-1]["X-Trino-Client-Tags"].split(",")


def test_a_shared_statement_names_every_check_and_team(on: Rig) -> None:
    assert _tags(on, [("fresh", "recsys")]) == ["health-monitor", "recsys"]
    named = _tags(on, [("fresh", "recsys"), ("rows", "ads"), ("late", "ads")])
    assert named[:3] == ["health-monitor", "recsys", "ads"]
    assert named[3:] == [f"health-monitor/{name}" for name in ("fresh", "rows", "late")]


def test_a_statement_that_hundreds_share_names_some_and_counts_the_others(on: Rig) -> None:
    tags = _tags(on, [(f"c{n}", f"team{n}") for n in range(300)])
    assert "health-monitor/c9" in tags
    assert "health-monitor/c10" not in tags
    assert tags[-1] == "health-monitor/and-290-more"
    assert len(tags) == 22


def test_one_question_is_one_statement(on: Rig) -> None:
    on.rows()
    assert on.server.statements == ["select 1"]
    assert on.server.deletes == 0


def test_since_becomes_a_timestamp_in_utc(on: Rig) -> None:
    india = timezone(timedelta(hours=5, minutes=30))
    on.rows("select 1 where at >= {{ since }}", datetime(2026, 11, 24, 5, 30, tzinfo=india))
    assert on.server.statements == ["select 1 where at >= TIMESTAMP '2026-11-24 00:00:00'"]


def test_since_without_a_window_is_the_querys_fault(on: Rig) -> None:
    assert on.error(Rows("select 1 where at >= {{ since }}")).fault == "query"
    assert on.server.statements == []


def test_a_closing_semicolon_is_left_out(on: Rig) -> None:
    on.rows("select 1;\n")
    assert on.server.statements == ["select 1"]


def test_a_write_never_reaches_the_cluster(on: Rig) -> None:
    assert on.error(Rows("delete from t")).fault == "query"
    assert on.server.statements == []


@pytest.mark.parametrize("name", ["t; drop table x", "t where 1=1", "(select 1)", "a.b.c.d", ""])
def test_a_table_name_that_is_none_never_reaches_the_cluster(on: Rig, name: str) -> None:
    assert on.error(LastUpdate(name, "at")).fault == "query"
    assert on.error(Partitions("t", name, "hour", NOW, NOW)).fault == "query"
    assert on.server.statements == []


def test_an_empty_table_was_never_updated(on: Rig) -> None:
    on.becomes(tables={"max": ({"_col0": "timestamp(3)"}, [[None]])})
    assert getattr(on.ask(LastUpdate('hive.events."t$x"', "at")), "data_at", NOW) is None


def test_a_column_that_holds_no_moment_is_the_querys_fault(on: Rig) -> None:
    on.becomes(tables={"max": ({"_col0": "varchar"}, [["monday"]])})
    assert on.error(LastUpdate("t", "name")).fault == "query"


@pytest.mark.long
def test_more_rows_than_allowed_are_refused_and_the_query_ended(on: Rig) -> None:
    rows = [[1]] * (on.source.max_rows + 1)
    on.becomes(tables={"select": ({"one": "integer"}, rows)})
    assert on.error(ASK).fault == "query"
    assert on.server.alive == set()


def test_a_query_stuck_in_the_queue_is_overload_and_is_cancelled(on: Rig) -> None:
    on.becomes(is_stuck=True)
    error = on.error(ASK, SHORT)
    assert error.fault == "overload"
    assert "queue" in str(error)
    assert on.server.alive == set()
    assert on.server.deletes == 1
    assert len(on.server.statements) == 1


def test_a_full_queue_is_overload(on: Rig) -> None:
    on.becomes(is_full=True)
    error = on.error(ASK)
    assert error.fault == "overload"
    assert "QUERY_QUEUE_FULL" in str(error)


def test_a_slow_submission_is_not_submitted_again(on: Rig) -> None:
    on.becomes(fault=Fault.SLOW_POST)
    assert on.error(ASK, SHORT).fault == "timeout"
    assert len(on.server.statements) == 1


def test_an_answer_that_hangs_is_cancelled_at_the_deadline(on: Rig) -> None:
    on.becomes(fault=Fault.SLOW_GET)
    assert on.error(ASK, SHORT).fault in {"timeout", "overload"}
    assert on.server.alive == set()
    assert on.server.reads == 1


def test_reading_on_is_tried_again_and_submitting_is_not(on: Rig) -> None:
    on.becomes(fault=Fault.UNAVAILABLE_ONCE)
    assert on.rows().columns["one"] == (1,)
    assert len(on.server.statements) == 1
    assert on.server.reads == len(["refused", "waits", "rows", "end"])


def test_a_coordinator_that_is_unavailable_is_overload_after_one_submission(on: Rig) -> None:
    on.becomes(fault=Fault.UNAVAILABLE)
    assert on.error(ASK).fault == "overload"
    assert len(on.server.statements) == 1


def test_a_coordinator_that_is_gone_is_unreachable(on: Rig) -> None:
    on.server.stop()
    assert on.error(ASK).fault == "unreachable"


def test_a_refused_user_is_auth(on: Rig) -> None:
    on.becomes(fault=Fault.UNAUTHORIZED)
    assert on.error(ASK).fault == "auth"


def test_an_error_after_the_first_rows_is_an_error_and_no_short_answer(on: Rig) -> None:
    on.becomes(fault=Fault.BREAKS_MID_RESULT)
    error = on.error(ASK)
    assert error.fault == "overload"
    assert "CLUSTER_OUT_OF_MEMORY" in str(error)


@pytest.mark.parametrize("fault", [Fault.TRUNCATED, Fault.EMPTY])
def test_an_answer_that_is_no_answer_is_protocol_and_leaves_nothing(on: Rig, fault: Fault) -> None:
    on.becomes(fault=fault)
    assert on.error(ASK).fault == "protocol"
    assert on.server.alive == set()


@pytest.mark.parametrize(
    ("name", "family", "fault"),
    [
        ("TABLE_NOT_FOUND", "USER_ERROR", "missing"),
        ("SYNTAX_ERROR", "USER_ERROR", "query"),
        ("PERMISSION_DENIED", "USER_ERROR", "query"),
        ("EXCEEDED_SCAN_LIMIT", "INSUFFICIENT_RESOURCES", "query"),
        ("EXCEEDED_TIME_LIMIT", "INSUFFICIENT_RESOURCES", "slow"),
        ("CLUSTER_OUT_OF_MEMORY", "INSUFFICIENT_RESOURCES", "overload"),
        ("NO_NODES_AVAILABLE", "INTERNAL_ERROR", "overload"),
        ("GENERIC_INTERNAL_ERROR", "INTERNAL_ERROR", "protocol"),
        ("HIVE_METASTORE_ERROR", "EXTERNAL", "protocol"),
    ],
)
def test_an_error_of_trino_is_told_by_its_name(on: Rig, name: str, family: str, fault: str) -> None:
    on.becomes(tables={"select 1": trino_error("told", 1, name, family)})
    assert on.error(ASK).fault == fault


def test_a_question_that_nobody_waits_for_is_cancelled(on: Rig) -> None:
    on.becomes(is_stuck=True)

    async def give_up() -> None:
        asked = asyncio.create_task(on.source.ask(ASK, Asking(NOW, ENOUGH)))
        await asyncio.to_thread(on.server.was_read.wait)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        await asyncio.to_thread(on.server.was_cancelled.wait)

    asyncio.run(give_up())
    assert on.server.alive == set()
    assert on.server.deletes == 1


def test_waiting_for_a_turn_counts_towards_the_deadline(on: Rig) -> None:
    on.becomes(is_stuck=True)

    async def two() -> list[object]:
        both = (on.source.ask(ASK, Asking(NOW, limit)) for limit in (SHORT, SHORT / 20))
        return list(await asyncio.gather(*both, return_exceptions=True))

    faults = [one.fault for one in asyncio.run(two()) if isinstance(one, SourceError)]
    assert faults == ["overload", "timeout"]
    assert len(on.server.statements) == 1


def test_the_source_works_again_after_every_fault(on: Rig) -> None:
    for fault in (Fault.EMPTY, Fault.TRUNCATED, Fault.UNAVAILABLE, Fault.UNAUTHORIZED):
        on.becomes(fault=fault)
        on.error(ASK)
    on.becomes(fault=Fault.NONE, tables=TABLES)
    assert on.rows().columns["one"] == (1,)


def test_a_moment_without_zone_is_read_as_utc(on: Rig) -> None:
    on.becomes(tables={"max": ({"_col0": "timestamp(3)"}, [["2026-11-24 08:00:00.000"]])})
    answer = on.ask(LastUpdate("t", "at"))
    assert answer.data_at == datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
