from datetime import UTC, date, datetime, timedelta

import pytest

from monitor.core.business_days import BusinessDays
from monitor.core.hours import is_within, next_morning
from monitor.core.lineage import ancestors, root_cause
from monitor.core.model import Hours, OnCall, Resource
from monitor.core.oncall import on_call_at

LATE_SHIFT = Hours(frozenset({0}), 22 * 60, 6 * 60)
TENTH_HOUR = Hours(frozenset({5}), 10 * 60, 18 * 60)
IN_BERLIN = Hours(
    frozenset(range(5)),
    9 * 60,
    17 * 60,
    "Europe/Berlin",
    BusinessDays(off=frozenset({date(2026, 11, 25)})),
)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-11-23T22:00", True),  # Monday evening
        ("2026-11-24T05:59", True),  # the same shift, Tuesday morning
        ("2026-11-24T06:00", False),
        ("2026-11-24T22:30", False),  # Tuesday has no shift
        ("2026-11-23T05:00", False),  # Sunday has none either
    ],
)
def test_hours_that_cross_midnight_belong_to_the_day_they_start_on(at: str, expected: bool) -> None:
    moment = datetime.fromisoformat(at).replace(tzinfo=UTC)
    assert is_within(LATE_SHIFT, moment, "UTC") is expected


def test_hours_are_those_of_the_local_zone() -> None:
    nine_to_five = Hours(frozenset(range(7)), 9 * 60, 17 * 60)
    half_past_three_utc = datetime(2026, 11, 24, 3, 30, tzinfo=UTC)
    assert is_within(nine_to_five, half_past_three_utc, "Asia/Kolkata")
    assert not is_within(nine_to_five, half_past_three_utc, "UTC")


def test_hours_of_a_maintainer_elsewhere_are_those_of_its_zone_and_its_holidays() -> None:
    off = BusinessDays(off=frozenset({date(2026, 11, 24)}))
    berlin = Hours(frozenset(range(5)), 9 * 60, 17 * 60, "Europe/Berlin", off)
    at_eight_utc = datetime(2026, 11, 23, 8, tzinfo=UTC)
    assert is_within(berlin, at_eight_utc, "Asia/Kolkata")
    assert not is_within(berlin, at_eight_utc + timedelta(days=1), "Asia/Kolkata")
    night = Hours(frozenset(range(7)), 22 * 60, 6 * 60, "UTC", off)
    assert is_within(night, datetime(2026, 11, 24, 5, tzinfo=UTC), "UTC")  # the 23rd's
    assert not is_within(night, datetime(2026, 11, 25, 5, tzinfo=UTC), "UTC")


def test_on_call_hands_over_and_starts_again() -> None:
    start = datetime(2026, 1, 5, 9, tzinfo=UTC)
    rota = OnCall(("asha", "ben"), ("slack",), timedelta(weeks=1), start)
    at = [start - timedelta(days=9), start, start + timedelta(days=7), start + timedelta(days=14)]
    assert [on_call_at(rota, moment) for moment in at] == ["asha", "asha", "ben", "asha"]
    assert on_call_at(OnCall((), ("slack",)), start) is None


def test_the_cause_is_the_red_resource_furthest_upstream() -> None:
    chain = {
        "dash": Resource("dash", upstream=("kpi",)),
        "kpi": Resource("kpi", upstream=("events",)),
        "events": Resource("events", upstream=("spark",)),
    }
    assert root_cause("dash", chain, {"kpi", "spark"}) == "spark"
    assert root_cause("dash", chain, {"dash"}) is None


def test_a_cycle_of_resources_ends() -> None:
    loop = {"a": Resource("a", upstream=("b",)), "b": Resource("b", upstream=("a",))}
    assert ancestors("a", loop) == ("b",)


@pytest.mark.parametrize(
    ("now", "hours", "expected"),
    [
        ("2026-11-27T22:00:00+05:30", None, "2026-11-30T09:00:00+05:30"),  # over the weekend
        ("2026-11-24T02:00:00+05:30", None, "2026-11-24T09:00:00+05:30"),  # this morning
        ("2026-11-24T09:00:00+05:30", None, "2026-11-25T09:00:00+05:30"),
        ("2026-11-27T22:00:00+05:30", TENTH_HOUR, "2026-11-28T10:00:00+05:30"),
        ("2026-11-24T09:00:00+05:30", IN_BERLIN, "2026-11-24T09:00:00+01:00"),
        ("2026-11-24T20:00:00+05:30", IN_BERLIN, "2026-11-26T09:00:00+01:00"),  # a holiday between
    ],
)
def test_the_next_working_morning_is_that_of_who_works(
    now: str, hours: Hours | None, expected: str
) -> None:
    found = next_morning(hours, datetime.fromisoformat(now), "Asia/Kolkata")
    assert found == datetime.fromisoformat(expected)


def test_who_never_works_has_a_morning_a_day_later() -> None:
    never = Hours(frozenset(), 9 * 60, 17 * 60)
    now = datetime.fromisoformat("2026-11-24T20:00:00+05:30")
    assert next_morning(never, now, "Asia/Kolkata") == now + timedelta(days=1)
