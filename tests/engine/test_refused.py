"""What no store takes: it is told, it is parted from the rest, and nobody waits for ever."""

import json
from datetime import timedelta

import pytest

from monitor.api import DeliveryError, SourceError
from monitor.core.audit import AUDITOR
from monitor.core.model import Outcome
from monitor.core.orders import MakeSilence
from monitor.core.silence import Silence
from monitor.engine import steps
from monitor.store import RefusedError, StoreError
from tests.engine.rig import START, Number, Rig

HALF = "model \ud800"
FIRST = "first notification"


def counts(rig: Rig) -> dict[str, dict[Outcome, int]]:
    found = rig.store.slots.summaries(START, START + timedelta(hours=1))
    return {check: {o: n for o, n in it.counts.items() if n} for check, it in found.items()}


@pytest.mark.long
def test_half_a_pair_in_a_text_of_a_source_is_told_with_a_mark_instead(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measure(self: Number, *_: object) -> None:
        raise ValueError(HALF if self.id == "a" else "no number")

    async def story(rig: Rig) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(Number, "measure", measure)
            await rig.minutes(20)
        told = [str(note.view) for note in rig.boxes["recsys-slack"]._sent]
        assert ["model ?" in one for one in told] == [True, False]
        await rig.minutes(2)
        assert rig.engine.trouble is None

    rig.run(story)
    assert {sum(it.values()) for it in counts(rig).values()} <= {22, 23}  # all that were due


def test_what_a_source_raises_is_text() -> None:
    assert str(SourceError("query", f"{HALF}\0")) == "model ??"


def test_what_cannot_be_stored_is_said_instead_and_the_rest_goes_on(rig: Rig) -> None:
    async def story(rig: Rig) -> None:
        rig.store.refuses("a", Outcome.OK, Outcome.WARN)
        rig.source.says(50)
        rig.other.says(50)
        await rig.minutes(3)
        assert rig.sent("recsys-slack") == [FIRST, FIRST]  # b is red, and a cannot be seen
        assert len(rig.sent("oncall-slack")) == 1
        checks = [one.check for one in rig.engine.memory.incidents.values()]
        assert sorted(checks) == ["a", "b", AUDITOR]

    rig.run(story)
    assert set(counts(rig)["a"]) <= {Outcome.ERROR, Outcome.SKIPPED}
    assert set(counts(rig)["b"]) == {Outcome.WARN}


def test_what_cannot_be_stored_in_any_form_is_missing_and_the_on_call_hears(rig: Rig) -> None:
    async def story(rig: Rig) -> None:
        rig.store.refuses("a", *Outcome)
        rig.source.says(50)
        await rig.minutes(3)
        rig.engine.count()
        assert rig.engine.metrics.slots_unaccounted._value.get() >= 3
        assert len(rig.sent("oncall-slack")) == 1

    rig.run(story)
    assert set(counts(rig)["a"]) == {Outcome.SKIPPED}  # which holds no verdict


def test_an_order_that_cannot_be_stored_is_answered_and_others_are_done(rig: Rig) -> None:
    async def story(rig: Rig) -> None:
        rig.store.refuses("a", *Outcome)
        made = Silence("s1", (), START, START + timedelta(hours=1), "asha", HALF)
        assert await rig.engine.order(MakeSilence(made)) is None
        assert [one.comment for one in rig.engine.memory.silences.values()] == ["model ?"]
        rig.store.refuses_silences = True
        with pytest.raises(RefusedError, match="silences"):
            await rig.engine.order(MakeSilence(made))
        assert rig.engine.trouble is None

    rig.run(story)


def test_of_a_batch_of_another_system_only_the_alert_is_left_out_that_cannot_be_stored(
    rig: Rig,
) -> None:
    async def story(rig: Rig) -> None:
        alerts = [{"labels": {"alertname": name, "maintainer": "data"}} for name in "XYZ"]
        rig.store.refuses("alertmanager/data/Y", *Outcome)
        await rig.engine.receive(json.dumps(alerts))
        await rig.engine.settle()
        assert len(rig.engine.memory.incidents) == 2
        assert rig.store.journal.not_taken() == []

    rig.run(story)


def test_a_fault_that_is_in_nothing_that_was_found_loses_nothing(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("a mistake of ours")

    async def story(rig: Rig) -> None:
        await rig.minutes(1)
        with monkeypatch.context() as patch:
            patch.setattr(steps, "advance", fails)
            rig.source.says(50)
            await rig.minutes(2)
            assert "a mistake of ours" in str(rig.engine.trouble)
            assert not rig.engine.is_ready
        await rig.minutes(1)
        assert rig.sent("recsys-slack") == [FIRST]
        assert rig.engine.is_ready

    rig.run(story)
    assert {sum(it.values()) for it in counts(rig).values()} <= {4, 5}  # all that were due


@pytest.mark.parametrize("fault", [StoreError("gone for a moment"), RuntimeError("ours")])
def test_a_fault_while_a_message_is_sent_stops_no_lane(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    def fails(*_: object) -> None:
        raise fault

    async def first(rig: Rig) -> None:
        rig.source.says(50)
        await rig.minutes(2)

    rig.run(first)
    rig.restarts()

    async def second(rig: Rig) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(rig.store.outbox, "receipt", fails)
            rig.source.says(1)
            await rig.minutes(2)
            assert rig.sent("recsys-slack") == [FIRST]
        await rig.minutes(1)
        assert rig.sent("recsys-slack") == [FIRST, "all alerts resolved"]

    rig.run(second)


def test_who_is_told_instead_is_asked_again_while_the_store_cannot_be_read(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise StoreError("gone for a moment")

    async def story(rig: Rig) -> None:
        rig.boxes["recsys-slack"]._faults = [DeliveryError("down")] * 100
        rig.source.says(50)
        with monkeypatch.context() as patch:
            patch.setattr(rig.store.outbox, "intents_of", fails)
            await rig.minutes(20)
            assert rig.sent("oncall-slack") == []
        await rig.minutes(1)
        assert len(rig.sent("oncall-slack")) == 1

    rig.run(story)


@pytest.mark.timeout(60)  # its lane would wait for ever
def test_how_a_send_ended_need_not_be_kept_for_the_next_to_be_sent(rig: Rig) -> None:
    async def story(rig: Rig) -> None:
        rig.store.refuses_settling = True
        rig.source.says(50)
        await rig.minutes(2)
        rig.source.says(1)
        await rig.minutes(2)
        assert rig.sent("recsys-slack") == [FIRST, "all alerts resolved"]
        assert rig.engine.is_ready

    rig.run(story)
