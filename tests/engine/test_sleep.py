"""A daemon that could not look for long: a machine slept, a clock was of 1970, a store failed."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from monitor.core.digest import Blind
from monitor.core.model import Outcome
from monitor.engine import engine, steps
from tests.engine.rig import START, Rig

FIRST = "first notification"
CRON = "30 2 * * *"


def blind(rig: Rig) -> Sequence[Blind]:
    return rig.store.journal.blind(START, rig.clock.now())


def late(rig: Rig) -> int:
    found = rig.store.slots.summaries(START, rig.clock.now())
    return sum(one.counts.get(Outcome.SKIPPED, 0) for one in found.values())


def test_a_night_of_sleep_is_one_blind_span_and_every_check_looks_once(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "MOST_MISSED", 100)

    async def story(rig: Rig) -> None:
        await rig.minutes(2)
        before = late(rig)
        rig.clock.advance(timedelta(hours=9))
        rig.source.says(50)
        await rig.minutes(1)
        assert rig.sent("recsys-slack") == [FIRST]
        await rig.minutes(5)
        assert late(rig) == before
        assert rig.engine.trouble is None

    rig.run(story)
    (span,) = blind(rig)
    assert timedelta(hours=8.9) < span.end - span.start < timedelta(hours=9.1)


def test_a_clock_of_1970_that_is_set_right_is_no_work(rig: Rig) -> None:
    rig.clock._at = datetime(1970, 1, 1, tzinfo=UTC)

    async def story(rig: Rig) -> None:
        checks = dict(rig.engine.plan.checks)
        night = replace(checks["a"].schedule, every=None, cron=CRON)
        checks["b"] = replace(checks["b"], schedule=night)
        await rig.engine.reload(replace(rig.engine.plan, checks=checks))
        await rig.minutes(1)
        rig.clock.advance(START - rig.clock.now())
        rig.source.says(50)
        rig.other.says(50)
        await rig.minutes(2)
        assert rig.sent("recsys-slack") == [FIRST, FIRST]

    rig.run(story)
    assert late(rig) == 0


@pytest.mark.long
def test_while_the_store_fails_no_more_is_found_than_can_be_held(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "MOST_WAITING", 10)
    monkeypatch.setattr(engine, "MOST_MISSED", 10)

    async def story(rig: Rig) -> None:
        await rig.minutes(1)
        rig.store.is_full = True
        rig.source.says(50)
        await rig.minutes(30)
        assert 10 < len(rig.engine.steps.findings) <= 14
        rig.store.is_full = False
        await rig.minutes(2)
        assert rig.sent("recsys-slack") == [FIRST]
        assert rig.engine.trouble is None

    rig.run(story)
    assert len(blind(rig)) == 1
