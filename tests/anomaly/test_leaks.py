import numpy as np
import pytest

from monitor.anomaly.leaks import LEADS, LINE, RECENT, SETTLE, WAIT, Leaks
from monitor.anomaly.replay import replay
from tests.anomaly.world import business, series, settings

DAY = 24


def filled(slices: int, days: int) -> Leaks:
    """Return leaks that know so many days of levels that only vary by 3 %."""
    leaks, rng = Leaks(slices), np.random.default_rng(5)
    for block in range(days):
        leaks.add(block, rng.normal(8.0, 0.03, slices))
    return leaks


def test_the_spread_of_a_day_is_known_to_a_tenth() -> None:
    spread = filled(2000, LINE + RECENT).line(LINE + RECENT - 1).spread
    assert abs(np.mean(spread) / 0.03 - 1.0) < 0.05
    assert np.std(spread) / np.mean(spread) < 0.12


def test_a_line_of_few_days_is_less_certain() -> None:
    few, many = (filled(1, days).line(days - 1).common[0] for days in (42, LINE + RECENT))
    assert few > 1.3 * many


def taught(leaks: Leaks, lasts_at: int, blocks: int) -> list[float]:
    """Return what each block teaches, where the score of a block is its number."""
    return [
        float(leaks.taught(block, np.array([float(block)]), np.array([block == lasts_at]))[0])
        for block in range(blocks)
    ]


def test_the_days_before_a_lasting_step_teach_no_tail() -> None:
    alarm = 20
    found = taught(Leaks(1), alarm + SETTLE, 40)[WAIT:]
    missing = np.flatnonzero(np.isnan(found)).tolist()
    assert missing == list(range(alarm - LEADS, alarm))


def test_the_days_before_an_alarm_that_came_to_nothing_teach_the_tail() -> None:
    assert taught(Leaks(1), -1, 40)[WAIT:] == [float(n) for n in range(40 - WAIT)]


@pytest.mark.long
def test_a_rise_does_not_hide_the_leak_after_it() -> None:
    values = business(10, 80)
    begin = 70 * DAY
    values[0, begin + 2 : begin + 5] *= 2.0
    age = np.arange(values.shape[1] - begin) // DAY + 1
    values[0, begin:] = np.round(values[0, begin:] * 0.98 ** np.minimum(age, 10))
    judged = replay(series(values), settings(budget=1.0))
    assert judged.is_anomaly[0, begin : begin + 4 * DAY].any()


@pytest.mark.long
def test_an_alarm_downward_is_not_told_once_more_as_a_leak() -> None:
    values = business(10, 80)
    begin = 70 * DAY
    values[0, begin:] = np.round(0.8 * values[0, begin:])
    judged = replay(series(values), settings(budget=1.0))
    ends = np.arange(begin + 2 * DAY - 1, begin + 10 * DAY, DAY)
    assert judged.is_anomaly[0, begin : begin + DAY].any()
    assert not judged.is_anomaly[0, ends].any()


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_what_alarmed_both_ways_on_one_day_is_no_leak_either_way(sign: float) -> None:
    leaks, today = filled(1, LINE + RECENT), LINE + RECENT
    for toward in (-1, 1):
        leaks.hear(today, np.array([True]), np.array([toward]))
    line = leaks.line(today)
    assert leaks.is_loud(today + SETTLE, line, sign).all()
    assert not leaks.is_loud(today + SETTLE + 1, line, sign).any()


def story(levels: list[float], toward: int) -> list[tuple[float, bool]]:
    """Live through days that are so far from usual, with an alarm on the first of them.

    Returns for each day by how much the past was moved, and whether a rise was told already.
    """
    leaks, begin = filled(1, LINE + RECENT), LINE + RECENT
    found = []
    for block, level in enumerate(levels, begin):
        leaks.add(block, np.array([8.0 + level]))
        by = leaks.settle(block, leaks.line(block))
        if block == begin:
            leaks.hear(block, np.array([True]), np.array([toward]))
        found.append((float(by[0]), bool(leaks.is_loud(block, leaks.line(block), 1.0)[0])))
        leaks.mark(block, np.array([block == begin]), np.array([toward if block == begin else 0]))
    return found


FALL = [-0.3] * (SETTLE + 1)


def test_the_way_back_from_an_incident_is_no_leak() -> None:
    after = story([*FALL, -0.2, -0.1, 0.0, 0.0], toward=-1)[len(FALL) :]
    assert all(told for _, told in after)


def test_the_past_moves_back_with_what_was_an_incident() -> None:
    moved = [by for by, _ in story([*FALL, -0.2, -0.1, 0.0, 0.0], toward=-1)]
    assert min(moved) == pytest.approx(-0.3, abs=0.05)
    assert sum(moved) == pytest.approx(0.0, abs=0.05)


def test_a_rise_beyond_the_way_back_is_a_leak() -> None:
    *_, (_, is_told) = story([*FALL, -0.1, 0.2], toward=-1)
    assert not is_told


def test_a_level_that_no_alarm_has_told_has_no_way_back() -> None:
    *_, (_, is_told) = story([*FALL, -0.1], toward=0)
    assert not is_told
