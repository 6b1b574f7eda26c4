from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.anomaly.model import Settings
from monitor.anomaly.series import bucket_number, bucket_start, offsets, regular

HOURLY = Settings(timedelta(hours=1), "Europe/Berlin", "down", 1.0, 0.0)
DAILY = Settings(timedelta(days=1), "Europe/Berlin", "down", 1.0, 0.0)
WEEKLY = Settings(timedelta(weeks=1), "Europe/Berlin", "down", 1.0, 0.0)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_rows_in_any_order_become_one_grid_with_gaps_as_nan() -> None:
    rows = [(NOON + timedelta(hours=3), 4.0), (NOON, 1.0), (NOON + timedelta(hours=1), 2.0)]
    made = regular(rows, (("model", "ctr"),), HOURLY).series
    assert made.start == NOON
    np.testing.assert_array_equal(made.values, [1.0, 2.0, np.nan, 4.0])


def test_two_rows_of_one_bucket_are_parts_of_it_and_are_summed() -> None:
    made = regular([(NOON, 1.0), (NOON + timedelta(minutes=59), 2.0)], (), HOURLY)
    np.testing.assert_array_equal(made.series.values, [3.0])
    assert made.notes == ("1 rows were added to another row of the same bucket",)


@pytest.mark.parametrize("value", [None, float("nan"), float("inf"), -float("inf"), -1.0])
def test_an_unusable_part_makes_its_bucket_unknown_and_says_so(value: float | None) -> None:
    made = regular([(NOON, 5.0), (NOON, value)], (), HOURLY)
    np.testing.assert_array_equal(made.series.values, [np.nan])
    assert "1 rows were null, NaN, infinite or negative: bucket unknown" in made.notes


def test_no_rows_give_an_empty_series() -> None:
    assert len(regular([], (), HOURLY).series.values) == 0


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="times must be aware"):
        regular([(datetime(2026, 3, 1), 1.0)], (), HOURLY)


def test_the_doubled_hour_of_autumn_is_two_buckets() -> None:
    first = datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"), fold=0)
    rows = [(first.astimezone(UTC), 1.0), (first.replace(fold=1).astimezone(UTC), 2.0)]
    np.testing.assert_array_equal(regular(rows, (), HOURLY).series.values, [1.0, 2.0])


def test_a_day_of_23_hours_is_one_daily_bucket() -> None:
    zone = ZoneInfo("Europe/Berlin")
    rows = [(datetime(2026, 3, day, tzinfo=zone), float(day)) for day in (28, 29, 30, 31)]
    np.testing.assert_array_equal(regular(rows, (), DAILY).series.values, [28, 29, 30, 31])


def test_weeks_begin_on_local_mondays_and_are_whole_when_their_sunday_is_over() -> None:
    zone = ZoneInfo("Europe/Berlin")
    # As `date_trunc('week', day)` writes them; the third is the one in which clocks go back.
    rows = [(datetime(2026, 10, day, tzinfo=zone), float(day)) for day in (5, 12, 19, 26)]
    week = regular(rows, (), WEEKLY).series
    np.testing.assert_array_equal(week.values, [5, 12, 19, 26])
    assert week.start.astimezone(zone) == rows[0][0]
    number = bucket_number(rows[2][0], WEEKLY)
    assert bucket_start(number + 1, WEEKLY) == rows[3][0]
    assert bucket_number(rows[3][0] - timedelta(hours=1), WEEKLY) == number


@given(st.integers(-2_800, 5_700), st.sampled_from([HOURLY, DAILY, WEEKLY]))
def test_a_bucket_starts_in_itself(number: int, settings: Settings) -> None:
    assert bucket_number(bucket_start(number, settings), settings) == number


def test_counts_get_log1p_and_rates_an_offset_in_their_own_unit() -> None:
    values = np.array([[5.0] * 7, [0.05] * 7, [np.nan] * 7])
    offset, counts = offsets(values)
    np.testing.assert_allclose(offset, [1.0, 0.005, 1.0])
    assert counts.tolist() == [True, False, True]


@pytest.mark.parametrize("bucket", [timedelta(hours=7), timedelta(0), timedelta(hours=36)])
def test_a_bucket_that_does_not_fit_days_is_refused(bucket: timedelta) -> None:
    with pytest.raises(ValueError, match="must divide a day"):
        Settings(bucket, "UTC", "down", 1.0, 0.0)
