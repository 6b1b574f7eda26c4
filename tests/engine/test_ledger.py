from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import cast

from monitor.api import Answer, Sample
from monitor.core.advance import Finding
from monitor.core.model import Outcome
from monitor.engine.ledger import Ledger
from tests.engine.rig import START, Number, Rig


def unaccounted(rig: Rig) -> float | None:
    rig.engine.count()
    return rig.engine.metrics.registry.get_sample_value("monitor_slots_unaccounted")


def test_a_slot_is_accounted_for_while_it_is_looked_at_waits_or_is_stored() -> None:
    ledger, found = Ledger(), Finding("a", START, ())
    ledger.opened(["a"], START)
    assert ledger.unaccounted({"a"}, []) == 0
    assert ledger.unaccounted((), [found]) == 0
    assert ledger.unaccounted((), []) == 1
    ledger.closed([found])
    assert ledger.unaccounted((), []) == 0


def test_a_disk_that_is_full_and_a_suspended_machine_leave_no_slot_unaccounted(rig: Rig) -> None:
    async def story(rig: Rig) -> None:
        await rig.minutes(2)
        rig.store.is_full = True
        await rig.minutes(2)
        assert unaccounted(rig) == 0
        rig.clock.advance(timedelta(minutes=5))
        rig.store.is_full = False
        await rig.minutes(2)
        assert unaccounted(rig) == 0

    rig.run(story)


def test_a_look_that_vanishes_is_counted(rig: Rig) -> None:
    async def story(rig: Rig) -> None:
        await rig.minutes(2)
        rig.source.says("hang")
        rig.clock.advance(timedelta(minutes=1))
        await rig.engine.tick()
        assert unaccounted(rig) == 0
        rig.engine.dispatch.looks["a"].cancel()
        await rig.engine.settle()
        assert unaccounted(rig) == 1

    rig.run(story)


class Text(Number):
    """A plugin that measures what is no number."""

    def measure(self, answers: Sequence[Answer], now: datetime) -> Sequence[Sample]:
        return [Sample("value", cast("float", "many"))]


def test_a_number_of_a_plugin_that_cannot_be_compared_is_an_error_of_its_slot(rig: Rig) -> None:
    async def story(rig: Rig) -> None:
        plan = rig.plan()
        text = replace(plan.checks["a"], check=Text(id="a", timeout=timedelta(seconds=1)))
        await rig.engine.reload(replace(plan, checks={**plan.checks, "a": text}))
        await rig.minutes(3)
        assert unaccounted(rig) == 0

    rig.run(story)
    counts = rig.store.slots.summaries(START, START + timedelta(hours=1))["a"].counts
    # One slot was missed by a clock that moves in half minutes.
    assert set(counts) <= {Outcome.ERROR, Outcome.SKIPPED}
    assert counts[Outcome.ERROR] == 3
