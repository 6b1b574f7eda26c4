from dataclasses import replace
from datetime import UTC, datetime, timedelta

from monitor.core.model import Direction, Hold, Limit, OnCall, Tier, TierRule
from monitor.core.noise import Firing, noisy_checks, week_of
from monitor.core.world import CheckFacts, World

START = datetime(2026, 11, 24, tzinfo=UTC)
RULE = TierRule(Tier.WARN, (Limit("v", 1, Direction.ABOVE),), Hold(timedelta(minutes=5)))
WORLD = World({"a": CheckFacts("a", "number", (RULE,), "kpi", maintainer="x")}, OnCall((), ()))


def fired(*minutes: int | None, acked: int | None = None) -> list[Firing]:
    return [
        Firing(
            "a",
            START + timedelta(hours=n),
            None if m is None else START + timedelta(hours=n, minutes=m),
            Tier.WARN,
            None if acked is None else START + timedelta(hours=n, minutes=acked),
        )
        for n, m in enumerate(minutes)
    ]


def test_a_check_that_often_fires_for_a_short_time_is_noisy_and_gets_a_suggestion() -> None:
    (found,) = noisy_checks(fired(2, 3, 3, 4, 60), WORLD)
    assert (found.fired, found.short) == (5, 4)
    assert (found.before, found.after) == ("for: 5m", "for: 10m")
    assert found.would_have == 1


def test_a_check_that_fires_for_a_reason_or_seldom_is_not_noisy() -> None:
    assert noisy_checks(fired(60, 60, 60, 60, 60, 2), WORLD) == ()
    assert noisy_checks(fired(2, 2, 2, 2), WORLD) == ()
    assert noisy_checks(fired(None, None, None, None, None), WORLD) == ()


def test_a_week_is_summed_up_with_medians() -> None:
    week = week_of(fired(2, 30, 60, None, acked=5), 9, [(START, 4, 5)])
    assert (week.fired, week.pages, week.short, week.fired_before) == (4, 0, 1, 9)
    assert week.to_ack == timedelta(minutes=5)
    assert week.to_resolve == timedelta(minutes=30)


def test_a_week_of_which_nothing_can_be_said_says_so() -> None:
    week = week_of([], None, [])
    assert (week.to_ack, week.to_resolve, week.fired_before) == (None, None, None)


def test_a_check_that_flapped_is_noisy_though_it_fired_seldom() -> None:
    (one,) = fired(120)
    (found,) = noisy_checks([replace(one, flapped=True)], WORLD)
    assert (found.fired, found.short, found.after) == (1, 1, "for: 30m")
