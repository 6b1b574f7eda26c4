import numpy as np
import pytest

from monitor.anomaly.arrays import Floats
from monitor.anomaly.pool import COMMON_CAUSE, Pool, highest
from monitor.anomaly.tail import LEAST_THRESHOLD, Sample, Tail, drawn, least, of_normal
from monitor.anomaly.tail import fit as fit_sample
from monitor.anomaly.tails import LEAST_LEAK, Tails
from tests.anomaly.world import settings

NOTHING = np.zeros(0)


def fit(runs: Floats, per_month: float) -> Tail | None:
    return fit_sample(Sample(runs, NOTHING, NOTHING), per_month)


@pytest.mark.parametrize("kind", ["normal", "student"])
def test_the_threshold_is_exceeded_as_often_as_asked(kind: str) -> None:
    rng = np.random.default_rng(3)
    draw = rng.standard_normal if kind == "normal" else lambda n: rng.standard_t(4, n)
    ratios = []
    for _ in range(30):
        tail = fit(np.maximum(draw(8_000), 0.0), 8_000.0)
        assert tail is not None
        ratios.append(np.sum(draw(80_000) > tail.threshold(10.0)) / 100.0)
    assert 0.5 < np.mean(ratios) < 2.0


def test_rate_and_threshold_are_inverse() -> None:
    tail = fit(np.random.default_rng(5).standard_exponential(2_000), 500.0)
    assert tail is not None
    for budget in (0.1, 1.0, 20.0):
        assert tail.rate(np.array([tail.threshold(budget)]))[0] == pytest.approx(budget, rel=1e-6)


def test_a_higher_score_is_never_more_frequent() -> None:
    tail = fit(np.random.default_rng(5).standard_exponential(2_000), 500.0)
    assert tail is not None
    rates = tail.rate(np.linspace(0, 30, 500))
    assert np.all(np.diff(rates) <= 1e-9)
    assert rates[0] == pytest.approx(500.0, rel=0.01)


def test_too_few_scores_say_nothing() -> None:
    assert fit(np.arange(19.0), 10.0) is None


def test_scores_that_are_all_zero_keep_the_least_threshold() -> None:
    tail = fit(np.zeros(100), 100.0)
    assert tail is not None
    assert tail.threshold(1.0) == least(0.01)


def test_what_must_be_rare_is_never_within_two_spreads() -> None:
    # An hourly series alone with a small budget, and a daily one with a large one.
    assert least(0.05 / 120.0) == LEAST_THRESHOLD
    assert 1.2 < least(0.5 / 30.0) < 1.4
    assert least(1.0) == 1.0


def test_the_budget_of_a_daily_series_alone_is_not_cut_by_the_least_threshold() -> None:
    rng, thresholds = np.random.default_rng(3), []
    for _ in range(200):
        # Spreads are drawn towards the safe side: the scores are those of 0.8 of one.
        tail = fit(np.maximum(0.8 * rng.standard_normal(112), 0.0), 30.0)
        assert tail is not None
        thresholds.append(tail.threshold(0.5))
    assert 0.8 * 2.13 < np.median(thresholds) < 2.0


def test_a_budget_that_allows_less_than_two_spreads_does_so_for_buckets_and_not_for_leaks() -> None:
    tail = fit(np.maximum(0.8 * np.random.default_rng(3).standard_normal(112), 0.0), 30.0)
    assert tail is not None
    tails = Tails(settings(budget=1.0), tail, tail)
    assert tails.threshold == tail.threshold(0.5) < LEAST_LEAK
    assert tails.leak_threshold == LEAST_LEAK


def test_an_incident_of_all_slices_does_not_teach_the_tail() -> None:
    rng = np.random.default_rng(9)
    quiet, hit = Pool(1.0, 1.0), Pool(1.0, 1.0)
    for day in range(30):
        runs = np.abs(rng.standard_normal((10 * COMMON_CAUSE, 4)))
        quiet.add(runs, 6.0)
        hit.add(runs + 20.0 * (day == 25), 6.0)
    before, after = quiet.tail(), hit.tail()
    assert before is not None
    assert after is not None
    assert after.threshold(1.0) == pytest.approx(before.threshold(1.0), rel=0.05)


def test_a_long_incident_of_one_slice_hardly_moves_the_threshold() -> None:
    rng = np.random.default_rng(9)
    quiet, hit = Pool(1.0, 1.0), Pool(1.0, 1.0)
    for day in range(50):
        runs = np.abs(rng.standard_normal((1, 4)))
        quiet.add(runs, 5.0)
        hit.add(runs + 20.0 * (day > 45), 5.0)
    before, after = quiet.tail(), hit.tail()
    assert before is not None
    assert after is not None
    assert after.threshold(1.0) < 3.0 * before.threshold(1.0)


def test_a_run_is_the_highest_score_of_its_six_hours() -> None:
    score = np.array([[0.0, 3.0, 1.0, np.nan, np.nan]])
    np.testing.assert_array_equal(highest(score, 2), [[3.0, 1.0, np.nan]])


def test_few_runs_are_not_carried_on_as_if_their_body_were_a_tail() -> None:
    rng, thresholds = np.random.default_rng(3), []
    for _ in range(200):
        tail = fit(np.maximum(rng.standard_normal(56), 0.0), 30.0)
        assert tail is not None
        thresholds.append(tail.threshold(0.5))
    # The normal law passes 2.13 once in sixty runs.
    assert 2.13 < np.median(thresholds) < 2.6
    assert np.quantile(thresholds, 0.9) < 2.9


def test_a_scale_above_the_likely_one_is_believed_later_than_one_below() -> None:
    above, below = drawn(3.0, 1.0, 15.0), drawn(1.0 / 3.0, 1.0, 15.0)
    assert 1.0 < above < 1.0 / below < 3.0
    for own in (3.0, 1.0 / 3.0):
        few, many = drawn(own, 1.0, 3.0), drawn(own, 1.0, 400.0)
        assert abs(np.log(few)) < 0.3 * abs(np.log(own))
        assert abs(np.log(many)) > 0.97 * abs(np.log(own))


def test_scores_that_depend_on_each_other_must_be_more_and_say_less() -> None:
    rng, plain = np.random.default_rng(9), Pool(1.0, 1.0)
    leaky = Pool(1.0, 1.0, enough=28, dependent=5.0)
    for day in range(28):
        assert leaky.tail() is None, f"after {day} days"
        runs = 3.0 * np.abs(rng.standard_normal((1, 1)))
        plain.add(runs, np.nan)
        leaky.add(runs, np.nan)
    alone, together = plain.tail(), leaky.tail()
    assert alone is not None
    assert together is not None
    likely, _ = of_normal(alone.start)
    assert abs(np.log(together.scale / likely)) < abs(np.log(alone.scale / likely))
