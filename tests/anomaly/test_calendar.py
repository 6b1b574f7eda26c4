from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from monitor.anomaly import Settings
from monitor.anomaly.calendar import calendar
from monitor.anomaly.series import bucket_number

BERLIN = ZoneInfo("Europe/Berlin")
START = datetime(2026, 3, 2, tzinfo=UTC)


def hourly(holidays: frozenset[date] = frozenset()) -> Settings:
    return Settings(timedelta(hours=1), "Europe/Berlin", "down", 1.0, 0.0, holidays)


def test_the_season_follows_the_local_hour_across_a_clock_change() -> None:
    table = calendar(bucket_number(START, hourly()), 60 * 24, hourly())
    assert table.daily is not None
    assert table.weekly is not None
    for lags, days in ((table.daily, 1), (table.weekly, 7)):
        for bucket in range(20 * 24, 60 * 24):
            here = table.starts[bucket].astimezone(BERLIN)
            for lag in range(8):
                index = int(lags[lag, bucket])
                if index < 0:
                    continue
                there = table.starts[index].astimezone(BERLIN).replace(tzinfo=None)
                wanted = here.replace(tzinfo=None) - timedelta(days=days * (lag + 1))
                # The hour that the change skips has no partner; its neighbour stands in.
                assert abs(there - wanted) <= (
                    timedelta(hours=1) if wanted.hour == 2 else timedelta(0)
                )


def test_a_lag_never_points_to_the_bucket_itself_or_later() -> None:
    table = calendar(bucket_number(START, hourly()), 60 * 24, hourly())
    assert table.daily is not None
    assert np.all(table.daily < np.arange(60 * 24))


def test_a_holiday_is_a_local_date() -> None:
    table = calendar(bucket_number(START, hourly()), 72, hourly(frozenset({date(2026, 3, 3)})))
    marked = [
        at.astimezone(BERLIN).date()
        for at, on in zip(table.starts, table.holiday, strict=True)
        if on
    ]
    assert marked == [date(2026, 3, 3)] * 24


def test_daily_buckets_have_a_weekly_season_only() -> None:
    daily = Settings(timedelta(days=1), "Europe/Berlin", "down", 1.0, 0.0)
    table = calendar(bucket_number(START, daily), 60, daily)
    assert table.daily is None
    assert table.weekly is not None
    assert table.weekly[:, 59].tolist() == [52, 45, 38, 31, 24, 17, 10, 3]


def test_blocks_are_utc_days_and_cover_everything_once() -> None:
    first = bucket_number(START + timedelta(hours=5), hourly())
    table = calendar(first, 50, hourly())
    assert table.blocks == ((0, 19), (19, 43), (43, 50))
