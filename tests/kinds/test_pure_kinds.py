from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from monitor.api import (
    LastWrite,
    Latencies,
    Measured,
    NoData,
    NotYet,
    Partition,
    PartitionList,
    Run,
    RunList,
    Sample,
    SliceLatency,
    Slices,
    Table,
    Updated,
)
from monitor.kinds.freshness import Freshness, PartitionRule
from monitor.kinds.heartbeat import Heartbeat
from monitor.kinds.latency import Latency
from monitor.kinds.threshold import Threshold

NOW = datetime(2026, 11, 24, 3, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


def values(measured: Any) -> dict[str, float]:
    return {one.measure: one.value for one in measured if isinstance(one, Sample)}


def first(measured: Any) -> Measured:
    found: Measured = next(iter(measured))
    return found


# threshold


def test_each_row_is_a_slice_named_by_its_texts() -> None:
    table = Table(observed_at=NOW, columns={"model": ("ctr", "cvr"), "value": (5, None)})
    measured = list(Threshold(id="c", query="q").measure([table], NOW))
    assert measured[0].slice == (("model", "ctr"),)
    assert isinstance(measured[1], NoData)


@pytest.mark.parametrize("cell", [float("nan"), "NaN"])
def test_a_number_that_is_none_says_nothing_and_is_not_well(cell: object) -> None:
    table = Table(observed_at=NOW, columns={"value": (cell,)})
    (measured,) = Threshold(id="c", query="q").measure([table], NOW)
    assert isinstance(measured, NoData)


def test_a_column_that_is_missing_is_named() -> None:
    table = Table(observed_at=NOW, columns={"n": (5,)})
    with pytest.raises(ValueError, match="no column 'value'; it has: n"):
        list(Threshold(id="c", query="q").measure([table], NOW))


def test_too_many_slices_are_refused() -> None:
    check = Threshold(id="c", query="q", slices=Slices(max=1))
    table = Table(observed_at=NOW, columns={"value": (1, 2)})
    with pytest.raises(ValueError, match="2 slices"):
        list(check.measure([table], NOW))


# freshness


def test_the_age_is_that_of_the_newest_row_and_never_negative() -> None:
    check = Freshness(id="c", table="t", column="at")
    old = Updated(observed_at=NOW, data_at=NOW - 2 * HOUR)
    future = Updated(observed_at=NOW, data_at=NOW + HOUR)
    assert values(check.measure([old], NOW)) == {"age": 7200.0}
    assert values(check.measure([future], NOW)) == {"age": 0.0}
    wrong = Updated(observed_at=NOW, data_at=datetime(2099, 1, 1, tzinfo=UTC))
    said = first(check.measure([wrong], NOW))
    assert isinstance(said, NoData)
    assert "is of 2099-01-01, which is to come" in said.reason


def test_a_table_without_rows_has_no_age() -> None:
    check = Freshness(id="c", table="t", column="at")
    assert isinstance(first(check.measure([Updated(observed_at=NOW)], NOW)), NoData)


HOURLY = Freshness(id="c", table="t", partition=PartitionRule(column="h", grain="hour"))


def partitions(*missing: datetime, empty: datetime | None = None) -> PartitionList:
    top = NOW.replace(minute=0)
    starts = [top - HOUR * back for back in range(60)]
    found = [
        Partition(at, str(at), rows=0 if at == empty else 10) for at in starts if at not in missing
    ]
    return PartitionList(observed_at=NOW, partitions=tuple(found))


def test_nothing_missing_is_no_age() -> None:
    assert values(HOURLY.measure([partitions()], NOW)) == {
        "age": 0.0,
        "missing": 0.0,
        "rows": 10.0,
    }


def test_missing_hours_are_named_and_runs_of_them_are_gaps() -> None:
    at = datetime(2026, 11, 23, 19, tzinfo=UTC)
    answer = partitions(at, at + HOUR, at + 4 * HOUR)
    sample = first(HOURLY.measure([answer], NOW))
    assert isinstance(sample, Sample)
    gaps = [gap["partitions"] for gap in sample.evidence["gaps"]]
    assert gaps == [["2026-11-23T19:00", "2026-11-23T20:00"], ["2026-11-23T23:00"]]
    assert sample.value == (NOW - (at + HOUR)).total_seconds()


def test_a_partition_that_exists_but_is_empty_is_missing() -> None:
    at = datetime(2026, 11, 23, 19, tzinfo=UTC)
    assert values(HOURLY.measure([partitions(empty=at)], NOW))["missing"] == 1


def test_a_partition_that_may_be_empty_counts_and_is_named() -> None:
    answer = partitions()
    unknown = replace(answer.partitions[-1], rows=None)
    parts = (*answer.partitions[:-1], unknown)
    found = list(HOURLY.measure([replace(answer, partitions=parts)], NOW))
    assert values(found)["missing"] == 0
    assert isinstance(found[0], Sample)
    assert found[0].evidence["cannot_tell_if_empty"] == [unknown.name]


def test_an_hour_that_may_still_be_late_is_not_missing() -> None:
    last = datetime(2026, 11, 24, 2, tzinfo=UTC)  # ended at 03:00, may land until 04:00
    assert values(HOURLY.measure([partitions(last)], NOW))["missing"] == 0


def test_filling_an_old_hole_does_not_hide_a_new_one() -> None:
    old, new = NOW.replace(minute=0) - 30 * HOUR, NOW.replace(minute=0) - 5 * HOUR
    both = values(HOURLY.measure([partitions(old, new)], NOW))
    filled = values(HOURLY.measure([partitions(new)], NOW))
    assert both["age"] > filled["age"] > 3 * 3600


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Asia/Kolkata"])
def test_days_are_those_of_the_zone_whatever_the_clocks_do(zone: str) -> None:
    rule = PartitionRule(column="d", grain="day", window=timedelta(days=300))
    check = Freshness(id="c", table="t", partition=rule, timezone=zone)
    dates = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day) for day in range(330)]
    answer = PartitionList(
        observed_at=NOW, partitions=tuple(Partition(at, f"{at:%Y-%m-%d}", 1) for at in dates)
    )
    assert values(check.measure([answer], NOW))["missing"] == 0


