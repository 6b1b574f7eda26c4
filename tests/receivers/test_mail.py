import asyncio
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest

from monitor.api import DeliveryError, Notification, NotifyReason, Receipt
from monitor.render import samples
from monitor.render.samples import NOW, digest, metric, resolved, whole_digest
from tests.contract.receiver_contract import note
from tests.receivers.peers.mail import MailPeer, part


@pytest.fixture
def peer() -> Iterator[MailPeer]:
    with MailPeer() as made:
        yield made


def send(peer: MailPeer, *notes: Notification) -> None:
    async def story() -> None:
        receiver = peer.receiver()
        receipt: Receipt | None = None
        for one in notes:
            receipt = await receiver.send(one, receipt)
        await receiver.close()

    asyncio.run(story())


def test_mails_of_one_incident_answer_its_first(peer: MailPeer) -> None:
    send(peer, note(NotifyReason.FIRST), note(NotifyReason.RESOLVED, resolved(), revision=2))
    first, second = peer.mails
    assert second["In-Reply-To"] == first["Message-ID"]
    assert second["Message-ID"] != first["Message-ID"]
    assert first["Auto-Submitted"] == "auto-generated"
    assert first["Subject"] == second["Subject"]
    assert first["Subject"].startswith(str(resolved().incident.check))


def test_a_storm_has_one_subject_however_many_there_are(peer: MailPeer) -> None:
    begun = samples.storm()
    fewer = replace(begun, incident=replace(begun.incident, members=250))
    send(peer, note(NotifyReason.FIRST, begun), note(NotifyReason.STORM_CHANGED, fewer, revision=2))
    assert {str(mail["Subject"]) for mail in peer.mails} == {"Many incidents at once"}
    assert "250 incidents at once" in part(peer.mails[1], "plain")


def test_a_mail_is_text_and_html_and_foreign_text_is_no_markup(peer: MailPeer) -> None:
    send(peer, note(NotifyReason.FIRST))
    (mail,) = peer.mails
    assert mail.get_content_type() == "multipart/alternative"
    assert "because of it: superset.exec" in part(mail, "plain")
    assert "&lt;!channel&gt;" in part(mail, "html")
    assert "<script" not in part(mail, "html")


def test_a_digest_is_a_mail_whose_subject_is_the_verdict(peer: MailPeer) -> None:
    send(peer, Notification("d", "d", "mail", NotifyReason.DIGEST, NOW, digest=digest()))
    (mail,) = peer.mails
    assert str(mail["Subject"]).startswith("morning digest: 1 open (1 page): 417 of 418 checks ran")
    assert "<h1>1 open (1 page)" in part(mail, "html")


def test_an_address_that_is_refused_is_an_error_though_others_were_taken(peer: MailPeer) -> None:
    peer.unknown = {"ben@example.com"}
    with pytest.raises(DeliveryError, match=r"ben@example\.com") as caught:
        send(peer, note(NotifyReason.FIRST))
    assert caught.value.is_final
    assert len(peer.mails) == 1


def test_a_name_with_line_ends_adds_no_header(peer: MailPeer) -> None:
    headline = "gone\r\nBcc: all@example.com"
    send(peer, Notification("n", "n", "mail", NotifyReason.FALLBACK, NOW, headline=headline))
    (mail,) = peer.mails
    assert mail["Bcc"] is None


def test_the_four_weeks_before_an_alert_of_a_metric_are_a_picture_in_its_mail(
    peer: MailPeer,
) -> None:
    send(peer, note(NotifyReason.FIRST, metric()))
    (mail,) = peer.mails
    (picture,) = [part for part in mail.walk() if part.get_content_type() == "image/png"]
    assert picture["Content-ID"] == "<chart-1>"
    html = part(mail, "html")
    assert 'src="cid:chart-1"' in html
    assert "impressions of model=ctr, variant=B: last" in html


def test_without_the_drawer_of_pictures_a_mail_has_a_line_of_bars(
    peer: MailPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    send(peer, note(NotifyReason.FIRST, metric()))
    (mail,) = peer.mails
    assert [one for one in mail.walk() if one.get_content_type() == "image/png"] == []
    html = part(mail, "html")
    assert "cid:" not in html
    assert "▇" in html


def test_the_charts_of_a_digest_are_pictures_in_the_mail(peer: MailPeer) -> None:
    send(peer, Notification("d", "d", "mail", NotifyReason.DIGEST, NOW, digest=whole_digest()))
    (mail,) = peer.mails
    (picture,) = [part for part in mail.walk() if part.get_content_type() == "image/png"]
    assert picture["Content-ID"] == "<chart-1>"
    assert picture.get_payload(decode=True)[:8] == b"\x89PNG\r\n\x1a\n"  # type: ignore[index]
    html = part(mail, "html")
    assert 'src="cid:chart-1"' in html
    assert "<svg" not in html
