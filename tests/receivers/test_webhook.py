import asyncio
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from monitor.api import DeliveryError, Notification, NotifyReason, Receipt
from monitor.receivers.webhook import Webhook
from monitor.render.samples import NOW, digest, resolved, view


class Hook(HTTPServer):
    """Takes any POST, or answers with the status that it is told."""

    def __init__(self) -> None:
        self.posts: list[tuple[dict[str, str], bytes]] = []
        self.status, self.retry_after = 200, ""
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook?token=s3cret"

    @property
    def body(self) -> dict[str, Any]:
        made: dict[str, Any] = json.loads(self.posts[-1][1])
        return made


class Handler(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posts.append((dict(self.headers.items()), body))
        if self.server.status:
            self.send_response(self.server.status)
            self.send_header("Retry-After", self.server.retry_after)
            self.send_header("Content-Length", "0")
            self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
        pass


@pytest.fixture
def hook() -> Iterator[Hook]:
    server = Hook()
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def send(url: str, notification: Notification, secret: str | None = None) -> Receipt:
    async def once() -> Receipt:
        webhook = Webhook.model_validate({"name": "hook", "url": url, "secret": secret})
        try:
            return await webhook.send(notification, None)
        finally:
            await webhook.close()

    return asyncio.run(once())


def fails(hook: Hook, status: int, retry_after: str = "") -> DeliveryError:
    hook.status, hook.retry_after = status, retry_after
    with pytest.raises(DeliveryError) as caught:
        send(hook.url, FIRST)
    return caught.value


FIRST = Notification("i:hook:1", "i", "hook", NotifyReason.FIRST, NOW, view=view())
END = Notification("i:hook:2", "i", "hook", NotifyReason.RESOLVED, NOW, view=resolved())


def test_an_incident_is_posted_as_alertmanager_would(hook: Hook) -> None:
    send(hook.url, FIRST)
    body = hook.body
    assert (body["version"], body["status"], body["receiver"]) == ("4", "firing", "hook")
    assert body["groupKey"] == view().incident.id
    own, folded = body["alerts"]
    assert body["commonLabels"].items() == own["labels"].items() & folded["labels"].items()
    assert "severity" in body["commonLabels"]
    assert own["labels"]["alertname"] == "impressions-fresh"
    assert own["labels"]["severity"] == "page"
    assert own["startsAt"] == "2026-11-24T00:30:00Z"
    assert own["endsAt"] == "0001-01-01T00:00:00Z"
    assert "6h behind" in own["annotations"]["summary"]
    assert folded["labels"]["cause"] == "impressions-fresh"
    assert folded["fingerprint"] != own["fingerprint"]
    assert body["reason"] == "first notification"
    assert body["backfill"]


def test_the_end_is_posted_as_resolved_with_its_time(hook: Hook) -> None:
    send(hook.url, END)
    assert hook.body["status"] == "resolved"
    assert hook.body["alerts"][0]["endsAt"] == "2026-11-24T03:30:00Z"


def test_the_same_message_has_the_same_key(hook: Hook) -> None:
    send(hook.url, FIRST)
    assert hook.posts[0][0]["Idempotency-Key"] == "i:hook:1"


def test_a_message_is_a_cloud_event_in_ascii(hook: Hook) -> None:
    strange = Notification("é 1", "é%", "hook", NotifyReason.FIRST, NOW, view=view())
    send(hook.url, strange)
    headers = hook.posts[0][0]
    assert headers["ce-specversion"] == "1.0"
    assert headers["ce-type"] == "monitor.incident.firing"
    assert headers["ce-id"] == headers["Idempotency-Key"] == "%C3%A9%201"
    assert headers["ce-subject"] == "%C3%A9%25"
    assert headers["ce-time"] == "2026-11-24T03:30:00+00:00"


def test_the_signature_is_the_hmac_of_the_body(hook: Hook) -> None:
    send(hook.url, FIRST, secret="key")
    headers, body = hook.posts[0]
    expected = hmac.new(b"key", body, hashlib.sha256).hexdigest()
    assert headers["X-Monitor-Signature"] == f"sha256={expected}"


def test_without_a_secret_nothing_is_signed(hook: Hook) -> None:
    send(hook.url, FIRST)
    assert "X-Monitor-Signature" not in hook.posts[0][0]


def test_a_digest_is_posted_as_json(hook: Hook) -> None:
    send(hook.url, Notification("d", "d", "hook", NotifyReason.DIGEST, NOW, digest=digest()))
    assert hook.body["digest"]["coverage"]["due"] == 418
    assert hook.body["digest"]["verdict"].startswith("1 open")


@pytest.mark.parametrize("status", [400, 401, 404, 410, 301])
def test_what_trying_again_cannot_help_is_final(hook: Hook, status: int) -> None:
    assert fails(hook, status).is_final


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_what_may_pass_is_tried_again(hook: Hook, status: int) -> None:
    error = fails(hook, status, retry_after="7")
    assert not error.is_final
    assert error.retry_after == timedelta(seconds=7)


def test_a_lost_answer_is_ambiguous(hook: Hook) -> None:
    assert fails(hook, 0).is_ambiguous


def test_a_hook_that_is_down_is_not_ambiguous() -> None:
    gone = Hook()
    url = gone.url
    gone.server_close()
    with pytest.raises(DeliveryError) as caught:
        send(url, FIRST)
    assert not caught.value.is_ambiguous
    assert not caught.value.is_final


def test_neither_address_nor_secret_is_in_any_text(hook: Hook) -> None:
    webhook = Webhook.model_validate({"name": "hook", "url": hook.url, "secret": "k3y"})
    error = fails(hook, 400)
    assert "s3cret" not in repr(webhook) + str(webhook.model_dump()) + str(error)
    assert "k3y" not in repr(webhook)
