import asyncio
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import pytest

from monitor.api import Answer, Asking, Query, Rows, Source, Table
from monitor.engine.catalog import histograms_of
from monitor.engine.found import FoundTable
from monitor.engine.proposals import (
    Shape,
    anomaly,
    drop_for,
    freshness,
    grain_of,
    latency,
    nice,
    nice_seconds,
    shape_of,
    slug,
    time_columns,
)

START = datetime(2026, 11, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def every(step: timedelta, count: int = 100, offset: timedelta = timedelta(0)) -> list[datetime]:
    return [START + offset + step * n for n in range(count)]


def test_typed_columns_come_before_named_ones_and_odd_names_are_left_alone() -> None:
    columns = (("updated", "text"), ("n", "integer"), ("ts", "timestamp(3)"), ("a b", "date"))
    assert time_columns(FoundTable("s.t", columns)) == ["ts", "updated"]
    assert time_columns(FoundTable("s.t; drop", columns)) == []


@pytest.mark.parametrize(
    ("step", "offset", "wanted"),
    [
        (60 * MINUTE, 0 * MINUTE, "hour"),
        (24 * 60 * MINUTE, 0 * MINUTE, "day"),
        (60 * MINUTE, MINUTE, None),
    ],
)
def test_the_grain_is_seen_in_the_moments(
    step: timedelta, offset: timedelta, wanted: str | None
) -> None:
    assert grain_of(every(step, offset=offset)) == wanted
    assert grain_of(every(step, 5)) is None


def test_keys_are_neither_numbers_nor_labels() -> None:
    columns = (("t", "timestamp"), ("user_id", "bigint"), ("n", "double"), ("model", "varchar"))
    shape = shape_of(FoundTable("k", columns), "t", every(60 * MINUTE))
    assert (shape.numbers, shape.labels) == (("n",), ("model",))


def test_a_limit_is_half_as_much_again_as_the_longest_usual_silence() -> None:
    shape = Shape("s.loads", "at", None, (), ())
    made = freshness(shape, every(60 * MINUTE, offset=MINUTE))
    assert made is not None
    assert made.id == "s-loads-fresh"
    assert "warn: 1h30m" in made.keys
    assert "page: 6h" in made.keys
    assert freshness(shape, every(60 * MINUTE, 5, MINUTE)) is None


def test_a_latency_limit_is_twice_and_four_times_the_usual() -> None:
    made = latency("predict_latency_seconds", [0.1] * 200 + [5.0])
    assert made is not None
    assert made.id == "predict-latency-latency"
    assert "warn: {p99: 200ms, for: 5m}" in made.keys
    assert "page: {p99: 400ms, for: 5m}" in made.keys
    assert latency("h", [0.1]) is None


@pytest.mark.parametrize("column", ["opt_outs", "optouts", "unsubscribes", "failed_jobs", "errors"])
def test_more_of_what_is_named_like_trouble_is_bad(column: str) -> None:
    made = anomaly(Shape("kpi", "hour", "hour", (column,), ()), column, ["model"], 0.5)
    assert made.id == f"kpi-{slug(column)}-rise"
    assert made.keys[-3:] == ("bad: up", "warn: {rise: 50%}", "page: {rise: 100%, for: 2 of 3}")


@pytest.mark.parametrize("column", ["impressions", "revenue", "terrors_at", "opted"])
def test_less_of_anything_else_is_bad(column: str) -> None:
    made = anomaly(Shape("kpi", "day", "day", (column,), ()), column, [], 0.5)
    assert made.id == f"kpi-{slug(column)}-drop"
    assert made.keys[-3:] == ("bad: down", "warn: {drop: 50%}", "page: {drop: 90%, for: 2 of 3}")


def test_a_drop_is_chosen_that_would_have_warned_once_a_month() -> None:
    assert drop_for([], 90) == 0.1
    assert drop_for([0.12] * 9, 90) == 0.15
    assert drop_for([0.9] * 9, 30) == 0.6


def test_numbers_are_rounded_up_to_what_people_write() -> None:
    assert nice(61 * MINUTE) == 90 * MINUTE
    assert nice(timedelta(days=9)) == timedelta(weeks=2)
    assert nice_seconds(0.21) == pytest.approx(0.25)
    assert nice_seconds(0.1) == pytest.approx(0.1)
    assert slug("Events.Impressions hourly") == "events-impressions-hourly"


class Names(Source):
    """A source of metrics that answers with their names."""

    answers: ClassVar = frozenset({Rows})

    async def ask(self, query: Query, asking: Asking) -> Answer:
        names = ("a_seconds_bucket", "b_bytes_bucket", "a_seconds_bucket")
        columns: dict[str, tuple[object, ...]] = {"__name__": names, "value": (1.0, 2.0, 3.0)}
        return Table(observed_at=asking.now, columns=columns)


def test_only_histograms_of_durations_are_proposed_for_latency() -> None:
    assert asyncio.run(histograms_of(Names(name="p"), START)) == ["a_seconds"]
