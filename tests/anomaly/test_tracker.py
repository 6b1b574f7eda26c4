import numpy as np

from monitor.anomaly.arrays import Bools, Floats
from monitor.anomaly.detector import Detector
from monitor.anomaly.replay import advance
from tests.anomaly.world import business, settings

DAYS = 42


def is_guarded(values: Floats) -> Bools:
    """Return which slices must also be unusual for their month, after they were lived through."""
    detector = Detector(settings(), len(values))
    for _ in advance(detector, 0, values):
        pass
    guarded: Bools = detector.parts[0].tracker.weak
    return guarded


def test_small_counts_are_not_structureless_for_being_counts() -> None:
    assert not is_guarded(business(10, DAYS, volume=10.0)).any()


def test_a_season_that_explains_less_than_half_does_not_do_without_the_month() -> None:
    rng, hours = np.random.default_rng(4), np.arange(DAYS * 24)
    season = 0.5 * np.cos(2 * np.pi * hours / 24)
    values = np.exp(season + rng.normal(0, [[0.05], [0.22], [0.5]], (3, len(hours))))
    assert is_guarded(values).tolist() == [False, True, True]
