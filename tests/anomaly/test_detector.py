from dataclasses import replace
from datetime import date, timedelta
from typing import Literal

import numpy as np
import pytest

from monitor.anomaly.model import Learning, Missing, Point, Series
from monitor.anomaly.replay import judge_latest, replay
from tests.anomaly.world import START, at, business, series, settings, undisturbed
from tests.often import often

DAYS = 42
LAST = DAYS * 24 - 1


def point(answer: Point | Learning | Missing) -> Point:
    assert isinstance(answer, Point), answer
    return answer


@pytest.mark.long
@pytest.mark.parametrize("hour", often([LAST], [15 * 24 + 3, 22 * 24 + 9, 30 * 24, LAST]))
def test_judging_the_newest_bucket_agrees_exactly_with_the_replay(hour: int) -> None:
    given = series(business(5, DAYS))
    judged = undisturbed(5, DAYS)
    for row, answer in enumerate(judge_latest(given, settings(), at(hour))):
        if isinstance(answer, Learning):
            assert np.isnan(judged.score[row, hour])
            continue
        found = point(answer)
        assert found.score == judged.score[row, hour]
        assert found.expected == judged.expected[row, hour]
        assert (found.low, found.high) == (judged.low[row, hour], judged.high[row, hour])
        assert found.is_anomaly == judged.is_anomaly[row, hour]


@pytest.mark.long
@pytest.mark.parametrize("drop", often([0.2], [0.2, 0.4]))
def test_a_six_hour_drop_of_one_slice_is_found(drop: float) -> None:
    values = business(8, DAYS)
    clean = undisturbed(8, DAYS).is_anomaly
    hour = 38 * 24 + 9
    values[3, hour : hour + 6] *= 1 - drop
    found = replay(series(np.round(values)), settings(), START)
    assert not clean[:, hour : hour + 6].any()
    assert found.is_anomaly[3, hour : hour + 6].any()
    assert not np.delete(found.is_anomaly, 3, axis=0)[:, hour : hour + 6].any()


def test_a_drop_is_shown_at_its_size_until_its_last_hour() -> None:
    values = business(8, DAYS)
    hour = 38 * 24 + 9
    values[3, hour : hour + 6] = np.round(0.6 * values[3, hour : hour + 6])
    found = point(judge_latest(series(values), settings(), at(hour + 5))[3])
    assert found.is_anomaly
    assert found.deviation == pytest.approx(-0.4, abs=0.08)
    assert found.value < found.low < found.expected < found.high
    assert found.once_in is not None
    assert found.once_in > timedelta(days=30)
    assert found.season == "weekly"


@pytest.mark.long
def test_a_drop_that_is_over_is_not_told_again() -> None:
    values = business(8, DAYS)
    hour = 38 * 24 + 9
    values[:, hour : hour + 6] = np.round(0.7 * values[:, hour : hour + 6])
    found = replay(series(values), settings(), START)
    assert found.is_anomaly[:, hour : hour + 6].all()
    # Noise alone may still reach the budget in one of the 48 buckets.
    assert np.sum(found.is_anomaly[:, hour + 6 : hour + 12]) <= 1


@pytest.mark.long
@pytest.mark.parametrize(("bad", "factor"), [("down", 2.0), ("up", 0.3)])
def test_the_good_direction_is_never_an_alarm(bad: Literal["down", "up"], factor: float) -> None:
    values = business(4, DAYS)
    before = undisturbed(4, DAYS, bad).is_anomaly
    hour = 38 * 24
    values[:, hour] = np.round(values[:, hour] * factor)
    after = replay(series(values), settings(bad), START)
    assert not after.is_anomaly[:, hour].any()
    assert np.all(after.score[:, hour] == 0.0)
    echo = after.is_anomaly[:, hour : hour + 24] & ~before[:, hour : hour + 24]
    assert not echo.any()


def test_a_missing_bucket_is_missing_and_never_a_drop() -> None:
    values = business(2, DAYS)
    values[0, LAST] = np.nan
    values[1, LAST] = -5.0
    first, second = judge_latest(series(values), settings("both"), at(LAST))
    assert first == Missing(at(LAST), "no rows")
    assert second == Missing(at(LAST), "no number (null, NaN, infinite or negative)")


@pytest.mark.long
def test_a_slice_that_ended_is_missing() -> None:
    values = business(2, DAYS)
    given = series(values)
    given[0] = replace(given[0], values=values[0, : LAST - 5])
    answers = judge_latest(given, settings(), at(LAST))
    assert isinstance(answers[0], Missing)
    assert isinstance(answers[1], Point)


@pytest.mark.parametrize(
    ("days", "reason"),
    [
        (10, "has 10 days of history; needs 14 (a weekly season 21)"),
        (18, "has 18 days of history; a weekly season needs 21"),
    ],
)
def test_a_young_slice_is_learning_and_says_what_it_needs(days: int, reason: str) -> None:
    given = series(business(3, days + 1))
    assert judge_latest(given, settings(), at(days * 24)) == [Learning(at(days * 24), reason)] * 3


