from dataclasses import dataclass
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.intervals import TimeInterval, intervals_at, muted_by

NIGHT = (22 * 60, 6 * 60)


@dataclass(frozen=True)
class Only:
    days: frozenset[date]

    def has(self, day: date) -> bool:
        return day in self.days


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("interval", "moment", "expected"),
    [
        (TimeInterval(), "2026-11-25T12:00", True),
        (TimeInterval(times=((540, 600),)), "2026-11-25T09:00", True),
        (TimeInterval(times=((540, 600),)), "2026-11-25T09:59:59", True),
        (TimeInterval(times=((540, 600),)), "2026-11-25T10:00", False),
        (TimeInterval(times=((0, 1440),)), "2026-11-25T23:59", True),
        (TimeInterval(times=((0, 60), (120, 180))), "2026-11-25T01:30", False),
        (TimeInterval(weekdays=((3, 3),)), "2026-11-25T12:00", True),  # a Wednesday
        (TimeInterval(weekdays=((0, 0),)), "2026-11-29T12:00", True),  # a Sunday
        (TimeInterval(weekdays=((1, 5),)), "2026-11-29T12:00", False),
        (TimeInterval(days_of_month=((-1, -1),)), "2026-02-28T12:00", True),
        (TimeInterval(days_of_month=((-1, -1),)), "2028-02-28T12:00", False),
        (TimeInterval(days_of_month=((31, 31),)), "2026-02-28T12:00", False),
        (TimeInterval(days_of_month=((25, 31),)), "2026-02-28T12:00", True),
        (TimeInterval(days_of_month=((-31, -29),)), "2026-02-01T12:00", False),
        (TimeInterval(days_of_month=((-31, -28),)), "2026-02-01T12:00", True),
        (TimeInterval(days_of_month=((5, -20),)), "2026-02-09T12:00", True),
        (TimeInterval(months=((11, 12),)), "2026-11-25T12:00", True),
        (TimeInterval(months=((1, 10),)), "2026-11-25T12:00", False),
        (TimeInterval(years=((2025, 2026),)), "2026-11-25T12:00", True),
        (TimeInterval(years=((2027, 2028),)), "2026-11-25T12:00", False),
        (TimeInterval(weekdays=((3, 3),), months=((1, 1),)), "2026-11-25T12:00", False),
        (TimeInterval(times=((540, 600),), location="Asia/Kolkata"), "2026-11-25T03:30", True),
        # Ours: over midnight, belonging to the day it starts on.
        (TimeInterval(times=(NIGHT,)), "2026-11-25T23:00", True),
        (TimeInterval(times=(NIGHT,)), "2026-11-25T05:59", True),
        (TimeInterval(times=(NIGHT,)), "2026-11-25T06:00", False),
        (TimeInterval(times=(NIGHT,), weekdays=((2, 2),)), "2026-11-25T05:00", True),
        (TimeInterval(times=(NIGHT,), weekdays=((2, 2),)), "2026-11-24T05:00", False),
        (TimeInterval(times=(NIGHT,), weekdays=((2, 2),)), "2026-11-25T23:00", False),
        (TimeInterval(times=(NIGHT,), days_of_month=((-1, -1),)), "2026-12-01T01:00", True),
        (TimeInterval(times=(NIGHT,), years=((2025, 2025),)), "2026-01-01T01:00", True),
    ],
)
def test_an_interval_holds_at_a_moment(
    interval: TimeInterval, moment: str, *, expected: bool
) -> None:
    assert interval.holds_at(at(moment)) is expected


def test_calendars_leave_the_days_that_count_or_those_that_do_not() -> None:
    holiday = Only(frozenset({date(2026, 11, 25)}))
    assert TimeInterval(calendar=holiday).holds_at(at("2026-11-25T12:00"))
    assert not TimeInterval(calendar=holiday).holds_at(at("2026-11-26T12:00"))
    assert not TimeInterval(except_calendar=holiday).holds_at(at("2026-11-25T12:00"))
    night = TimeInterval(times=(NIGHT,), calendar=holiday)
    assert night.holds_at(at("2026-11-26T03:00"))
    assert not night.holds_at(at("2026-11-25T03:00"))


INTERVALS = {
    "noon": (TimeInterval(times=((720, 780),)), TimeInterval(times=((720, 721),))),
    "morning": (TimeInterval(times=((360, 720),)),),
}


@pytest.mark.parametrize(
    ("mute", "active", "expected"),
    [
        ((), (), ()),
        (("noon", "morning", "noon"), (), ("noon",)),
        (("morning",), (), ()),
        ((), ("noon", "morning"), ()),
        ((), ("morning",), ("morning",)),
        (("noon",), ("noon",), ("noon",)),
        (("gone",), (), ()),
    ],
)
def test_a_route_is_mute_inside_mute_and_outside_active_intervals(
    mute: tuple[str, ...], active: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    assert muted_by(mute, active, INTERVALS, at("2026-11-25T12:00")) == expected


@given(
    st.lists(st.sampled_from(["noon", "morning", "gone"]), max_size=4),
    st.datetimes(datetime(2015, 1, 1), datetime(2037, 12, 31)),
)
def test_a_name_holds_when_any_element_does(names: list[str], moment: datetime) -> None:
    now = moment.replace(tzinfo=UTC)
    expected = {n for n in names if any(one.holds_at(now) for one in INTERVALS.get(n, ()))}
    assert set(intervals_at(names, INTERVALS, now)) == expected
