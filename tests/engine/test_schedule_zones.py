"""Cron schedules on every edge of every zone from 2020 to 2037, against the minute oracle.

With CI=true all the ways in which the world's clocks run, else a handful.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from monitor.config.plan import Schedule
from monitor.engine.schedule import next_due
from tests.core.minute_oracle import DAY, EPOCH, MINUTE, Clock, as_minute, clock_of, clocks
from tests.platform.stack.available import must_have_all

FIRST, LAST = (
    as_minute(datetime(2020, 1, 1, tzinfo=UTC)),
    as_minute(datetime(2038, 1, 1, tzinfo=UTC)),
)
SOME = ("Europe/Berlin", "US/Eastern", "Australia/Lord_Howe", "Africa/Casablanca", "Africa/Cairo")
CLOCKS = list(clocks()) if must_have_all() else [clock_of(name) for name in SOME]
EVERY_EDGE = 1 if must_have_all() else 9
DAILY = (0, 15, 90, 2 * 60 + 15, 2 * 60 + 30, 3 * 60, 23 * 60 + 30)
"""Minutes of the day: where clocks are set, and where they are not."""


def edges(clock: Clock) -> Iterator[int]:
    yield from [at for at in clock.edges if FIRST <= at < LAST][::EVERY_EDGE]


def runs(cron: str, clock: Clock, start: int, end: int) -> list[int]:
    """Return the minutes of UTC at which a schedule is due, in (start, end]."""
    schedule = Schedule(cron=cron, timezone=clock.name)
    found, at = [], EPOCH + start * MINUTE
    while (at := next_due(schedule, timedelta(0), at)) <= EPOCH + end * MINUTE:
        found.append(as_minute(at))
    return found


def first_reading(clock: Clock, start: int, end: int, target: int) -> int:
    """Return the first minute at which the clock has reached a local time, given that it does."""
    minutes = np.arange(start, end + 1)
    return int(minutes[np.argmax(clock.reads(minutes) >= target)])


def read(clock: Clock, minute: int) -> int:
    return int(clock.reads(np.array([minute]))[0])


@pytest.mark.parametrize("clock", CLOCKS, ids=lambda clock: clock.name)
def test_a_daily_run_comes_once_a_day_whatever_the_clocks_do(clock: Clock) -> None:
    for edge in edges(clock):
        start, end = edge - 2 * DAY, edge + 2 * DAY
        today, last = read(clock, start) // DAY, read(clock, end) // DAY
        for minute in DAILY:
            targets = [day * DAY + minute for day in range(today, last + 1)]
            wanted = [first_reading(clock, start - DAY, end + DAY, target) for target in targets]
            wanted = [at for at in wanted if start < at <= end]
            cron = f"{minute % 60} {minute // 60} * * *"
            assert runs(cron, clock, start, end) == wanted, (EPOCH + edge * MINUTE, cron)


@pytest.mark.parametrize("clock", CLOCKS, ids=lambda clock: clock.name)
def test_a_run_of_the_week_and_of_the_month_is_not_lost(clock: Clock) -> None:
    for edge in edges(clock):
        for before in (1, 3, 6):
            start = edge - before * DAY
            today = read(clock, start) // DAY
            days = np.arange(today + 1, today + 40)
            monday = int(days[(days + 4) % 7 == 1][0])
            stamps = days.astype("datetime64[D]")
            first = int(days[stamps == stamps.astype("datetime64[M]").astype("datetime64[D]")][0])
            for cron, day in (("0 0 * * 1", monday), ("0 0 1 * *", first)):
                wanted = first_reading(clock, start, start + 41 * DAY, day * DAY)
                found = as_minute(
                    next_due(
                        Schedule(cron=cron, timezone=clock.name),
                        timedelta(0),
                        EPOCH + start * MINUTE,
                    )
                )
                assert found == wanted, (EPOCH + edge * MINUTE, cron)


@pytest.mark.parametrize("clock", CLOCKS, ids=lambda clock: clock.name)
def test_a_run_every_quarter_of_an_hour_goes_on_through_the_change(clock: Clock) -> None:
    for edge in edges(clock):
        found = runs("*/15 * * * *", clock, edge - 180, edge + 180)
        assert set(np.diff(found)) == {15}, EPOCH + edge * MINUTE
        assert len(found) == 24
