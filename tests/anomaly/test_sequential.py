import math

import numpy as np
import pytest

from monitor.anomaly import sequential
from monitor.anomaly.sequential import Arm, Verdict
from tests.often import often

RUNS = often(40, 400)
LOOKS = 14 * 24


def split_paths(share: float, per_hour: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.cumsum(rng.binomial(per_hour, share, (RUNS, LOOKS)), axis=1)


def ever_broken(share: float, per_hour: int, alpha: float) -> list[int | None]:
    """Return the first look (in hours) at which the split is called broken, run by run."""
    bound = -math.log(alpha)
    first: list[int | None] = []
    for path in split_paths(share, per_hour, 5):
        looks = (
            hour
            for hour, count in enumerate(path, start=1)
            if sequential.split_evidence([count, hour * per_hour - count], [0.5, 0.5]) >= bound
        )
        first.append(next(looks, None))
    return first


def test_a_sound_split_is_hardly_ever_called_broken_in_two_weeks_of_hourly_looks() -> None:
    broken = [one for one in ever_broken(0.5, 2000, 0.05) if one is not None]
    assert len(broken) <= 0.05 * RUNS


def test_a_split_of_51_to_49_is_found_within_two_days() -> None:
    found = [one for one in ever_broken(0.51, 2000, 0.01) if one is not None]
    assert len(found) == RUNS
    assert np.median(found) <= 48


def opt_outs(lift: float, seed: int) -> list[int | None]:
    """Return the first hour at which +lift in a 1 % opt-out rate is called harm, run by run."""
    rng = np.random.default_rng(seed)
    users = 20_000
    control = np.cumsum(rng.binomial(users, 0.01, (RUNS, LOOKS)), axis=1)
    variant = np.cumsum(rng.binomial(users, 0.01 * (1 + lift), (RUNS, LOOKS)), axis=1)
    first: list[int | None] = []
    for a, b in zip(control, variant, strict=True):
        looks = (
            hour for hour in range(1, LOOKS + 1) if is_harm(a[hour - 1], b[hour - 1], hour * users)
        )
        first.append(next(looks, None))
    return first


def is_harm(control: float, variant: float, users: float) -> bool:
    a, b = Arm.of_share(users, control), Arm.of_share(users, variant)
    found = sequential.compare(a, b, 0.1 * a.ratio, 0.05)
    assert found is not None
    return sequential.verdict(found, 0.1 * a.ratio, is_up_bad=True) is Verdict.HARM


def test_equal_variants_keep_the_level_under_hourly_looks() -> None:
    wrong = [one for one in opt_outs(0.0, 3) if one is not None]
    assert len(wrong) <= 0.05 * RUNS


def test_ten_percent_more_opt_outs_are_found_within_nine_hours() -> None:
    found = [one if one is not None else LOOKS for one in opt_outs(0.1, 4)]
    assert np.median(found) <= 9


def test_the_delta_method_agrees_with_the_spread_of_many_experiments() -> None:
    rng = np.random.default_rng(2)
    ratios, told = [], []
    for _ in range(300):
        bottom = rng.poisson(3.0, 2000) + 1.0
        top = bottom * rng.gamma(2.0, 1.0, 2000)
        sums = [float(one.sum()) for one in (top, top**2, bottom, bottom**2, top * bottom)]
        arm = Arm(2000.0, *sums)
        ratios.append(arm.ratio)
        told.append(arm.variance)
    assert np.mean(told) == pytest.approx(np.var(ratios), rel=0.2)


@pytest.mark.parametrize("fall", [0.01, 0.02, 0.1, 0.25, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("units", [2e4, 2e6, 2e9])
def test_the_direction_is_certain_however_strong_the_evidence_is(fall: float, units: float) -> None:
    """Evidence for a fall is never evidence for a rise, and grows with the fall."""
    was, fell = (
        Arm.of_mean(units, units * mean, units * (mean**2 + 4.0)) for mean in (2.0, 2.0 - fall)
    )
    there = sequential.compare(was, fell, 0.1, 0.05)
    back = sequential.compare(fell, was, 0.1, 0.05)
    assert there is not None
    assert back is not None
    assert there.down > there.up
    assert there.up < math.log(2.0)
    assert (back.up, back.down) == (there.down, there.up)
    said = [sequential.verdict(there, 0.1, is_up_bad=is_up_bad) for is_up_bad in (False, True)]
    if there.down >= -math.log(there.alpha):
        assert said == [Verdict.HARM, Verdict.BETTER]


def test_far_evidence_goes_on_where_the_near_one_ends() -> None:
    near, far = (sequential._log_erfc(x) for x in (sequential.FAR - 1e-9, sequential.FAR))
    assert far == pytest.approx(near, rel=1e-6)


def test_the_band_narrows_to_what_was_promised() -> None:
    growth = sequential.growth_until(0.001, 1e-6, 0.001, 0.05)
    assert growth > 1
    assert sequential.half_width(1e-6 / growth, 0.001, 0.1) == pytest.approx(0.001, rel=1e-3)


def test_nothing_to_compare_is_no_difference() -> None:
    flat = Arm.of_share(1000, 0)
    assert sequential.compare(flat, flat, 0.1, 0.05) is None
