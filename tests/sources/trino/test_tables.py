from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from monitor.api import LastUpdate, LastWrite, PartitionList, Partitions, SourceError, Updated
from monitor.sources.trino import names
from monitor.testing.trino import trino_error
from tests.sources.trino.rig import NOW, Rig

DAY = datetime(2026, 11, 23, tzinfo=UTC)
HOURS = Partitions("iceberg.events.i", "at", "hour", DAY, DAY + timedelta(days=2))
DAYS = Partitions("hive.events.h", "dt", "day", DAY, DAY + timedelta(days=2))
CATALOGS = {"iceberg": "iceberg", "hive": "hive", "pg": "postgresql"}
BOUNDS = "row(at row(min timestamp(6), max timestamp(6)), x row(min bigint, max bigint))"
ICEBERG = {
    "partition": "row(dt date, at_hour integer)",
    "record_count": "bigint",
    "file_count": "bigint",
    "total_size": "bigint",
    "data": BOUNDS,
}
STATS = dict.fromkeys(("column_name", "data_size", "distinct", "nulls", "row_count"), "varchar")
NO_VIEW: tuple[dict[str, str], list[Any]] = ({"at": "varchar", "freshness": "varchar"}, [])
TABLES: dict[str, Any] = {
    r'i\$partitions" limit 0': (ICEBERG, []),
    r'partition."at_hour"': (
        {"h": "integer", "n": "bigint", "b": "bigint"},
        [[498720, 5, 9], [498721, 0, 0]],
    ),
    r'max\(data."at".max\)': ({"m": "timestamp(6)"}, [["2026-11-24 05:30:00.000000"]]),
    r'h\$partitions" limit 0': ({"dt": "varchar", "hr": "varchar"}, []),
    r'distinct "dt"': ({"dt": "varchar"}, [["2026-11-24"], ["2026-11-23"]]),
    "show create table": ({"Create Table": "varchar"}, [["... WITH (\n  format = 'ORC'\n)"]]),
    r"show stats .*2026-11-23": (STATS, [[None, None, None, None, "7"]]),
    r"show stats": (STATS, [[None, None, None, None, None]]),
    r'count\(\*\) from "hive"."events"."h" where "dt" in': ({"dt": "varchar", "n": "bigint"}, []),
    "materialized_views": NO_VIEW,
}

DENIED = trino_error("Access Denied: Cannot show create", 4, "PERMISSION_DENIED", "USER_ERROR")


@pytest.fixture
def lake(on: Rig) -> Rig:
    on.becomes(catalogs=CATALOGS, tables=TABLES)
    return on


def partitions(lake: Rig, query: Partitions) -> dict[datetime, int | None]:
    answer = lake.ask(query)
    assert isinstance(answer, PartitionList)
    return {part.start: part.rows for part in answer.partitions}


def updated(lake: Rig, query: LastUpdate | LastWrite) -> Updated:
    answer = lake.ask(query)
    assert isinstance(answer, Updated)
    return answer


def tries_footers(lake: Rig, **more: Any) -> None:
    lake.source = lake.source.model_copy(update={"tries_footers": True, **more})


def test_iceberg_tells_the_rows_of_its_partitions_by_metadata(lake: Rig) -> None:
    found = partitions(lake, HOURS)
    first = names.EPOCH + timedelta(hours=498720)
    assert found == {first: 5, first + timedelta(hours=1): 0}
    assert 'where partition."at_hour" >= 498720' in lake.server.statements[-1]
    assert not [
        text for text in lake.server.statements if "$" not in text and "catalogs" not in text
    ]


def test_what_is_known_of_a_table_is_asked_once(lake: Rig) -> None:
    partitions(lake, HOURS)
    before = len(lake.server.statements)
    partitions(lake, HOURS)
    assert len(lake.server.statements) == before + 1


