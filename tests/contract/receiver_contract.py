"""What every receiver promises: run on strict fakes and, where one can be started, the real thing.

A test module subclasses `ReceiverContract` and gives the fixture `peer`.
"""

import asyncio
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import ClassVar, Literal, Protocol, TypeAlias

import pytest

from monitor.api import DeliveryError, Notification, NotifyReason, Receipt, Receiver, Tier
from monitor.core.incident import IncidentView
from monitor.render.samples import NOW, PING, resolved, view

SECRET = "s3cret-that-nobody-may-see-00000"  # 32 characters, as PagerDuty wants them
RETRY_AFTER = timedelta(seconds=7)
Fault: TypeAlias = Literal["rate_limited", "unavailable", "refused", "drop", "drop_after_commit"]


@dataclass(frozen=True)
class Seen:
    """One thing at the peer: an alert, an issue, a message. ``thread`` groups what is one."""

    thread: str
    text: str
    is_open: bool = True
    is_page: bool = True


class Peer(Protocol):
    """Where a receiver sends to."""

    faults: list[Fault]

    def receiver(self) -> Receiver:
        """Make a receiver that sends here."""

    def seen(self) -> Sequence[Seen]:
        """Return what is there, oldest first."""

    def down(self) -> AbstractContextManager[Receiver]:
        """Give a receiver whose peer does not listen."""


def note(
    reason: NotifyReason, about: IncidentView | None = None, revision: int = 1
) -> Notification:
    return Notification(f"i-7:x:{revision}", "i-7", "x", reason, NOW, view=about or view())


def milder() -> IncidentView:
    """Give the incident as it was before it became a page."""
    made = view()
    members = tuple(replace(member, tier=Tier.WARN) for member in made.members)
    return replace(made, incident=replace(made.incident, tier=Tier.WARN), members=members)


def hostile() -> IncidentView:
    """Give an incident whose texts try everything."""
    text = f"{PING} \x00\x07\u202e <at>all</at> [x](http://y) *b* " + "\N{COLLISION SYMBOL}" * 5000
    made = view()
    members = tuple(
        replace(one, resource=text, summary=text, link=text, runbook=text) for one in made.members
    )
    incident = replace(made.incident, resource=text)
    return replace(made, incident=incident, members=members * 20)


