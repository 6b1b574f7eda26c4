"""Late and left-out looks: who is served first, what is stored, and who hears of it."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from monitor.api import Direction
from monitor.config.plan import Plan
from monitor.core.audit import AUDITOR
from monitor.core.model import Limit, Outcome, Tier, TierRule
from monitor.engine.lateness import Lateness
from tests.engine.rig import START, Rig

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
BOUND = timedelta(seconds=5)


def test_minutes_of_late_looks_are_complained_of() -> None:
    lateness = Lateness(BOUND)
    for minute in range(5):
        now = START + minute * MINUTE
        assert list(lateness.complaints(now)) == []
        for n in range(50):
            lateness.began(1, BOUND + SECOND if n < 5 and minute > 1 else SECOND, now)
    (complaint,) = lateness.complaints(START + 5 * MINUTE)
    assert complaint.startswith("6% of all looks begin more than 5 s late")


def test_one_bad_minute_one_late_look_in_a_hundred_and_old_ones_are_not() -> None:
    once, rare, old = Lateness(BOUND), Lateness(BOUND), Lateness(BOUND)
    for minute in range(5):
        now = START + minute * MINUTE
        for n in range(100):
            once.began(1, 10 * BOUND if minute == 2 else SECOND, now)
            rare.began(1, 10 * BOUND if n == 0 else SECOND, now)
            old.began(1, 10 * BOUND, now)
    assert list(once.complaints(now)) == list(rare.complaints(now)) == []
    assert list(old.complaints(now + timedelta(hours=1))) == []


def test_a_source_that_has_no_time_for_minutes_is_named() -> None:
    lateness = Lateness(BOUND)
    for minute in range(4):
        for _ in range(10):
            lateness.left_out("kpi", START + minute * MINUTE)
    (complaint,) = lateness.complaints(START + 4 * MINUTE)
    assert complaint.startswith("40 looks were left out in five minutes, because kpi does not")


def test_without_a_bound_whoever_drives_the_ticks_is_late_as_he_likes() -> None:
    lateness = Lateness()
    for minute in range(5):
        lateness.began(1, timedelta(hours=1), START + minute * MINUTE)
    assert list(lateness.complaints(START + 5 * MINUTE)) == []


def narrow(rig: Rig) -> Plan:
    """Give twelve checks of a source that takes one question at a time; two wait for long."""
    plan = rig.plan(*(f"c{n}" for n in range(10)))
    checks = {name: replace(one, batch=False) for name, one in plan.checks.items()}
    pages = (TierRule(Tier.PAGE, (Limit("value", 10, Direction.ABOVE),)),)
    checks["c9"] = replace(checks["c9"], tiers=pages)
    for name in ("a", "c9"):
        patient = checks[name].check.model_copy(update={"timeout": MINUTE})
        checks[name] = replace(checks[name], check=patient)
    object.__setattr__(rig.source, "max_concurrency", 1)
    return replace(plan, checks=checks)


def test_who_waits_too_long_for_a_turn_is_skipped_and_minutes_of_that_reach_the_on_call(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.engine.bulkheads.GRACE", timedelta(0))

    async def story(rig: Rig) -> None:
        await rig.engine.reload(narrow(rig))
        rig.engine.lateness.bound = timedelta(minutes=2)
        for _ in range(6):
            rig.source.holds()
            rig.clock.advance(MINUTE)
            await rig.engine.tick()
            looks = rig.engine.dispatch.looks
            while waiting := [looks[f"c{n}"] for n in range(9) if f"c{n}" in looks]:
                await asyncio.wait(waiting)
            rig.source.lets_go()
            await rig.engine.settle()

    rig.run(story)
    slots = rig.store.slots.summaries(START + MINUTE, START + timedelta(hours=1))
    assert set(slots["c9"].counts) == set(slots["a"].counts) == {Outcome.OK}
    for n in range(9):
        assert set(slots[f"c{n}"].counts) == {Outcome.SKIPPED}
        assert slots[f"c{n}"].last.reason.startswith("not asked: waited 0.05 s for a turn at kpi;")
    # Waiting is not the fault of the source: nobody is told that it is ill.
    assert rig.sent("data-slack") == []
    (alert,) = rig.engine.memory.alerts_of_check(AUDITOR)
    assert alert.tier is Tier.WARN
    assert alert.last is not None
    assert "because kpi does not answer as fast as it is asked" in alert.last.reason
    assert rig.sent("oncall-slack") == ["first notification"]


def test_no_more_wait_for_a_source_than_can_be_held_and_what_pages_is_not_left_out(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.engine.dispatch.MOST_REQUESTS", 4)
    plan = narrow(rig)
    patient = {
        name: replace(one, check=one.check.model_copy(update={"timeout": timedelta(hours=1)}))
        for name, one in plan.checks.items()
    }

    async def story(rig: Rig) -> None:
        await rig.engine.reload(replace(plan, checks=patient))
        rig.source.holds()
        for _ in range(5):
            rig.clock.advance(MINUTE)
            await rig.engine.tick()
        assert len(rig.engine.dispatch.looks) == 4
        assert "c9" in rig.engine.dispatch.looks
        rig.source.lets_go()
        await rig.engine.settle()
        rig.clock.advance(MINUTE)
        await rig.engine.tick()
        await rig.engine.settle()

    rig.run(story)
    slots = rig.store.slots.summaries(START + MINUTE, START + timedelta(minutes=6))
    assert slots["c9"].counts[Outcome.OK] >= 1
    crowded = [
        one
        for name in slots
        for one in rig.store.slots.last(name, 100)
        if one.reason == "not asked: 4 requests wait for their sources already"
    ]
    assert len(crowded) >= 8
    rig.engine.count()
    assert rig.engine.metrics.registry.get_sample_value("monitor_slots_unaccounted") == 0


def test_nothing_is_looked_at_between_ticks_while_the_store_holds_no_more(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.engine.steps.MOST_WAITING", 1)

    async def story(rig: Rig) -> None:
        await rig.minutes(2)
        rig.store.is_full = True
        await rig.minutes(3)
        rig.clock.advance(timedelta(seconds=5))
        await rig.engine.tick()
        waiting = len(rig.engine.steps.findings)
        rig.clock.advance(timedelta(seconds=5))
        assert not rig.engine.dispatch.look()
        assert len(rig.engine.steps.findings) == waiting

    rig.run(story)
