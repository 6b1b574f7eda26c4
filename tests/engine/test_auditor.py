"""The auditor in the running daemon: it must see what is wrong, and say it to somebody."""

import asyncio
import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from monitor.api.errors import DeliveryError
from monitor.config.plan import AuditorPlan
from monitor.core.model import Tier, TierRule
from monitor.core.orders import Acknowledge
from monitor.store.tables import outbox, told
from tests.engine.rig import Rig
from tests.often import often


class Outside:
    """The dead man's switch somewhere else: counts what it hears."""

    def __init__(self) -> None:
        self.heard = 0
        outside = self

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outside.heard += 1
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Answer)
        self.url = f"http://127.0.0.1:{self.server.server_port}/secret"


@contextmanager
def outside() -> Iterator[Outside]:
    made = Outside()
    thread = Thread(target=made.server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield made
    finally:
        made.server.shutdown()
        thread.join()
        made.server.server_close()


def test_a_message_that_vanished_is_paged_through_the_fallback_and_ends(rig: Rig) -> None:
    async def story(rig: Rig) -> None:
        plan = dataclasses.replace(rig.plan(), auditor=AuditorPlan(fallback=("data-slack",)))
        await rig.engine.reload(plan)
        rig.source.says(50)
        await rig.minutes(3)
        assert rig.sent("data-slack") == []
        with rig.store._engine.begin() as connection:
            rows = connection.execute(outbox.select()).mappings().all()
            connection.execute(outbox.delete())
        await rig.minutes(3)
        assert rig.sent("data-slack") == ["first notification"]
        note = rig.boxes["data-slack"]._sent[0]
        assert note.is_page
        assert note.view is not None
        assert "there is no message" in note.view.members[0].summary
        with rig.store._engine.begin() as connection:
            for row in rows:
                connection.execute(outbox.insert().values({**row, "id": row["id"] + 100}))
        await rig.minutes(3)
        assert rig.sent("data-slack") == ["first notification", "all alerts resolved"]

    rig.run(story)


def test_the_outside_hears_that_all_is_well_and_only_then(rig: Rig) -> None:
    async def story(rig: Rig) -> None:
        with outside() as switch:
            plan = dataclasses.replace(rig.plan(), auditor=AuditorPlan(ping=switch.url))
            await rig.engine.reload(plan)
            await rig.minutes(3)
            well = switch.heard
            assert well >= 2
            rig.source.says(50)
            await rig.minutes(2)
            with rig.store._engine.begin() as connection:
                connection.execute(told.update().values(revision=7))
            before = switch.heard
            await rig.minutes(5)
            assert switch.heard == before

    rig.run(story)


@pytest.mark.parametrize("is_final", often([False], [False, True]))
@pytest.mark.parametrize(
    ("tier", "minutes"), often([(Tier.PAGE, 9)], [(Tier.PAGE, 9), (Tier.WARN, 35)])
)
def test_what_no_receiver_takes_ends_the_word_to_the_outside(
    rig: Rig, tier: Tier, minutes: int, *, is_final: bool
) -> None:
    async def story(rig: Rig) -> None:
        with outside() as switch:
            plan = dataclasses.replace(rig.plan(), auditor=AuditorPlan(ping=switch.url))
            rules = (dataclasses.replace(plan.checks["a"].tiers[0], tier=tier),)
            checks = {**plan.checks, "a": dataclasses.replace(plan.checks["a"], tiers=rules)}
            await rig.engine.reload(dataclasses.replace(plan, checks=checks))
            for box in rig.boxes.values():
                box._faults.extend(DeliveryError("away", is_final=is_final) for _ in range(500))
            rig.source.says(50)
            await rig.minutes(minutes)
            before = switch.heard
            await rig.minutes(5)
            assert switch.heard == before
            for box in rig.boxes.values():
                box._faults.clear()
            rig.source.says(1)
            await rig.minutes(9)
            assert switch.heard > before

    rig.run(story)


@pytest.mark.long
@pytest.mark.parametrize("is_final", [False, True])
def test_a_page_that_no_receiver_takes_ends_the_word_although_its_warning_was_heard(
    rig: Rig, *, is_final: bool
) -> None:
    async def story(rig: Rig) -> None:
        with outside() as switch:
            plan = dataclasses.replace(rig.plan(), auditor=AuditorPlan(ping=switch.url))
            (warn,) = plan.checks["a"].tiers
            (limit,) = warn.limits
            page = TierRule(Tier.PAGE, (dataclasses.replace(limit, bound=90),))
            check = dataclasses.replace(plan.checks["a"], tiers=(page, warn))
            await rig.engine.reload(dataclasses.replace(plan, checks={**plan.checks, "a": check}))
            rig.source.says(50)
            await rig.minutes(9)
            for box in rig.boxes.values():
                assert all(str(note.reason) == "first notification" for note in box._sent)
                box._faults.extend(DeliveryError("away", is_final=is_final) for _ in range(500))
            assert any(box._sent for box in rig.boxes.values())
            rig.source.says(99)
            before = switch.heard
            await rig.minutes(4)
            assert switch.heard > before  # they may yet take it
            await rig.minutes(5)
            before = switch.heard
            await rig.minutes(5)
            assert switch.heard == before
            (incident,) = rig.store.history.memory().incidents.values()
            await rig.engine.order(Acknowledge(incident.id, "asha"))
            await rig.minutes(3)
            assert switch.heard > before

    rig.run(story)


def test_a_store_that_fails_is_told_past_the_outbox_once(rig: Rig) -> None:
    async def story(rig: Rig) -> None:
        await rig.minutes(1)
        rig.store.is_full = True
        await rig.minutes(6)
        (note,) = rig.boxes["oncall-slack"]._sent
        assert "cannot write its store" in note.headline
        assert "disk full" in note.headline
        rig.store.is_full = False
        await rig.minutes(2)

    rig.run(story)


def test_a_switch_that_is_away_troubles_nobody(rig: Rig) -> None:
    async def story(rig: Rig) -> None:
        away = AuditorPlan(ping="http://127.0.0.1:9/secret")
        await rig.engine.reload(dataclasses.replace(rig.plan(), auditor=away))
        rig.clock.advance(timedelta(minutes=2))
        await asyncio.wait_for(rig.engine.tick(), 5)
        await rig.engine.settle()
        assert rig.engine.trouble is None

    rig.run(story)