def test_the_newest_row_of_iceberg_is_a_bound_of_its_files(lake: Rig) -> None:
    answer = updated(lake, LastUpdate("iceberg.events.i", "at"))
    assert answer.data_at == datetime(2026, 11, 24, 5, 30, tzinfo=UTC)


def test_an_empty_partition_of_hive_is_no_data(lake: Rig) -> None:
    assert partitions(lake, DAYS) == {DAY: 7, DAY + timedelta(days=1): 0}


def test_a_format_without_footers_is_not_scanned_and_nobody_can_tell(lake: Rig) -> None:
    made = ({"Create Table": "varchar"}, [["... WITH (\n  format = 'TEXTFILE'\n)"]])
    lake.becomes(tables={**TABLES, "show create table": made})
    assert partitions(lake, DAYS) == {DAY: 7, DAY + timedelta(days=1): None}
    assert [text for text in lake.server.statements if "count(*)" in text] == []


def test_a_format_that_one_may_not_see_is_not_scanned_and_nobody_can_tell(lake: Rig) -> None:
    lake.becomes(tables={**TABLES, "show create table": DENIED})
    assert partitions(lake, DAYS) == {DAY: 7, DAY + timedelta(days=1): None}
    assert updated(lake, LastUpdate("hive.events.h", "dt")).data_at == DAY + timedelta(days=1)
    assert [text for text in lake.server.statements if "count(*)" in text] == []


def test_who_may_not_see_the_format_counts_by_footers_when_told_to(lake: Rig) -> None:
    tries_footers(lake)
    lake.becomes(tables={**TABLES, "show create table": DENIED})
    assert partitions(lake, DAYS) == {DAY: 7, DAY + timedelta(days=1): 0}

    (at,) = [n for n, text in enumerate(lake.server.statements) if "count(*)" in text]
    assert "query_max_scan_physical_bytes=1GB" in lake.server.headers[at]["X-Trino-Session"]


def test_an_own_limit_on_what_is_read_that_is_lower_holds_for_footers_as_well(lake: Rig) -> None:
    tries_footers(lake, max_scan="200MB")
    lake.becomes(tables={**TABLES, "show create table": DENIED})
    partitions(lake, DAYS)
    limits = {one["X-Trino-Session"].count("physical_bytes=200MB") for one in lake.server.headers}
    assert limits == {1}


def test_what_has_no_footers_after_all_is_found_out_once_and_nobody_can_tell(lake: Rig) -> None:
    much = trino_error("reads too much", 131081, "EXCEEDED_SCAN_LIMIT", "INSUFFICIENT_RESOURCES")
    tries_footers(lake)
    lake.becomes(tables={r"count\(\*\)": much, **TABLES, "show create table": DENIED})
    assert partitions(lake, DAYS) == {DAY: 7, DAY + timedelta(days=1): None}
    assert partitions(lake, DAYS) == {DAY: 7, DAY + timedelta(days=1): None}
    assert len([text for text in lake.server.statements if "count(*)" in text]) == 1


def test_a_table_with_footers_that_reads_too_much_is_an_error(lake: Rig) -> None:
    much = trino_error("reads too much", 131081, "EXCEEDED_SCAN_LIMIT", "INSUFFICIENT_RESOURCES")
    lake.becomes(tables={r"count\(\*\)": much, **TABLES})
    assert lake.error(DAYS).code == "query_fault"


def test_a_partition_that_held_rows_is_not_looked_into_again(lake: Rig) -> None:
    partitions(lake, DAYS)
    lake.server.statements.clear()
    partitions(lake, DAYS)
    assert [text for text in lake.server.statements if "stats" in text and "11-23" in text] == []
    assert [text for text in lake.server.statements if "stats" in text and "11-24" in text]


def test_the_newest_row_of_hive_lies_in_a_partition_that_holds_some(lake: Rig) -> None:
    assert updated(lake, LastUpdate("hive.events.h", "dt")).data_at == DAY