class ReceiverContract:
    """The suite. The class variables say what a peer cannot do."""

    keeps_one: ClassVar[bool] = True
    """One thing an incident, changed for its news; else one message for each notification."""
    knows_doubles: ClassVar[bool] = True
    """The same notification twice is there once."""
    knows_end: ClassVar[bool] = True
    """The end of an incident can be told from its beginning."""
    asks_to_wait: ClassVar[timedelta | None] = RETRY_AFTER
    """What a peer says that takes no more for now; SMTP has no words for it."""

    def send(self, peer: Peer, *notes: Notification) -> list[Receipt]:
        """Send by one receiver, each with the last receipt, as delivery does."""

        async def story() -> list[Receipt]:
            receiver = peer.receiver()
            receipts: list[Receipt] = []
            try:
                for one in notes:
                    last = receipts[-1] if receipts else None
                    while not (last := await receiver.send(one, last)).is_whole:
                        pass
                    receipts.append(last)
            finally:
                await receiver.close()
            return receipts

        return asyncio.run(story())

    def fails(self, peer: Peer, fault: Fault) -> DeliveryError:
        peer.faults.append(fault)
        with pytest.raises(DeliveryError) as caught:
            self.send(peer, note(NotifyReason.FIRST))
        return caught.value

    def threads(self, peer: Peer) -> list[str]:
        return list(dict.fromkeys(one.thread for one in peer.seen()))

    def test_the_first_notification_makes_one_thing_that_says_what_is_ill(self, peer: Peer) -> None:
        (receipt,) = self.send(peer, note(NotifyReason.FIRST))
        (made,) = peer.seen()
        assert made.is_open
        assert made.is_page
        assert "events.impressions_hourly is 6h behind" in made.text
        assert (receipt.subject, receipt.at) == ("i-7", NOW)

    def test_a_backfill_command_is_there_to_be_copied(self, peer: Peer) -> None:
        self.send(peer, note(NotifyReason.FIRST))
        assert "airflow backfill create --from-date 2026-11-23T19:00:00Z" in peer.seen()[0].text

    def test_an_incident_that_gets_worse_stays_one_thing_and_becomes_a_page(
        self, peer: Peer
    ) -> None:
        before = note(NotifyReason.FIRST, milder())
        self.send(peer, before, note(NotifyReason.WORSE, revision=2))
        assert peer.seen()[-1].is_page
        if self.keeps_one:
            assert len(self.threads(peer)) == 1

    def test_the_end_of_an_incident_ends_the_same_thing(self, peer: Peer) -> None:
        self.send(
            peer,
            note(NotifyReason.FIRST),
            note(NotifyReason.MORE_ALERTS, revision=2),
            note(NotifyReason.RESOLVED, resolved(), revision=3),
        )
        assert peer.seen()[-1].is_open is not self.knows_end
        if self.keeps_one:
            assert len(self.threads(peer)) == 1

    def test_an_incident_that_comes_back_is_open_again(self, peer: Peer) -> None:
        self.send(
            peer,
            note(NotifyReason.FIRST),
            note(NotifyReason.RESOLVED, resolved(), revision=2),
            note(NotifyReason.MORE_ALERTS, revision=3),
        )
        assert peer.seen()[-1].is_open

    def test_the_same_notification_again_makes_nothing_new(self, peer: Peer) -> None:
        self.send(peer, note(NotifyReason.FIRST))
        self.send(peer, note(NotifyReason.FIRST))
        assert len(self.threads(peer)) == (1 if self.knows_doubles else 2)

    def test_what_was_taken_before_its_answer_was_lost_is_there_once_after_a_retry(
        self, peer: Peer
    ) -> None:
        error = self.fails(peer, "drop_after_commit")
        assert error.is_ambiguous
        assert not error.is_final
        self.send(peer, note(NotifyReason.FIRST))
        assert len(self.threads(peer)) == (1 if self.knows_doubles else 2)

    def test_what_was_lost_on_the_way_is_there_after_a_retry(self, peer: Peer) -> None:
        assert not self.fails(peer, "drop").is_final
        self.send(peer, note(NotifyReason.FIRST))
        assert len(self.threads(peer)) == 1

    def test_a_peer_that_asks_to_wait_is_obeyed(self, peer: Peer) -> None:
        error = self.fails(peer, "rate_limited")
        assert error.retry_after == self.asks_to_wait
        assert not error.is_final
        assert not error.is_ambiguous

    def test_a_peer_that_is_out_of_order_is_tried_again(self, peer: Peer) -> None:
        assert not self.fails(peer, "unavailable").is_final

    def test_a_peer_that_refuses_for_good_is_not_tried_again(self, peer: Peer) -> None:
        assert self.fails(peer, "refused").is_final

    def test_a_peer_that_does_not_listen_has_taken_nothing(self, peer: Peer) -> None:
        async def story(receiver: Receiver) -> DeliveryError:
            with pytest.raises(DeliveryError) as caught:
                await receiver.send(note(NotifyReason.FIRST), None)
            await receiver.close()
            return caught.value

        with peer.down() as receiver:
            error = asyncio.run(story(receiver))
        assert not error.is_ambiguous
        assert not error.is_final

    def test_hostile_text_of_any_length_is_taken_by_a_strict_peer(self, peer: Peer) -> None:
        self.send(peer, note(NotifyReason.FIRST, hostile()))
        assert peer.seen()

    def test_the_secret_is_in_no_text(self, peer: Peer) -> None:
        error = self.fails(peer, "refused")
        receiver = peer.receiver()
        assert SECRET not in repr(receiver) + str(receiver.model_dump()) + str(error)
