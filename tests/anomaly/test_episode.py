"""An alarm that lasts is told by the level before it, until it is over."""

import numpy as np
import pytest

from monitor.anomaly.arrays import Floats
from monitor.anomaly.cube import Labels
from monitor.anomaly.series import bucket_number
from monitor.anomaly.watch import Watch
from tests.anomaly.world import START, business, settings
from tests.often import often

DAYS = 33
HOUR = 28 * 24 + 9
SLICES: list[Labels] = [(("model", name),) for name in ("a", "b")]
ASKED = settings(budget=0.5)
FIRST = bucket_number(START, ASKED)


def fallen(hours: int, share: float = 0.2) -> Floats:
    values = business(2, DAYS)
    values[0, HOUR : HOUR + hours] = np.round((1 - share) * values[0, HOUR : HOUR + hours])
    return values


def bad_hours(values: Floats, since: int = HOUR, until: int = DAYS * 24) -> list[int]:
    """Return the hours after `since` in which the first slice is bad."""
    watch = Watch(ASKED, SLICES)
    watch.advance(FIRST, values[:, :since])
    found = []
    for hour in range(since, until):
        watch.advance(FIRST + hour, values[:, hour : hour + 1])
        found.extend([hour - since] if watch.cells()[0].is_anomaly else [])
    return found


@pytest.mark.long
def test_a_shift_that_stays_is_one_alarm_until_it_is_the_new_normal() -> None:
    hours = bad_hours(fallen(DAYS * 24))
    assert hours == list(range(hours[0], hours[0] + 48))
    assert hours[0] <= 5


@pytest.mark.parametrize("hours", often([6], [6, 12, 30]))
def test_a_drop_is_bad_to_its_last_hour_and_over_within_two(hours: int) -> None:
    found = bad_hours(fallen(hours))
    assert found == list(range(found[0], found[-1] + 1))
    assert hours - 1 <= found[-1] <= hours + 1


@pytest.mark.long
def test_what_is_expected_in_an_alarm_is_the_level_before_it() -> None:
    values = fallen(DAYS * 24)
    watch = Watch(ASKED, SLICES)
    watch.advance(FIRST, values[:, : HOUR + 24])
    cell = watch.cells()[0]
    assert cell.value / cell.expected == pytest.approx(0.8, abs=0.05)
    assert watch.changes()[0] == pytest.approx(-0.2, abs=0.07)
    assert np.isnan(watch.changes()[1])
    assert watch.bad_since[0] - FIRST - HOUR <= 5


@pytest.mark.long
def test_a_missing_hour_inside_an_alarm_neither_ends_nor_is_one() -> None:
    values = fallen(12)
    values[0, HOUR + 6] = np.nan
    found = bad_hours(values)
    assert 6 not in found
    assert {5, 7, 8, 11} <= set(found)


@pytest.mark.long
def test_a_deeper_fall_inside_an_alarm_is_shown_at_once() -> None:
    values = fallen(24)
    values[0, HOUR + 12] = np.round(0.5 * values[0, HOUR + 12])
    watch = Watch(ASKED, SLICES)
    watch.advance(FIRST, values[:, : HOUR + 13])
    assert watch.changes()[0] == pytest.approx(-0.6, abs=0.05)


@pytest.mark.long
def test_an_alarm_that_only_lasts_is_told_if_it_was_told_before() -> None:
    values = fallen(DAYS * 24)
    watch = Watch(ASKED, SLICES)
    watch.advance(FIRST, values[:, : HOUR + 40])
    cells = watch.cells()
    assert not watch.leaves.alarms.is_own[0], "the detector has followed by now"
    assert watch.causes(cells, 5, frozenset({SLICES[0]})) == [0]
    assert watch.causes(cells, 5, frozenset()) == []
