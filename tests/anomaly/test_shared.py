import numpy as np
import pytest

from monitor.anomaly.arrays import Floats
from monitor.anomaly.detector import Detector
from monitor.anomaly.series import bucket_number
from monitor.anomaly.shared import LEAST_SLICES, Common, share, unlikeness
from tests.anomaly.world import START, settings

DAY, DAYS, LEARNED = 24, 60, 45
ASKED = settings(budget=4.0)
FIRST = bucket_number(START, ASKED)


def rates(volumes: list[float], seed: int = 3, other: int = 0) -> Floats:
    """Return the rates of slices that live one week; the last `other` ones live another."""
    rng, hour = np.random.default_rng(seed), np.arange(DAYS * DAY)
    angle = 2 * np.pi * (hour % DAY) / DAY
    weekend = (hour // DAY) % 7 >= 5
    one = 0.6 * np.cos(angle) + 0.2 * np.cos(2 * angle) - 0.4 * weekend
    another = 0.6 * np.cos(angle - 3.0) + 0.3 * weekend
    place = np.arange(len(volumes))[:, None] >= len(volumes) - other
    noise = rng.normal(0, 0.02, (len(volumes), len(hour)))
    found: Floats = np.array(volumes)[:, None] * np.exp(np.where(place, another, one) + noise)
    return found


def counts(rate: Floats) -> Floats:
    return np.random.default_rng(4).poisson(rate).astype(np.float64)


def usual(values: Floats, sizes: Floats | None = None) -> Floats:
    """Return what was expected of each bucket after the first weeks."""
    detector, found = Detector(ASKED, len(values)), []
    for day in range(DAYS):
        span = slice(day * DAY, (day + 1) * DAY)
        some = None if sizes is None else sizes[:, span]
        found.append(detector.advance(FIRST + day * DAY, values[:, span], some).usual)
    return np.concatenate(found[LEARNED:], axis=1)


def alone(values: Floats, sizes: Floats | None = None) -> Floats:
    """Return the same of slices that are too few, two by two, to share a shape."""
    parts = [slice(i, i + 2) for i in range(0, len(values), 2)]
    assert LEAST_SLICES > 2
    return np.concatenate([usual(values[i], None if sizes is None else sizes[i]) for i in parts])


def error(found: Floats, rate: Floats) -> float:
    """Return the mean squared distance of what was expected from the truth, as logarithms."""
    return float(np.mean(np.log(found / rate[:, LEARNED * DAY :]) ** 2))


RATE = rates([50.0] * 8 + [50_000.0] * 2 + [50.0, 5.0], other=2)
SMALL, LARGE, OTHER = slice(0, 8), slice(8, 10), slice(10, 12)


@pytest.fixture(scope="module")
def found() -> tuple[Floats, Floats]:
    """Return what is expected of all slices together, and two by two."""
    values = counts(RATE)
    return usual(values), alone(values)


@pytest.mark.long
def test_small_slices_of_one_week_are_foretold_better_together(
    found: tuple[Floats, Floats],
) -> None:
    together, apart = (error(one[SMALL], RATE[SMALL]) for one in found)
    assert together < 0.7 * apart


@pytest.mark.long
def test_large_slices_stay_as_they_are_to_the_last_bit(found: tuple[Floats, Floats]) -> None:
    np.testing.assert_array_equal(found[0][LARGE], found[1][LARGE])


@pytest.mark.long
def test_slices_of_another_week_are_foretold_as_well_as_alone(
    found: tuple[Floats, Floats],
) -> None:
    together, apart = (error(one[OTHER], RATE[OTHER]) for one in found)
    assert together < 1.02 * apart


@pytest.mark.long
def test_a_small_rate_is_drawn_by_its_denominator() -> None:
    shown = np.full((4, DAYS * DAY), 400.0)
    rate = np.minimum(0.1 * rates([1.0] * 4), 0.9)
    opted = np.random.default_rng(6).binomial(400, rate) / 400.0
    together, apart = usual(opted, shown), alone(opted, shown)
    assert error(together, rate) < 0.85 * error(apart, rate)


@pytest.mark.long
def test_hours_one_by_one_and_a_day_at_once_agree_to_the_last_bit() -> None:
    values = counts(rates([30.0] * 5))
    by_day, by_hour = Detector(ASKED, 5), Detector(ASKED, 5)
    for lo in range(0, LEARNED * DAY, DAY):
        for one in (by_day, by_hour):
            one.learn(FIRST + lo, values[:, lo : lo + DAY])
    assert (by_day.parts[0].tracker.share > 0.3).all()
    for lo in range(LEARNED * DAY, (LEARNED + 2) * DAY, DAY):
        whole = by_day.advance(FIRST + lo, values[:, lo : lo + DAY]).usual
        hours = [by_hour.advance(FIRST + h, values[:, [h]]).usual for h in range(lo, lo + DAY)]
        np.testing.assert_array_equal(whole, np.concatenate(hours, axis=1))


@pytest.mark.long
def test_the_order_of_small_slices_does_not_matter() -> None:
    values = counts(rates([30.0, 40.0, 50.0, 60.0, 70.0]))
    np.testing.assert_array_equal(usual(values), usual(values[::-1])[::-1])


@pytest.mark.parametrize(
    ("noise", "own", "common", "low", "high"),
    [
        (0.02, 0.0225, 0.0200, 0.75, 1.0),  # foretold as well as if the own shape had no blur
        (0.02, 0.0225, 0.0325, 0.0, 0.0),  # unlike
        (0.0001, 0.01, 0.01, 0.0, 0.0),  # nothing to mend
        (0.0, 0.01, 0.005, 0.0, 0.0),  # nothing is counted
        (0.02, np.nan, np.nan, 0.0, 0.0),  # nothing is known
    ],
)
def test_the_common_shape_counts_as_far_as_counting_blurs_and_it_has_foretold(
    noise: float, own: float, common: float, low: float, high: float
) -> None:
    blur = np.array([noise / 8])
    found = share(blur, unlikeness(blur, np.array([own]), np.array([common])))
    assert low <= found[0] <= high


def test_a_small_count_has_a_flatter_shape() -> None:
    plain = np.array([-1.0, 0.0, 1.0])
    levels = np.arange(-4.0, 14.0, 0.25)
    logs = np.log1p(np.exp(levels[:, None] + plain))
    common = Common(logs, logs.mean(axis=1), plain)
    small, large = common.shape(np.array([0.7, 9.0]), np.array([True, True]), 0, 3)
    assert large[2] - large[0] == pytest.approx(2.0, abs=0.01)
    assert small[2] - small[0] < 1.5
