import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import ClassVar

import pytest
from pydantic import PrivateAttr

from monitor.api import Answer, Asking, BlockingSource, Query, Rows, SourceError, Table
from monitor.config.plan import Plan, PlannedCheck
from monitor.core.model import Outcome
from monitor.engine.breaker import FIRST_WAIT, LONGEST_WAIT, OPENS_AFTER, Breaker, Breakers
from monitor.engine.schedule import FIRST_LOOK_WITHIN
from tests.engine.rig import START, Rig

SECOND = timedelta(seconds=1)
FAULT = SourceError("unreachable", "connection refused")


def opened() -> Breaker:
    breaker = Breaker()
    for _ in range(OPENS_AFTER):
        breaker = breaker.failed("refused", START)
    return breaker


def test_it_opens_after_faults_in_a_row_and_says_since_when_and_why() -> None:
    breaker = Breaker()
    for _ in range(OPENS_AFTER - 1):
        breaker = breaker.failed("refused", START)
        assert breaker.refusal(START) is None
    assert breaker.failed("refused", START).refusal(START) == (
        "fails since 12:00:00 UTC, 5 times in a row: refused"
    )


def test_one_at_a_time_tries_and_each_that_fails_doubles_the_wait() -> None:
    breaker, now, waits = opened(), START, []
    for _ in range(5):
        assert breaker.try_at is not None
        waits.append(breaker.try_at - now)
        assert breaker.refusal(breaker.try_at - SECOND) is not None
        now = breaker.try_at
        assert breaker.refusal(now) is None
        breaker = replace(breaker, trying="a")
        assert breaker.refusal(now) is not None
        breaker = breaker.failed("refused", now)
    assert waits == [FIRST_WAIT, 2 * FIRST_WAIT, 4 * FIRST_WAIT, LONGEST_WAIT, LONGEST_WAIT]


def test_what_was_under_way_when_it_opened_does_not_lengthen_the_wait() -> None:
    late = opened().failed("refused", START + SECOND)
    assert late.try_at == START + FIRST_WAIT


def test_a_clock_that_goes_back_does_not_keep_it_open() -> None:
    assert opened().refusal(START - timedelta(days=1)) is None


def test_an_answer_closes_it_and_names_who_was_left_out() -> None:
    breakers = Breakers()
    for _ in range(OPENS_AFTER):
        breakers.failed("kpi", "refused", START)
    assert breakers.admit("kpi", "a", START) is not None
    assert breakers.admit("kpi", "b", START + FIRST_WAIT) is None
    assert breakers.admit("kpi", "c", START + FIRST_WAIT) is not None
    breakers.blind("kpi", "d")
    breakers.answered("kpi")
    assert breakers.take_closed() == {"a", "c", "d"}
    assert breakers.take_closed() == set()
    assert breakers.admit("kpi", "a", START) is None


def test_a_try_that_never_came_to_ask_lets_another_one_try() -> None:
    breakers = Breakers()
    for _ in range(OPENS_AFTER):
        breakers.failed("kpi", "refused", START)
    assert breakers.admit("kpi", "a", START + FIRST_WAIT) is None
    breakers.over("kpi", ["b"])
    assert breakers.admit("kpi", "b", START + FIRST_WAIT) is not None
    breakers.over("kpi", ["a"])
    assert breakers.admit("kpi", "b", START + FIRST_WAIT) is None


def many(rig: Rig) -> Plan:
    return rig.plan(*(f"c{n}" for n in range(10)))


def alone(planned: PlannedCheck) -> PlannedCheck:
    """Let a check ask for itself, with a deadline that a busy machine keeps, too."""
    patient = planned.check.model_copy(update={"timeout": timedelta(milliseconds=300)})
    return replace(planned, check=patient, batch=False)


def counts(rig: Rig, check: str) -> dict[Outcome, int]:
    slots = rig.store.slots.summaries(START, rig.clock.now() + SECOND)
    return dict(slots[check].counts)


