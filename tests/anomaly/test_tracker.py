from dataclasses import replace

import numpy as np
import pytest

from monitor.anomaly.arrays import Bools, Floats
from monitor.anomaly.detector import Detector
from monitor.anomaly.learned import WILD
from monitor.anomaly.replay import advance
from monitor.anomaly.score import AWAY, WINDOW
from tests.anomaly.world import business, settings

DAYS = 42


def is_guarded(values: Floats) -> Bools:
    """Return which slices must also be unusual for their month, after they were lived through."""
    detector = Detector(settings(), len(values))
    for _ in advance(detector, 0, values):
        pass
    guarded: Bools = detector.parts[0].tracker.weak
    return guarded


@pytest.mark.long
def test_small_counts_are_not_structureless_for_being_counts() -> None:
    assert not is_guarded(business(10, DAYS, volume=10.0)).any()


@pytest.mark.long
def test_a_season_that_explains_less_than_half_does_not_do_without_the_month() -> None:
    rng, hours = np.random.default_rng(4), np.arange(DAYS * 24)
    season = 0.5 * np.cos(2 * np.pi * hours / 24)
    values = np.exp(season + rng.normal(0, [[0.05], [0.22], [0.5]], (3, len(hours))))
    assert is_guarded(values).tolist() == [False, True, True]


@pytest.mark.long
@pytest.mark.parametrize(("slices", "most"), [(1, 1.0), (2, AWAY)])
def test_alone_a_jump_counts_for_no_more_than_its_distance_is_unusual(
    slices: int, most: float
) -> None:
    rng, hours, last = np.random.default_rng(4), DAYS * 24, DAYS * 24 - 12
    away = np.zeros((slices, hours))
    for hour in range(1, last):
        away[:, hour] = 0.9 * away[:, hour - 1] + rng.normal(0, 0.02, slices)
    away[:, last - 6 : last] = np.linspace(away[:, last - 7], -0.2, 6).T
    away[:, last:] = 0.02
    detector = Detector(replace(settings("up"), is_steady=True), slices)
    *_, (lo, judged) = advance(detector, 0, 100.0 * np.exp(away))
    tracker, at = detector.parts[0].tracker, last - lo
    spread, far = tracker.spread[:, WINDOW + at], (tracker.y - tracker.center)[:, WINDOW + at]
    wide = spread / np.sqrt(1.0 - tracker.phi**2) if slices == 1 else spread
    assert (tracker.surprise[:, WINDOW + at] / spread > most * far / wide).all()
    # The echo was learned once more when that day was over.
    np.testing.assert_allclose(judged.score[:, at], most * far / wide, rtol=0.05)


@pytest.mark.long
def test_a_jump_back_to_what_is_usual_is_no_anomaly_and_teaches_nothing() -> None:
    rng, hours, last = np.random.default_rng(4), DAYS * 24, DAYS * 24 - 12
    away = np.zeros(hours)
    for hour, step in enumerate(rng.normal(0, 0.02, hours - 1), 1):
        away[hour] = 0.9 * away[hour - 1] + step
    away[last - 6 : last] = np.linspace(away[last - 7], -0.2, 6)
    away[last:] = 0.0
    detector = Detector(settings("both"), 1)
    *_, (lo, judged) = advance(detector, 0, 100.0 * np.exp(away)[None])
    tracker, at = detector.parts[0].tracker, last - lo
    assert abs(np.log(judged.value[0, at] / judged.expected[0, at])) < 0.05
    assert tracker.surprise[0, WINDOW + at] > WILD * tracker.spread[0, WINDOW + at]
    assert judged.score[0, at] < 2.0
    assert tracker.wildness[0, WINDOW + at] > WILD
