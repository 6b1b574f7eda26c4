import asyncio
import json
from dataclasses import replace
from datetime import datetime

import pytest

from monitor.api import DeliveryError, Notification, NotifyReason, Receipt
from monitor.core.incident import Ack, IncidentView
from monitor.render.samples import NOW, digest, resolved, view
from tests.contract.receiver_contract import note
from tests.receivers.peers.http import HttpPeer
from tests.receivers.peers.others import AlertmanagerPeer, JiraPeer, TeamsPeer
from tests.receivers.peers.pagers import JsmPeer, OpsgeniePeer, PagerDutyPeer

FIRST = note(NotifyReason.FIRST)


def send(
    peer: HttpPeer, *notes: Notification, told: Receipt | None = None, **more: object
) -> Receipt:
    async def story() -> Receipt:
        receiver = peer.receiver().model_copy(update=more)
        receipt = told
        try:
            for one in notes:
                receipt = await receiver.send(one, receipt)
        finally:
            await receiver.close()
        assert receipt is not None
        return receipt

    return asyncio.run(story())


@pytest.mark.parametrize("kind", [OpsgeniePeer, JsmPeer])
def test_a_team_that_opsgenie_refuses_after_it_said_202_is_no_delivery(
    kind: type[OpsgeniePeer],
) -> None:
    with kind() as peer, pytest.raises(DeliveryError, match="Responder does not exist") as caught:
        send(peer, FIRST, responders=("strangers",))
    assert caught.value.is_final


def test_going_from_opsgenie_to_jsm_is_one_line_and_the_open_alert_is_known_there() -> None:
    with OpsgeniePeer() as before:
        receipt = send(before, FIRST)
    with JsmPeer() as after:
        worse = note(NotifyReason.WORSE, revision=2)
        over = note(NotifyReason.RESOLVED, resolved(), revision=3)
        send(after, worse, over, told=receipt)
        (alert,) = after.alerts
    assert alert["priority"] == "P1"
    assert not alert["is_open"]


def test_news_of_an_incident_are_notes_of_its_opsgenie_alert() -> None:
    with OpsgeniePeer() as peer:
        send(peer, FIRST, note(NotifyReason.MORE_ALERTS, revision=2))
        (alert,) = peer.alerts
    assert alert["count"] == 2
    assert "new alerts in the incident" in alert["notes"][0]


def acked() -> IncidentView:
    made = view()
    return replace(made, incident=replace(made.incident, ack=Ack("asha@example.com", NOW)))


TAKEN = note(NotifyReason.ACKNOWLEDGED, acked(), revision=2)
LET_GO = note(NotifyReason.ACK_ENDED, revision=3)


def test_who_acknowledges_here_stops_pagerduty_and_it_rings_again_when_that_ends() -> None:
    with PagerDutyPeer() as peer:
        receipt = send(peer, FIRST, TAKEN)
        (alert,) = peer.alerts.values()
        assert (alert["is_open"], alert["is_acked"], alert["rings"]) == (True, True, 1)
        receipt = send(peer, LET_GO, told=receipt)
        assert (alert["is_open"], alert["is_acked"], alert["rings"]) == (True, False, 2)
        send(peer, note(NotifyReason.MORE_ALERTS, revision=4), told=receipt)
        assert alert["rings"] == 2


def test_what_is_new_of_an_acknowledged_incident_does_not_ring() -> None:
    more = note(NotifyReason.MORE_ALERTS, acked(), revision=3)
    with PagerDutyPeer() as peer:
        send(peer, FIRST, TAKEN, more)
        (alert,) = peer.alerts.values()
    assert (alert["is_acked"], alert["rings"]) == (True, 1)


def test_an_acknowledged_incident_that_a_pager_hears_of_late_is_acknowledged_there() -> None:
    with PagerDutyPeer() as peer:
        send(peer, TAKEN)
        (alert,) = peer.alerts.values()
    assert alert["is_acked"]