def test_a_column_and_partitions_exclude_each_other() -> None:
    with pytest.raises(ValidationError, match="either `column` or `partition`"):
        Freshness(id="c", table="t", column="at", partition=PartitionRule(column="dt", grain="day"))


def test_with_neither_the_last_write_counts_and_its_rows() -> None:
    check = Freshness(id="c", table="t")
    assert check.ask(NOW) == [LastWrite("t")]
    written = NOW - timedelta(hours=3)
    answer = Updated(observed_at=NOW, data_at=written, written_at=written, rows=12)
    assert values(check.measure([answer], NOW)) == {"age": 3 * 3600.0, "rows": 12.0}


# latency


def test_latency_is_measured_per_slice_and_errors_only_when_known() -> None:
    quantiles = {0.5: 0.1, 0.9: 0.2, 0.95: 0.3, 0.99: 0.9}
    answer = Latencies(
        observed_at=NOW, slices=(SliceLatency((("model", "ranker"),), quantiles, rate=20.0),)
    )
    measured = list(Latency(id="c", histogram="h").measure([answer], NOW))
    assert values(measured) == {"p50": 0.1, "p90": 0.2, "p95": 0.3, "p99": 0.9, "rate": 20.0}
    assert {one.slice for one in measured} == {(("model", "ranker"),)}


# heartbeat

DAILY = Heartbeat(id="train", cron="0 3 * * *")
YESTERDAY = datetime(2026, 11, 23, 3, 20, tzinfo=UTC)


def runs(*found: Run) -> RunList:
    return RunList(observed_at=NOW, runs=found, known_since=YESTERDAY)


def test_a_job_that_never_pinged_is_waited_for() -> None:
    answer = RunList(observed_at=NOW, runs=())
    assert isinstance(first(DAILY.measure([answer], NOW)), NotYet)


def test_a_job_is_late_from_its_due_time_on() -> None:
    answer = runs(Run("1", "succeeded", None, YESTERDAY, 0))
    assert values(DAILY.measure([answer], NOW))["late"] == 30 * 60
    assert values(DAILY.measure([answer], NOW - HOUR))["late"] == 0


def test_a_failed_run_does_not_count_as_done() -> None:
    answer = runs(
        Run("1", "succeeded", None, YESTERDAY, 0),
        Run("2", "failed", None, NOW - timedelta(minutes=20), 137),
    )
    measured = values(DAILY.measure([answer], NOW))
    assert (measured["failed"], measured["late"]) == (1, 30 * 60)


def test_a_run_under_way_tells_how_long() -> None:
    answer = runs(Run("1", "running", NOW - timedelta(minutes=5)))
    assert values(DAILY.measure([answer], NOW))["running"] == 300


def test_a_cron_expression_that_is_none_is_refused() -> None:
    with pytest.raises(ValidationError, match="no cron expression"):
        Heartbeat(id="x", cron="every day")
