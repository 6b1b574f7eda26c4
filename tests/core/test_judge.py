from datetime import UTC, datetime
from math import inf, nan

import pytest

from monitor.core.judge import block, judge, worst
from monitor.core.model import (
    Direction,
    Limit,
    Measured,
    NoData,
    NotYet,
    Outcome,
    Sample,
    Tier,
    TierRule,
)

AT = datetime(2026, 11, 24, 3, tzinfo=UTC)
RULES = (
    TierRule(Tier.WARN, (Limit("age", 2.0, Direction.ABOVE),)),
    TierRule(Tier.PAGE, (Limit("age", 6.0, Direction.ABOVE),)),
)
CTR, CVR = (("model", "ctr"),), (("model", "cvr"),)


def test_a_value_between_the_limits_warns_and_keeps_the_numbers_it_was_judged_by() -> None:
    (verdict,) = judge("fresh", [Sample("age", 3.0)], RULES, AT)
    assert verdict.outcome is Outcome.WARN
    assert verdict.breach is not None
    assert (verdict.breach.sample.value, verdict.breach.limit.bound) == (3.0, 2.0)


def test_a_value_beyond_both_limits_pages() -> None:
    (verdict,) = judge("fresh", [Sample("age", 6.0)], RULES, AT)
    assert (verdict.outcome, verdict.tier) == (Outcome.PAGE, Tier.PAGE)


def test_a_limit_whose_bad_side_is_below_is_kept_by_its_own_bound() -> None:
    rules = (TierRule(Tier.WARN, (Limit("workers", 0.5, Direction.BELOW),)),)
    values = {0.5: Outcome.OK, 0.49: Outcome.WARN}
    for value, outcome in values.items():
        assert judge("load", [Sample("workers", value)], rules, AT)[0].outcome is outcome


def test_nothing_measured_is_no_data_and_not_ok() -> None:
    (verdict,) = judge("fresh", [], RULES, AT)
    assert verdict.outcome is Outcome.NO_DATA
    assert verdict.reason


def test_each_slice_has_a_verdict_of_its_own() -> None:
    measured: list[Measured] = [
        Sample("age", 1.0, CTR),
        NoData("no rows", CVR),
        NotYet("learning", (("m", "x"),)),
    ]
    outcomes = [verdict.outcome for verdict in judge("fresh", measured, RULES, AT)]
    assert outcomes == [Outcome.OK, Outcome.NO_DATA, Outcome.PENDING]


def test_what_chance_explains_never_breaches() -> None:
    (verdict,) = judge("fresh", [Sample("age", 9.0, is_noise=True)], RULES, AT)
    assert verdict.outcome is Outcome.OK


@pytest.mark.parametrize(
    ("measured", "outcome"),
    [
        ([Sample("age", nan)], Outcome.NO_DATA),
        ([Sample("age", nan), Sample("age", 3.0)], Outcome.WARN),
        ([Sample("age", 1.0), Sample("rows", nan)], Outcome.OK),
        ([Sample("age", inf)], Outcome.PAGE),
        ([Sample("age", -inf)], Outcome.OK),
    ],
)
def test_a_number_that_is_none_is_not_on_the_good_side_of_its_limit(
    measured: list[Measured], outcome: Outcome
) -> None:
    assert judge("fresh", measured, RULES, AT)[0].outcome is outcome


def test_a_bad_verdict_under_a_red_cause_is_blocked_and_keeps_its_tier() -> None:
    (verdict,) = judge("fresh", [Sample("age", 7.0)], RULES, AT)
    blocked = block(verdict, "spark.rollup")
    assert (blocked.outcome, blocked.tier) == (Outcome.BLOCKED, Tier.PAGE)
    assert blocked.blocked_by == "spark.rollup"


def test_a_good_verdict_needs_no_cause() -> None:
    (verdict,) = judge("fresh", [Sample("age", 1.0)], RULES, AT)
    assert block(verdict, "spark.rollup") == verdict


def test_the_worst_verdict_speaks_for_the_check() -> None:
    verdicts = judge("fresh", [Sample("age", 1.0, CTR), NoData("none", CVR)], RULES, AT)
    assert worst(verdicts).outcome is Outcome.NO_DATA