@pytest.mark.parametrize("kind", [OpsgeniePeer, JsmPeer])
def test_who_acknowledges_here_does_so_in_opsgenie(kind: type[OpsgeniePeer]) -> None:
    with kind() as peer:
        receipt = send(peer, FIRST, TAKEN)
        (alert,) = peer.alerts
        assert alert["is_acked"]
        send(peer, LET_GO, told=receipt)
        assert not alert["is_acked"]


def test_keys_that_are_too_long_stay_different() -> None:
    with PagerDutyPeer() as peer:
        for end in "ab":
            send(peer, replace(FIRST, subject="x" * 400 + end))
        assert len(peer.alerts) == 2


def test_a_notice_without_an_incident_reaches_a_pager() -> None:
    notice = Notification(
        "n", "n", "pd", NotifyReason.FALLBACK, NOW, headline="x could not be told"
    )
    with PagerDutyPeer() as peer:
        send(peer, notice)
        (alert,) = peer.alerts.values()
    assert alert["summary"] == "x could not be told"


def test_a_severity_that_changed_ends_the_alert_of_the_old_one_in_alertmanager() -> None:
    mild = replace(view(), members=tuple(replace(m, tier=m.tier.WARN) for m in view().members))
    with AlertmanagerPeer() as peer:
        send(peer, note(NotifyReason.FIRST, mild), note(NotifyReason.WORSE, revision=2))
        ends = {
            one["labels"]["severity"]: one["endsAt"]
            for one in peer.alerts.values()
            if one["labels"]["alertname"] == "impressions-fresh"
        }
    assert ends["warn"] == "2026-11-24T03:30:00Z"
    assert ends["page"] == "2026-12-01T03:30:00Z"


@pytest.mark.parametrize("now", [(), (("env", "prod"), ("source", "kpi2"))])
def test_an_alert_whose_labels_changed_while_it_fired_ends_in_alertmanager(
    now: tuple[tuple[str, str], ...],
) -> None:
    before, after = view(), resolved()
    own = replace(before.members[0], labels=(("env", "staging"), ("source", "kpi")))
    fired = replace(before, members=(own, *before.members[1:]))
    over = replace(after, members=(replace(after.members[0], labels=now), *after.members[1:]))
    with AlertmanagerPeer() as peer:
        receipt = send(peer, note(NotifyReason.FIRST, fired))
        assert {"staging", None} == {one["labels"].get("env") for one in peer.alerts.values()}
        assert len(firing(peer)) == 2
        send(peer, note(NotifyReason.RESOLVED, over, revision=2), told=receipt)
        assert firing(peer) == []


def firing(peer: AlertmanagerPeer) -> list[dict[str, str]]:
    ends = ((one["labels"], datetime.fromisoformat(one["endsAt"])) for one in peer.alerts.values())
    return [labels for labels, end in ends if end > NOW]


def test_an_issue_that_somebody_deleted_is_made_anew() -> None:
    with JiraPeer() as peer:
        send(peer, FIRST)
        del peer.issues["OPS-1"]
        peer.issues["OPS-0"] = {"labels": [], "status": "Done", "summary": "", "comments": []}
        send(peer, FIRST, note(NotifyReason.MORE_ALERTS, revision=2))
        (issue,) = (one for key, one in peer.issues.items() if key != "OPS-0")
    assert len(issue["comments"]) == 1


def test_a_transition_that_the_project_does_not_have_is_named() -> None:
    with JiraPeer() as peer:
        receipt = send(peer, FIRST)
        over = note(NotifyReason.RESOLVED, resolved())
        with pytest.raises(DeliveryError, match="no transition 'Closed', only To Do, Done"):
            send(peer, over, told=receipt, done="Closed")


def test_a_digest_that_is_too_large_for_a_card_says_what_is_left_out() -> None:
    story = replace(digest(), open=(view(),) * 60)
    with TeamsPeer() as peer:
        send(peer, Notification("d", "d", "teams", NotifyReason.DIGEST, NOW, digest=story))
        (card,) = peer.cards
    assert "60 open" in json.dumps(card["body"][0])
    assert "lines are left out here" in json.dumps(card["body"][-1])