def test_the_last_write_of_iceberg_added_rows(lake: Rig) -> None:
    write = (
        {"at": "timestamp(3) with time zone", "n": "bigint"},
        [["2026-11-24 08:00:00.000 UTC", 6]],
    )
    lake.becomes(tables={**TABLES, r"i\$snapshots": write})
    answer = updated(lake, LastWrite("iceberg.events.i"))
    assert (answer.written_at, answer.rows) == (datetime(2026, 11, 24, 8, tzinfo=UTC), 6)
    text = lake.server.statements[-1]
    assert "operation in ('append', 'overwrite')" in text
    assert "'added-records'" in text
    assert "is_current_ancestor" in text


def test_a_table_to_which_nothing_was_ever_written_holds_no_data(lake: Rig) -> None:
    none = ({"at": "timestamp(3) with time zone", "n": "bigint"}, list[Any]())
    lake.becomes(tables={**TABLES, r"i\$snapshots": none})
    assert updated(lake, LastWrite("iceberg.events.i")).data_at is None


@pytest.mark.parametrize(
    ("row", "at"),
    [
        ([None, "FRESH"], NOW),
        (["2026-11-24 07:00:00.000000000 UTC", "STALE"], datetime(2026, 11, 24, 7, tzinfo=UTC)),
        ([None, "STALE"], None),
    ],
)
def test_a_materialised_view_tells_how_fresh_it_is(
    lake: Rig, row: list[Any], at: datetime | None
) -> None:
    types = {"at": "timestamp(9) with time zone", "freshness": "varchar"}
    lake.becomes(tables={**TABLES, "materialized_views": (types, [row])})
    assert updated(lake, LastWrite("iceberg.events.m")).data_at == at


def test_where_nobody_lists_writes_the_check_is_told_so(lake: Rig) -> None:
    error = lake.error(LastWrite("pg.public.t"))
    assert error.fault == "query"
    assert "give `column` or `partition`" in str(error)


def test_a_table_that_no_metadata_knows_is_counted(lake: Rig) -> None:
    counted = ({"dt": "timestamp(0)", "n": "bigint"}, [["2026-11-23 00:00:00", 4]])
    lake.becomes(tables={**TABLES, r"count\(\*\) from pg": counted})
    query = Partitions("pg.public.t", "dt", "day", DAY, DAY + timedelta(days=2))
    assert partitions(lake, query) == {DAY: 4}


@pytest.mark.parametrize(
    ("kind", "grain", "literal"),
    [
        ("date", "day", "DATE '2026-11-23'"),
        ("timestamp(6)", "hour", "TIMESTAMP '2026-11-23 05:00:00'"),
        ("timestamp(3) with time zone", "hour", "TIMESTAMP '2026-11-23 05:00:00 UTC'"),
        ("varchar", "hour", "'2026-11-23'"),
        ("integer", "day", "20261123"),
        ("bigint", "hour", "2026112305"),
        ("double", "day", None),
    ],
)
def test_a_window_is_written_in_the_type_of_its_column(
    kind: str, grain: Any, literal: str | None
) -> None:
    assert names.floor_literal(DAY + timedelta(hours=5), kind, grain) == literal


@pytest.mark.parametrize(
    "cell", ["2026-11-23", "20261123", 20261123, date(2026, 11, 23), "2026-11-23 00", 2026112300]
)
def test_days_and_hours_are_read_as_tables_write_them(cell: object) -> None:
    assert names.moment(cell) == DAY


@pytest.mark.parametrize("cell", ["monday", 20261399, "2026-13-01"])
def test_what_is_no_moment_is_said_so(cell: object) -> None:
    with pytest.raises(SourceError, match="no moment"):
        names.moment(cell)


def test_a_quote_in_a_partition_stays_inside_its_literal() -> None:
    assert names.exact_literal("a' or '1'='1", "varchar") == "'a'' or ''1''=''1'"
