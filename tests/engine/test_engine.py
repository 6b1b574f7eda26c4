import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from monitor.api import DeliveryError, SourceError
from monitor.core.model import Outcome
from tests.engine.rig import START, Number, Rig

FIRST, RESOLVED = "first notification", "all alerts resolved"


def test_a_breach_is_told_and_its_end_too(rig: Rig) -> None:
    async def story(rig: Rig) -> None:
        await rig.minutes(2)
        assert rig.sent("recsys-slack") == []
        rig.source.says(50)
        await rig.minutes(2)
        assert rig.sent("recsys-slack") == [FIRST]
        rig.source.says(1)
        await rig.minutes(2)
        assert rig.sent("recsys-slack") == [FIRST, RESOLVED]

    rig.run(story)


def test_every_due_slot_has_one_stored_outcome(rig: Rig) -> None:
    rig.run(lambda rig: rig.minutes(10))
    slots = rig.store.slots.summaries(START, START + timedelta(hours=1))
    # Ten minutes hold the first look and nine or ten of the interval's own moments.
    assert {sum(found.counts.values()) for found in slots.values()} <= {10, 11}
    assert set(slots) == {"a", "b"}


def test_a_suspended_machine_accounts_for_the_slots_that_it_missed(rig: Rig) -> None:
    async def story(rig: Rig) -> None:
        await rig.minutes(2)
        rig.clock.advance(timedelta(minutes=5))
        await rig.minutes(1)

    rig.run(story)
    counts = rig.store.slots.summaries(START, START + timedelta(hours=1))["a"].counts
    assert counts[Outcome.SKIPPED] >= 4
    assert sum(counts.values()) == 9


def test_a_source_that_cannot_be_asked_is_one_incident_of_its_own_maintainer(rig: Rig) -> None:
    async def story(rig: Rig) -> None:
        rig.source.says(SourceError("unreachable", "connection refused"))
        await rig.minutes(5)
        assert rig.sent("data-slack") == [FIRST]
        assert rig.sent("recsys-slack") == []
        rig.source.says(1)
        await rig.minutes(2)
        assert rig.sent("data-slack") == [FIRST, RESOLVED]

    rig.run(story)


def test_a_question_that_the_source_refuses_warns_the_owner_of_the_check(rig: Rig) -> None:
    async def story(rig: Rig) -> None:
        rig.source.says(SourceError("query", "no column 'valu'"))
        await rig.minutes(5)
        assert rig.sent("recsys-slack") == [FIRST]
        assert rig.sent("data-slack") == []

    rig.run(story)


def test_a_check_that_alone_gets_no_answer_is_not_silent_for_good(rig: Rig) -> None:
    async def story(rig: Rig) -> None:
        plan = rig.plan("c")
        other = Number(id="c", timeout=timedelta(milliseconds=50), text="select 2")
        checks = {**plan.checks, "c": replace(plan.checks["c"], check=other)}
        await rig.engine.reload(replace(plan, checks=checks))
        rig.source.is_deaf_to("a")  # c asks the same source, and is answered
        await rig.minutes(8)
        assert rig.sent("recsys-slack") == rig.sent("data-slack") == []
        await rig.minutes(8)
        assert rig.sent("recsys-slack") == [FIRST]
        assert rig.sent("data-slack") == []
        rig.source.is_deaf_to("")
        await rig.minutes(2)
        assert rig.sent("recsys-slack") == [FIRST, RESOLVED]

    rig.run(story)


def test_a_source_that_hangs_delays_only_its_own_checks(rig: Rig) -> None:
    async def story(rig: Rig) -> None:
        rig.source.says("hang")
        for _ in range(3):
            rig.clock.advance(timedelta(minutes=1))
            await rig.engine.tick()
            if "b" in rig.engine.dispatch.looks:
                await asyncio.wait([rig.engine.dispatch.looks["b"]])
        rig.engine.dispatch.looks["a"].cancel()

    rig.run(story)
    counts = rig.store.slots.summaries(START, START + timedelta(hours=1))
    assert counts["b"].counts[Outcome.OK] == 3
    assert counts["a"].counts[Outcome.SKIPPED] >= 2


def test_a_kind_that_raises_is_an_error_of_its_own_check_only(rig: Rig) -> None:
    async def story(rig: Rig) -> None:
        rig.source.says("broken")
        await rig.minutes(2)

    rig.run(story)
    counts = rig.store.slots.summaries(START, START + timedelta(hours=1))
    assert counts["a"].counts[Outcome.ERROR] == 2
    assert Outcome.OK not in counts["a"].counts
    assert counts["b"].counts[Outcome.OK] == 2


