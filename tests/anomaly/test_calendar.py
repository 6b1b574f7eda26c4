from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from monitor.anomaly.calendar import Calendar
from monitor.anomaly.model import Settings
from monitor.anomaly.series import bucket_number, bucket_start

BERLIN = ZoneInfo("Europe/Berlin")
START = datetime(2026, 3, 2, tzinfo=UTC)


def hourly(holidays: frozenset[date] = frozenset()) -> Settings:
    return Settings(timedelta(hours=1), "Europe/Berlin", "down", 1.0, 0.0, holidays)


@pytest.mark.long
def test_the_season_follows_the_local_hour_across_a_clock_change() -> None:
    first = bucket_number(START, hourly())
    span = Calendar(hourly()).span(first, first + 60 * 24)
    assert span.daily is not None
    assert span.weekly is not None
    for lags, days in ((span.daily, 1), (span.weekly, 7)):
        for bucket in range(20 * 24, 60 * 24):
            here = bucket_start(first + bucket, hourly()).astimezone(BERLIN)
            for lag in range(8):
                there = bucket_start(int(lags[lag, bucket]), hourly()).astimezone(BERLIN)
                wanted = here.replace(tzinfo=None) - timedelta(days=days * (lag + 1))
                # The hour that the change skips has no partner; its neighbour stands in.
                off = timedelta(hours=1) if wanted.hour == 2 else timedelta(0)
                assert abs(there.replace(tzinfo=None) - wanted) <= off


def test_a_lag_never_points_to_the_bucket_itself_or_later() -> None:
    first = bucket_number(START, hourly())
    span = Calendar(hourly()).span(first, first + 60 * 24)
    assert span.daily is not None
    assert np.all(span.daily < first + np.arange(60 * 24))


def test_a_holiday_is_a_local_date() -> None:
    settings = hourly(frozenset({date(2026, 3, 3)}))
    first = bucket_number(START, settings)
    span = Calendar(settings).span(first, first + 72)
    marked = [
        bucket_start(first + i, settings).astimezone(BERLIN).date()
        for i in np.flatnonzero(span.holiday).tolist()
    ]
    assert marked == [date(2026, 3, 3)] * 24


def test_a_week_is_a_holiday_only_with_most_of_its_days() -> None:
    days = frozenset(date(2026, 12, day) for day in (7, 22, 23, 24, 25))
    weekly = Settings(timedelta(weeks=1), "Europe/Berlin", "down", 1.0, 0.0, days)
    first = bucket_number(datetime(2026, 12, 7, 12, tzinfo=BERLIN), weekly)
    assert Calendar(weekly).span(first, first + 3).holiday.tolist() == [False, False, True]


def test_daily_buckets_have_a_weekly_season_and_a_spread_for_each_weekday() -> None:
    daily = Settings(timedelta(days=1), "Europe/Berlin", "down", 1.0, 0.0)
    first = bucket_number(START, daily)
    span = Calendar(daily).span(first, first + 8)
    assert span.daily is None
    assert span.weekly is not None
    assert (first - span.weekly[:, 0]).tolist() == [7, 14, 21, 28, 35, 42, 49, 56]
    assert span.slot.tolist() == [0, 1, 2, 3, 4, 5, 6, 0]


def test_learning_happens_once_for_each_utc_day() -> None:
    calendar = Calendar(hourly())
    first = bucket_number(START, hourly())
    blocks = [calendar.block(first + i) for i in range(50)]
    assert blocks == [blocks[0]] * 24 + [blocks[0] + 1] * 24 + [blocks[0] + 2] * 2
