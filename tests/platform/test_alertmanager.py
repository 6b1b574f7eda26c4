"""The contract of receivers, on a real Alertmanager behind a proxy that breaks on demand."""

import json
from collections.abc import Iterator
from email.message import Message
from typing import Any

import httpx
import pytest

from monitor.api import Receiver
from monitor.receivers.alertmanager import Alertmanager
from tests.contract.receiver_contract import SECRET, Peer, ReceiverContract, Seen
from tests.platform.stack.alertmanager import AlertmanagerServer
from tests.receivers.peers.http import Answer, HttpPeer


class Proxy(HttpPeer):
    """Hands everything on to the real one; the notes of the tests are old, so alerts stay long."""

    def __init__(self, real: AlertmanagerServer) -> None:
        super().__init__()
        self.real = real
        self.was_told = False

    def receiver_at(self, url: str) -> Receiver:
        given = {"name": "am", "url": url, "token": SECRET, "stays": "36500d"}
        return Alertmanager.model_validate(given)

    def handle(self, verb: str, path: str, body: Any, headers: Message) -> Answer:
        answer = httpx.request(verb, self.real.url + path, json=body, timeout=10)
        self.was_told = True
        return answer.status_code, answer.text or None

    def seen(self) -> list[Seen]:
        mine = [one for one in self.real.alerts() if "cause" not in one["labels"]]
        if not mine:
            return [Seen("impressions-fresh", "", is_open=False)] if self.was_told else []
        return [
            Seen(
                alert["labels"]["alertname"],
                json.dumps(alert, ensure_ascii=False),
                is_page=alert["labels"]["severity"] == "page",
            )
            for alert in mine
        ]


class TestAlertmanager(ReceiverContract):
    @pytest.fixture
    def peer(self, alertmanager_server: AlertmanagerServer) -> Iterator[Peer]:
        alertmanager_server.end_all()
        with Proxy(alertmanager_server) as peer:
            yield peer
        assert peer.refusals == []

    def test_an_incident_that_gets_worse_leaves_one_alert(self, peer: Peer) -> None:
        self.test_an_incident_that_gets_worse_stays_one_thing_and_becomes_a_page(peer)
        assert len(peer.seen()) == 1