def test_what_fired_and_resolved_while_its_receiver_was_down_is_told_in_one_message(
    rig: Rig,
) -> None:
    async def story(rig: Rig) -> None:
        rig.boxes["recsys-slack"]._faults.extend([DeliveryError("503")] * 3)
        rig.source.says(50)
        await rig.minutes(1)
        rig.source.says(1)
        await rig.minutes(10)
        assert rig.sent("recsys-slack") == [RESOLVED]
        assert "1 earlier message" in rig.boxes["recsys-slack"]._sent[0].headline

    rig.run(story)


def test_what_can_never_be_delivered_goes_to_on_call(rig: Rig) -> None:
    async def story(rig: Rig) -> None:
        fault = DeliveryError("channel_not_found", is_final=True)
        rig.boxes["recsys-slack"]._faults.append(fault)
        rig.source.says(50)
        await rig.minutes(3)
        assert rig.sent("oncall-slack") == ["another receiver cannot be reached"]
        assert "channel_not_found" in rig.boxes["oncall-slack"]._sent[0].headline

    rig.run(story)


def test_a_restart_remembers_what_was_told(rig: Rig) -> None:
    async def first(rig: Rig) -> None:
        rig.source.says(50)
        await rig.minutes(2)

    rig.run(first)
    rig.restarts()

    async def second(rig: Rig) -> None:
        await rig.minutes(2)
        assert rig.sent("recsys-slack") == [FIRST]
        rig.source.says(1)
        await rig.minutes(2)
        assert rig.sent("recsys-slack") == [FIRST, RESOLVED]

    rig.run(second)


def test_what_cannot_be_stored_is_kept_and_stored_later(rig: Rig) -> None:
    async def story(rig: Rig) -> None:
        rig.store.is_full = True
        rig.source.says(50)
        await rig.minutes(2)
        assert rig.engine.trouble == "disk full"
        assert not rig.engine.is_ready
        rig.store.is_full = False
        await rig.minutes(1)
        assert rig.sent("recsys-slack") == [FIRST]
        assert rig.engine.is_ready

    rig.run(story)
    counts = rig.store.slots.summaries(START, START + timedelta(hours=1))["a"].counts
    assert sum(counts.values()) == 4


def test_reload_resolves_the_alerts_of_removed_checks_and_looks_at_new_ones(rig: Rig) -> None:
    async def story(rig: Rig) -> None:
        await rig.engine.reload(rig.plan("c"))
        rig.source.says(50)
        await rig.minutes(2)
        assert rig.sent("recsys-slack") == [FIRST, FIRST]
        await rig.engine.reload(rig.plan())
        await rig.minutes(1)
        assert rig.sent("recsys-slack") == [FIRST, FIRST, RESOLVED]

    rig.run(story)


@pytest.mark.long
def test_a_source_that_flaps_is_well_in_the_end(rig: Rig) -> None:
    async def story(rig: Rig) -> None:
        for _ in range(3):
            rig.source.says(SourceError("unreachable", "connection refused"))
            await rig.minutes(2)
            rig.source.says(1)
            await rig.minutes(1)
        assert rig.sent("data-slack")[-1] == "flapping: told again only when it is steady"
        await rig.minutes(40)
        assert rig.sent("data-slack")[-1] == RESOLVED
        assert not rig.engine.memory.incidents

    rig.run(story)


def test_a_check_that_is_removed_while_it_flaps_ends(rig: Rig) -> None:
    async def story(rig: Rig) -> None:
        await rig.engine.reload(rig.plan("c"))
        for value in (50, 1, 50, 1, 50):
            rig.source.says(value)
            await rig.minutes(1)
        assert "flapping: told again only when it is steady" in rig.sent("recsys-slack")
        await rig.engine.reload(rig.plan())
        assert not any(one.check == "c" for one in rig.engine.memory.incidents.values())

    rig.run(story)


def test_an_end_that_nobody_heard_of_is_told_to_somebody_else(rig: Rig) -> None:
    async def story(rig: Rig) -> None:
        gone = DeliveryError("channel_not_found", is_final=True)
        rig.boxes["recsys-slack"]._faults.extend([DeliveryError("503")] * 4 + [gone])
        rig.source.says(50)
        await rig.minutes(1)
        rig.source.says(1)
        await rig.minutes(10)
        assert rig.sent("recsys-slack") == []
        assert rig.sent("oncall-slack") == ["another receiver cannot be reached"]

    rig.run(story)
