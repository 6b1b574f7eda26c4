import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from monitor.api import DeliveryError, Notification, NotifyReason
from monitor.receivers.apprise import Apprise
from tests.contract.receiver_contract import note


class Taker(BaseHTTPRequestHandler):
    taken: list[dict[str, Any]] = []  # noqa: RUF012  # one server, one list
    status = 200

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.taken.append(json.loads(body))
        self.send_response(self.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
        pass


@pytest.fixture
def url() -> Iterator[str]:
    Taker.taken.clear()
    Taker.status = 200
    server = HTTPServer(("127.0.0.1", 0), Taker)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"json://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


def send(url: str, notification: Notification) -> None:
    receiver = Apprise.model_validate({"name": "tail", "url": url})
    asyncio.run(receiver.send(notification, None))


@pytest.mark.long
def test_an_incident_goes_through_apprise_as_title_and_text(url: str) -> None:
    send(url, note(NotifyReason.FIRST))
    (taken,) = Taker.taken
    assert taken["title"].startswith("PAGE impressions-fresh")
    assert "airflow backfill create" in taken["message"]
    assert taken["type"] == "failure"


def test_what_apprise_could_not_deliver_is_an_error(url: str) -> None:
    Taker.status = 500
    with pytest.raises(DeliveryError):
        send(url, note(NotifyReason.FIRST))


def test_an_address_that_apprise_does_not_know_is_final() -> None:
    with pytest.raises(DeliveryError) as caught:
        send("nonsense", note(NotifyReason.FIRST))
    assert caught.value.is_final
