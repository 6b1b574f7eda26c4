"""A budget of slow requests, and how fast it burns."""

from datetime import UTC, datetime, timedelta

import pytest

from monitor.api import Latencies, Quantiles, Sample, SliceLatency, Tier
from monitor.core.judge import judge
from monitor.kinds.latency import Latency, Slo

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
CHECK = Latency(id="c", histogram="h", slo=Slo(below=timedelta(milliseconds=250), objective=0.995))


def answer(below: float | None, *, quantiles: bool = False) -> Latencies:
    known = dict.fromkeys((0.5, 0.9, 0.95, 0.99), 0.1) if quantiles else {}
    return Latencies(observed_at=NOW, slices=(SliceLatency((), known, 10.0, below=below),))


def outcome(hour: float, minutes_5: float, hours_6: float, minutes_30: float) -> str:
    shares = (hour, minutes_5, hours_6, minutes_30)
    answers = [answer(None, quantiles=True), *(answer(1 - share) for share in shares)]
    (verdict,) = judge("c", CHECK.measure(answers, NOW), CHECK.complete(()), NOW)
    return str(verdict.outcome)


def test_it_asks_for_both_windows_of_both_speeds_with_the_bound() -> None:
    plain, *budgets = CHECK.ask(NOW)
    assert isinstance(plain, Quantiles)
    assert plain.below is None
    windows = [(one.window, one.below) for one in budgets if isinstance(one, Quantiles)]
    minutes = [(span / timedelta(minutes=1), below) for span, below in windows]
    assert minutes == [(60, 0.25), (5, 0.25), (360, 0.25), (30, 0.25)]


@pytest.mark.parametrize(
    ("slow", "wanted"),
    [
        ((0.005, 0.005, 0.005, 0.005), "ok"),
        ((0.08, 0.08, 0.01, 0.01), "page"),
        ((0.08, 0.001, 0.01, 0.01), "ok"),
        ((0.001, 0.08, 0.01, 0.01), "ok"),
        ((0.01, 0.01, 0.031, 0.031), "warn"),
    ],
)
def test_both_windows_must_burn(slow: tuple[float, float, float, float], wanted: str) -> None:
    assert outcome(*slow) == wanted


def test_a_bound_that_is_no_edge_of_a_bucket_is_said() -> None:
    answers = [answer(None, quantiles=True), *([answer(None)] * 4)]
    with pytest.raises(ValueError, match=r"no bucket that ends at 0\.25 s"):
        list(CHECK.measure(answers, NOW))


def test_tiers_that_name_the_burning_themselves_are_left_alone() -> None:
    own = CHECK.complete(())
    assert {rule.tier for rule in own} == {Tier.WARN, Tier.PAGE}
    assert CHECK.complete(own) == own


def test_without_an_objective_nothing_burns() -> None:
    plain = Latency(id="c", histogram="h")
    assert len(plain.ask(NOW)) == 1
    measured = plain.measure([answer(None, quantiles=True)], NOW)
    assert not [m for m in measured if isinstance(m, Sample) and m.measure.startswith("burn")]
