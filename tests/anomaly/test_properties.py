import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from monitor.anomaly.model import Learning, Missing, Point
from monitor.anomaly.replay import judge_latest, replay
from monitor.anomaly.series import regular
from tests.anomaly.world import START, at, business, series, settings
from tests.often import often

DAYS = 30
FEW = often(1, 8)
"""Examples by this factor: few all day, many in CI."""
WILD = st.one_of(
    st.floats(0, 1e12), st.sampled_from([0.0, np.nan, np.inf, -np.inf, -1.0, 1e-300, 1e300])
)


@pytest.mark.long
@limits(max_examples=4 * FEW)
@given(
    cut=st.integers(15 * 24, DAYS * 24 - 1),
    future=arrays.arrays(np.float64, (2, 48), elements=WILD),
)
def test_changing_the_future_never_changes_a_past_score(cut: int, future: np.ndarray) -> None:
    values = business(2, DAYS)
    changed = values.copy()
    width = min(48, DAYS * 24 - cut)
    changed[:, cut : cut + width] = future[:, :width]
    before = replay(series(values), settings("both"), START)
    after = replay(series(changed), settings("both"), START)
    for name in ("score", "expected", "low", "high", "is_anomaly", "threshold"):
        old, new = getattr(before, name), getattr(after, name)
        np.testing.assert_array_equal(old[..., :cut], new[..., :cut], err_msg=name)


@pytest.mark.long
@limits(max_examples=4 * FEW)
@given(
    values=arrays.arrays(np.float64, (2, 24 * 23), elements=WILD, fill=st.just(7.0)),
    bad=st.sampled_from(["down", "up", "both"]),
)
def test_no_input_raises_and_every_answer_is_one_of_three(values: np.ndarray, bad: str) -> None:
    asked = settings(bad)  # type: ignore[arg-type]  # hypothesis draws plain text
    for row, answer in enumerate(judge_latest(series(values), asked, at(values.shape[1] - 1))):
        assert isinstance(answer, Point | Learning | Missing)
        if isinstance(answer, Point):
            assert answer.score >= 0
            assert np.isfinite([answer.expected, answer.low, answer.high, answer.score]).all()
            assert answer.low <= answer.expected <= answer.high
        unknown = not (np.isfinite(values[row, -1]) and values[row, -1] >= 0)
        assert isinstance(answer, Missing) == unknown


@pytest.mark.long
@limits(max_examples=3 * FEW)
@given(
    value=st.one_of(st.integers(0, 10**9).map(float), st.floats(1e-6, 1e9)),
    holes=st.lists(st.integers(0, DAYS * 24 - 1), max_size=50),
    bad=st.sampled_from(["down", "up", "both"]),
)
def test_a_constant_is_never_an_alarm(value: float, holes: list[int], bad: str) -> None:
    values = np.full((2, DAYS * 24), value)
    values[1, holes] = np.nan
    values[0, holes] = -1.0
    asked = settings(bad, budget=100.0)  # type: ignore[arg-type]
    assert not replay(series(values), asked, START).is_anomaly.any()


@pytest.mark.long
@limits(max_examples=6 * FEW)
@given(rows=st.lists(st.tuples(st.integers(0, 24 * 30), st.one_of(st.none(), WILD)), max_size=30))
def test_few_unordered_duplicated_rows_are_never_an_alarm(
    rows: list[tuple[int, float | None]],
) -> None:
    made = regular(((at(hour), value) for hour, value in rows), (), settings())
    assert not replay([made.series], settings("both"), START).is_anomaly.any()


def test_one_point_is_never_an_alarm() -> None:
    answer = judge_latest(series(np.array([[5.0]])), settings("both"), START)[0]
    assert isinstance(answer, Learning)


@pytest.mark.long
@pytest.mark.parametrize("factor", [10.0, 1000.0])
def test_large_counts_are_judged_the_same_in_any_unit(factor: float) -> None:
    values = business(3, DAYS, volume=1e6)
    plain = replay(series(values), settings("both"), START)
    scaled = replay(series(values * factor), settings("both"), START)
    np.testing.assert_allclose(scaled.score, plain.score, atol=0.02)
    np.testing.assert_allclose(scaled.expected, plain.expected * factor, rtol=1e-3)


@pytest.mark.long
def test_the_order_of_slices_does_not_matter() -> None:
    values = business(4, DAYS)
    there = replay(series(values), settings(), START)
    back = replay(series(values[::-1]), settings(), START)
    np.testing.assert_array_equal(there.score, back.score[::-1])
    np.testing.assert_allclose(there.threshold, back.threshold)
