"""Data that must be there at a time of day, on some days."""

from datetime import UTC, date, datetime, timedelta

import pytest

from monitor.api import BusinessDays, Partition, PartitionList, Partitions, ReadyBy, Sample, Updated
from monitor.kinds.freshness import Freshness, PartitionRule

WEEK = BusinessDays(frozenset(range(5)), off=frozenset({date(2026, 11, 24)}))
RULE = ReadyBy(time=7 * 60 + 30, calendar=WEEK)
DAILY = Freshness(
    id="c",
    table="t",
    timezone="Asia/Kolkata",
    partition=PartitionRule(column="d", grain="day"),
    ready_by=RULE,
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-{text}+05:30").astimezone(UTC)


def age(now: datetime, *days: int) -> tuple[float, list[str]]:
    """Measure with the partitions of these days; Friday is the 20th, Tuesday a day off."""
    (query,) = DAILY.ask(now)
    assert isinstance(query, Partitions)
    parts = [Partition(datetime(2026, 11, day, tzinfo=UTC), str(day), rows=1) for day in days]
    kept = tuple(p for p in parts if query.since <= p.start + timedelta(days=1))
    answer = PartitionList(observed_at=now, partitions=kept)
    sample = next(iter(DAILY.measure([answer], now)))
    assert isinstance(sample, Sample)
    return sample.value, sample.evidence["missing"]


@pytest.mark.parametrize(
    ("now", "present", "hours", "missing"),
    [
        ("20T07:29", range(10, 19), 0.0, 0),
        ("20T07:30", range(10, 19), 0.0, 1),
        ("20T09:30", range(10, 19), 2.0, 1),
        ("20T09:30", range(10, 20), 0.0, 0),
        ("22T23:00", range(10, 20), 0.0, 0),
        ("23T08:30", range(10, 20), 1.0, 3),
        ("24T12:00", range(10, 23), 0.0, 0),
        ("25T07:30", range(10, 23), 0.0, 2),
        ("25T08:30", (*range(10, 23), 24), 1.0, 1),
    ],
)
def test_a_day_is_due_at_the_deadline_of_the_next_day_that_counts(
    now: str, present: range, hours: float, missing: int
) -> None:
    seconds, named = age(at(now), *present)
    assert (seconds / 3600, len(named)) == (hours, missing)


def test_a_newest_row_is_due_to_be_followed_by_one_of_the_next_day() -> None:
    check = Freshness(id="c", table="t", timezone="Asia/Kolkata", column="at", ready_by=RULE)

    def seconds(now: str, newest: str) -> float:
        answer = Updated(observed_at=at(now), data_at=at(newest))
        (sample,) = check.measure([answer], at(now))
        assert isinstance(sample, Sample)
        return sample.value

    assert seconds("20T07:29", "18T22:00") == 0
    assert seconds("20T08:30", "18T22:00") == 3600
    assert seconds("20T08:30", "19T22:00") == 0
    assert seconds("22T08:30", "19T22:00") == 0


def test_without_a_day_that_counts_nothing_is_ever_late() -> None:
    never = ReadyBy(time=0, calendar=BusinessDays(frozenset()))
    check = DAILY.model_copy(update={"ready_by": never})
    samples = list(
        check.measure([PartitionList(observed_at=at("20T08:00"), partitions=())], at("20T08:00"))
    )
    assert [one.value for one in samples if isinstance(one, Sample)] == [0.0, 0.0]
