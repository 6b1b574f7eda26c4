"""Alerts of other systems: answered first, judged then, and never more than can be held."""

import json
from datetime import timedelta

import pytest

from monitor.api.errors import BusyError
from monitor.engine.inbox import QUIET
from tests.engine.rig import Rig


def body(*numbers: int) -> str:
    return json.dumps(
        [{"labels": {"alertname": f"X{number}", "maintainer": "data"}} for number in numbers]
    )


def waiting(rig: Rig) -> int:
    return len(rig.store.journal.not_taken())


def test_what_is_sent_alone_is_told_at_once(rig: Rig) -> None:
    async def story(rig: Rig) -> None:
        assert await rig.engine.receive(body(1)) == 1
        await rig.engine.settle()
        assert waiting(rig) == 0
        assert rig.sent("data-slack") == ["first notification"]

    rig.run(story)


def test_while_more_of_a_burst_arrives_what_is_kept_waits_a_second_and_no_longer(rig: Rig) -> None:
    async def story(rig: Rig) -> None:
        with rig.engine.steps._inbox.arrival():  # somebody who sends for ever
            await rig.engine.receive(body(1, 2))
            await rig.engine.steps.flush()
            assert waiting(rig) == 1
            rig.clock.advance(timedelta(seconds=1))
            await rig.engine.steps.flush()
            assert waiting(rig) == 0
            await rig.engine.receive(body(3))
            assert waiting(rig) == 1
        await rig.engine.receive(body(4))
        await rig.engine.settle()
        assert waiting(rig) == 2  # somebody who sends one after the other
        rig.clock.advance(QUIET)
        await rig.engine.tick()
        await rig.engine.settle()
        assert waiting(rig) == 0
        assert len(rig.engine.memory.incidents) == 4

    rig.run(story)


def test_who_sends_more_than_can_wait_is_to_come_again_and_nothing_of_it_is_kept(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(rig: Rig) -> None:
        with rig.engine.steps._inbox.arrival():
            await rig.engine.receive(body(1, 2))
            await rig.engine.receive(body(3))
            with pytest.raises(BusyError, match="3 alerts wait"):
                await rig.engine.receive(body(4))
            assert waiting(rig) == 2
        rig.clock.advance(QUIET)
        await rig.engine.steps.flush()
        await rig.engine.receive(body(4))
        await rig.engine.settle()
        assert len(rig.engine.memory.incidents) == 4

    monkeypatch.setattr("monitor.engine.inbox.MOST_WAITING", 3)
    rig.run(story)


def test_what_a_full_disk_did_not_take_in_is_counted_again_and_told_later(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(rig: Rig) -> None:
        with rig.engine.steps._inbox.arrival():
            await rig.engine.receive(body(1, 2, 3))
        rig.store.is_full = True
        await rig.engine.steps.flush()
        with pytest.raises(BusyError):
            await rig.engine.receive(body(4))
        rig.store.is_full = False
        rig.clock.advance(timedelta(seconds=11))
        await rig.engine.steps.flush()
        await rig.engine.settle()
        assert len(rig.engine.memory.incidents) == 3

    monkeypatch.setattr("monitor.engine.inbox.MOST_WAITING", 3)
    rig.run(story)


def test_the_zero_time_of_go_is_no_end(rig: Rig) -> None:
    async def story(rig: Rig) -> None:
        (alert,) = json.loads(body(1))
        await rig.engine.receive(json.dumps([{**alert, "endsAt": "0001-01-01T00:00:00Z"}]))
        await rig.engine.settle()
        assert rig.sent("data-slack") == ["first notification"]

    rig.run(story)


def test_half_of_a_pair_in_an_alert_is_told_and_stops_nothing(rig: Rig) -> None:
    async def story(rig: Rig) -> None:
        labels = {"alertname": "X\ud83d", "maintainer": "data", "fine": "\U0001f4a9"}
        await rig.engine.receive(json.dumps([{"labels": labels}]))
        await rig.engine.settle()
        assert waiting(rig) == 0
        (alert,) = rig.store.history.open_alerts()
        assert dict(alert.slice) == {**labels, "alertname": "X?"}
        assert rig.sent("data-slack") == ["first notification"]

    rig.run(story)
