"""What has no rows at night, or on Sundays, lacks nothing then; whatever else has none does."""

from datetime import timedelta

import numpy as np
import pytest

from monitor.anomaly.absence import is_usual, usual_gaps
from monitor.anomaly.arrays import Floats

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ALL = np.arange(2)


def rows(days: int, per_day: int = 24) -> Floats:
    return np.ones((2, days * per_day + 1))  # the last one is the first bucket of a day


def usual(values: Floats, bucket: timedelta = HOUR, leaves: object = ALL) -> bool:
    return is_usual(usual_gaps(values, bucket), np.asarray(leaves))


def test_what_never_has_rows_at_this_hour_lacks_none() -> None:
    values = rows(9)
    values[:, ::24] = np.nan
    assert usual(values)
    values[1, -1 - 3 * 24] = 5.0  # once in the week there were some
    assert not usual(values)
    assert usual(values, leaves=[0])
    assert not usual(values, leaves=[1])


def test_what_never_has_rows_on_this_weekday_lacks_none() -> None:
    hourly, daily = rows(35), rows(35, per_day=1)
    for back in range(1, 5):
        hourly[:, -1 - back * 7 * 24] = daily[:, -1 - back * 7] = np.nan
    assert usual(hourly)
    assert usual(daily, DAY)
    hourly[0, -1 - 7 * 24] = daily[0, -1 - 7] = 0.0  # a row with nothing in it is a row
    assert not usual(hourly)
    assert not usual(daily, DAY)


@pytest.mark.parametrize("days", [1, 5])
def test_a_short_history_says_nothing_of_what_is_usual(days: int) -> None:
    values = rows(days)
    values[:, ::24] = np.nan
    assert not usual(values)


def test_what_has_no_rows_at_any_hour_lacks_them_all() -> None:
    values = rows(40)
    values[:, -8 * 24 :] = np.nan
    assert not usual(values)


def test_a_week_in_one_bucket_has_no_usual_gap() -> None:
    assert not usual(np.full((2, 9), np.nan), timedelta(weeks=1))