def test_a_daily_season_is_judged_after_14_days() -> None:
    values = business(6, 16)
    weekday = values.reshape(6, 16, 24)[:, :5].mean(axis=1)
    rng = np.random.default_rng(1)
    values = rng.poisson(np.tile(weekday, 16)).astype(np.float64)
    answer = point(judge_latest(series(values), settings(), at(15 * 24))[0])
    assert answer.season == "daily"


@pytest.mark.long
def test_a_new_slice_among_old_ones_learns_alone() -> None:
    values = business(3, DAYS)
    values[0, : 35 * 24] = np.nan
    answers = judge_latest(series(values), settings(), at(LAST))
    assert isinstance(answers[0], Learning)
    assert isinstance(answers[1], Point)


@pytest.mark.long
def test_a_slice_with_too_many_gaps_is_learning() -> None:
    values = business(2, DAYS)
    values[0, 25 * 24 : 41 * 24] = np.nan
    answer = judge_latest(series(values), settings(), at(LAST))[0]
    assert isinstance(answer, Learning)
    assert "less than half of the buckets" in answer.reason


@pytest.mark.long
def test_a_bucket_expected_below_the_minimum_is_not_judged() -> None:
    values = business(2, DAYS, volume=20.0)
    values[:, LAST] = 0.0
    found = point(judge_latest(series(values), settings(min_value=100.0), at(LAST))[0])
    assert not found.is_anomaly
    assert found.once_in is None
    assert "less than min_value 100 is expected: not judged" in found.note


def test_the_season_is_earned() -> None:
    rng = np.random.default_rng(2)
    flat = rng.poisson(1000, DAYS * 24).astype(np.float64)
    given = series(np.vstack([business(1, DAYS), flat]))
    seasons = [point(answer).season for answer in judge_latest(given, settings(), at(LAST))]
    assert seasons == ["weekly", "none"]


@pytest.mark.long
def test_a_known_holiday_is_judged_wider_and_says_so() -> None:
    values = business(4, DAYS)
    day = slice(40 * 24, 41 * 24)
    values[:, day] = np.round(0.75 * values[:, day])
    known = replace(settings(), holidays=frozenset({date(2026, 2, 14)}))
    assert at(40 * 24).date() in known.holidays
    asked = at(40 * 24 + 12)
    plain, wide = (point(judge_latest(series(values), s, asked)[0]) for s in (settings(), known))
    assert wide.score < plain.score / 2
    assert "holiday" in wide.note


@pytest.mark.long
def test_a_lasting_shift_is_told_and_then_becomes_normal() -> None:
    values = business(6, 56)
    shift = 45 * 24
    values[2, shift:] = np.round(0.8 * values[2, shift:])
    alarms = replay(series(values), settings(), START).is_anomaly[2]
    assert alarms[shift : shift + 6].any()
    assert not alarms[shift + 72 :].any()


@pytest.mark.long
def test_a_slow_common_incident_does_not_blind_the_check() -> None:
    values = business(12, 56)
    values[:, 45 * 24 : 46 * 24] = np.round(0.3 * values[:, 45 * 24 : 46 * 24])
    judged = replay(series(values), settings(), START)
    assert judged.threshold[-1] < 1.3 * judged.threshold[44 * 24]


def test_no_slices_and_no_history_are_no_error() -> None:
    assert judge_latest([], settings(), START) == []
    empty = Series((), START, np.array([]))
    assert isinstance(judge_latest([empty], settings(), START)[0], Missing)
    assert replay([empty], settings(), START).score.shape == (1, 0)


@pytest.mark.long
def test_daily_counts_are_judged_by_weekday() -> None:
    values = business(6, 140).reshape(6, 140, 24).sum(axis=2)
    daily = settings(bucket=timedelta(days=1))
    values[1, -1] = np.round(0.6 * values[1, -1])
    answers = judge_latest(series(values), daily, START + timedelta(days=139))
    assert point(answers[1]).is_anomaly
    assert not point(answers[0]).is_anomaly
    assert point(answers[0]).season == "weekly"


@pytest.mark.long
def test_a_clock_change_is_no_anomaly() -> None:
    hours = np.arange(DAYS * 24)
    # START is 5 January; shift the local hour by one from the change of 29 March on.
    given = series(business(1, 1))
    start = given[0].start.replace(month=3, day=1)
    change = (28 * 24) + 1
    local = (hours + 1 + (hours >= change)) % 24
    rng = np.random.default_rng(4)
    values = rng.poisson(5000 * np.exp(np.cos(2 * np.pi * local / 24))).astype(np.float64)
    berlin = [Series((), start, values)]
    after = slice(change, change + 48)
    aware = replay(berlin, settings("both", timezone="Europe/Berlin"), start)
    unaware = replay(berlin, settings("both", timezone="UTC"), start)
    assert not aware.is_anomaly[0, after].any()
    assert unaware.is_anomaly[0, after].any()
