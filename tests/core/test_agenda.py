from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from monitor.core.agenda import LATEST, Agenda
from monitor.core.business_days import BusinessDays
from tests.often import often

ZONES = (
    "America/New_York",
    "America/Santiago",
    "America/St_Johns",
    "Africa/Cairo",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Europe/Berlin",
    "Europe/London",
    "Pacific/Chatham",
    "UTC",
)
EVERY_DAY = frozenset(range(7))
HOURS = [(0, 0), (1, 30), (2, 30), (9, 0), (23, 50)]
STEP = timedelta(minutes=10)


def changes(zone: str) -> list[date]:
    """Return the days from 2024 to 2028 on which clocks are set."""
    tz = ZoneInfo(zone)
    noons = [datetime(2024, 1, 1, 12, tzinfo=UTC) + timedelta(days=n) for n in range(5 * 366)]
    return [
        after.astimezone(tz).date()
        for before, after in pairwise(noons)
        if before.astimezone(tz).utcoffset() != after.astimezone(tz).utcoffset()
    ]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(("hour", "minute"), often(HOURS[2:3], HOURS))
def test_there_is_one_digest_on_each_local_day_when_clocks_are_set(
    zone: str, hour: int, minute: int
) -> None:
    agenda = Agenda(hour, minute, EVERY_DAY, zone)
    for changed in changes(zone) or [date(2026, 3, 1)]:
        made: dict[date, datetime] = {}
        times: Counter[date] = Counter()
        now = datetime(changed.year, changed.month, changed.day, tzinfo=UTC) - timedelta(days=2)
        for _ in range(int(timedelta(days=5) / STEP)):
            now += STEP
            due = agenda.due(now)
            if due is not None and due[0] not in made:
                made[due[0]] = now
                times[due[0]] += 1
        whole = [changed + timedelta(days=n) for n in (-1, 0, 1)]
        assert [times[day] for day in whole] == [1, 1, 1]
        for day in whole:
            assert timedelta(0) <= made[day] - agenda.moment(day) < STEP


def test_a_late_start_still_makes_the_digest_of_the_day_and_a_very_late_one_does_not() -> None:
    agenda = Agenda(9, 0, EVERY_DAY, "UTC")
    at = datetime(2026, 11, 24, 9, tzinfo=UTC)
    assert agenda.due(at + LATEST - STEP) == (at.date(), at)
    assert agenda.due(at + LATEST) is None


def test_a_late_start_after_midnight_makes_the_digest_of_the_day_before() -> None:
    agenda = Agenda(23, 30, frozenset({0}), "UTC")  # Mondays
    due = agenda.due(datetime(2026, 11, 24, 0, 30, tzinfo=UTC))
    assert due is not None
    assert due[0] == date(2026, 11, 23)


def test_the_next_one_comes_on_the_next_weekday_that_is_meant() -> None:
    agenda = Agenda(9, 0, frozenset(range(5)), "Asia/Kolkata")
    friday = datetime(2026, 11, 27, 3, 30, tzinfo=UTC)
    assert agenda.next_after(friday) == datetime(2026, 11, 30, 3, 30, tzinfo=UTC)
    assert Agenda(9, 0, frozenset(), "UTC").next_after(friday) is None


def test_on_a_day_off_nothing_leaves_and_the_next_day_is_named() -> None:
    diwali = date(2026, 11, 9)
    calendar = BusinessDays(frozenset(range(5)), frozenset({diwali}))
    agenda = Agenda(9, 0, EVERY_DAY, "Asia/Kolkata", calendar)
    zone = ZoneInfo("Asia/Kolkata")
    friday, monday, tuesday = (datetime(2026, 11, day, 9, 5, tzinfo=zone) for day in (6, 9, 10))
    assert agenda.due(friday) is not None
    assert agenda.due(monday) is None
    assert agenda.due(tuesday) is not None
    assert agenda.next_after(friday) == datetime(2026, 11, 10, 9, tzinfo=zone)


def test_a_calendar_without_any_day_has_no_next_digest() -> None:
    agenda = Agenda(9, 0, EVERY_DAY, "UTC", BusinessDays(frozenset()))
    assert agenda.next_after(datetime(2026, 11, 9, tzinfo=UTC)) is None