def test_a_source_that_is_gone_is_tried_and_everybody_else_is_skipped_with_the_cause(
    rig: Rig,
) -> None:
    async def story(rig: Rig) -> None:
        plan = many(rig)
        # Each asks for itself: twelve questions a minute.
        checks = {name: alone(one) for name, one in plan.checks.items()}
        await rig.engine.reload(replace(plan, checks=checks))
        await rig.minutes(2)
        rig.source.says(FAULT)
        await rig.minutes(1)
        before = rig.source._asked
        await rig.minutes(10)
        assert rig.source._asked - before <= 10
        rig.engine.count()
        read = rig.engine.metrics.registry.get_sample_value
        assert read("monitor_source_breaker_open", {"source": "kpi"}) == 1
        assert read("monitor_source_breaker_open", {"source": "other"}) == 0
        assert read("monitor_slots_unaccounted") == 0
        (state,) = (one for one in rig.engine.sources() if one["name"] == "kpi")
        assert state["breaker"] == "open"
        assert state["reason"] == "connection refused"
        skipped = [counts(rig, f"c{n}").get(Outcome.SKIPPED, 0) for n in range(10)]
        assert sum(skipped) >= 80
        last = rig.store.slots.summaries(START, rig.clock.now())["c3"].last
        assert "connection refused" in last.reason
        assert set(counts(rig, "b")) == {Outcome.OK}
        assert rig.sent("data-slack") == ["first notification"]
        assert rig.sent("recsys-slack") == []

    rig.run(story)


def test_whoever_was_left_out_looks_as_soon_as_the_source_is_well(rig: Rig) -> None:
    async def story(rig: Rig) -> None:
        plan = many(rig)
        checks = {name: alone(one) for name, one in plan.checks.items()}
        rare = replace(checks["c9"].schedule, every=timedelta(days=1))
        checks["c9"] = replace(checks["c9"], schedule=rare)
        rig.source.says(FAULT)
        await rig.engine.reload(replace(plan, checks=checks))
        for _ in range(7):  # the one look of the day comes while the source is gone
            rig.clock.advance(SECOND)
            await rig.engine.tick()
            await rig.engine.settle()
        await rig.minutes(3)
        assert Outcome.OK not in counts(rig, "c9")
        rig.source.says(1.0)
        await rig.minutes(3)
        rig.clock.advance(FIRST_LOOK_WITHIN)
        await rig.engine.tick()
        await rig.engine.settle()
        assert counts(rig, "c9")[Outcome.OK] == 1

    rig.run(story)


class Stuck(BlockingSource):
    """A driver that never comes back, whatever its deadline."""

    answers: ClassVar = frozenset({Rows})
    _free: threading.Event = PrivateAttr(default_factory=threading.Event)
    _calls: int = PrivateAttr(default=0)

    def ask_blocking(self, query: Query, asking: Asking) -> Answer:
        self._calls += 1
        self._free.wait(60)
        return Table(observed_at=asking.now, columns={"value": (1.0,)})


@pytest.fixture
def stuck() -> Iterator[Stuck]:
    made = Stuck(name="kpi", max_concurrency=2, maintainer="data")
    yield made
    made._free.set()


def test_a_driver_that_never_comes_back_costs_a_bounded_number_of_threads_and_delays_nobody_else(
    rig: Rig, stuck: Stuck, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.engine.bulkheads.GRACE", timedelta(milliseconds=50))

    async def story(rig: Rig) -> None:
        plan = many(rig)
        checks = {name: alone(one) for name, one in plan.checks.items()}
        sources = {**plan.sources, "kpi": stuck}
        await rig.engine.reload(replace(plan, checks=checks, sources=sources))
        overtaken = 0
        for _ in range(12):
            rig.clock.advance(timedelta(seconds=30))
            await rig.engine.tick()
            if "b" in rig.engine.dispatch.looks:
                await rig.engine.dispatch.looks["b"]
            overtaken += bool(rig.engine.dispatch.looks)
            await rig.engine.settle()
            assert stuck.lost <= 6
        assert overtaken >= 1
        assert 4 <= stuck._calls <= 6
        rig.engine.count()
        read = rig.engine.metrics.registry.get_sample_value
        assert read("monitor_source_lost_threads", {"source": "kpi"}) == stuck.lost >= 4
        assert read("monitor_slots_unaccounted") == 0
        stuck._free.set()
        for _ in range(30):  # looks that a busy machine makes late are asked again
            await rig.minutes(1)
            if counts(rig, "c3").get(Outcome.OK):
                break
        assert stuck.lost == 0
        assert counts(rig, "c3")[Outcome.OK] >= 1

    rig.run(story)
    assert set(counts(rig, "b")) == {Outcome.OK}
    read = rig.engine.metrics.registry.get_sample_value
    assert read("monitor_check_lateness_seconds_count") == read(
        "monitor_check_lateness_seconds_bucket", {"le": "30.0"}
    )
