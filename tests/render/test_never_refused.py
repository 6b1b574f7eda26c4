"""Whatever is in alerts and digests, nobody refuses the message, and it calls nobody.

A hundred thousand of them take twenty minutes: MONITOR_EXAMPLES=100000. A seed that fails is
replayed by `alert(seed)` or `digest(seed)` of `tests.render.poison`.
"""

import json
import os
import re
from collections.abc import Iterator
from email import message_from_bytes, policy

import pytest

from monitor.core.incident import IncidentView
from monitor.core.notification import Notification
from monitor.core.whole import write_json
from monitor.receivers.opsgenie import Opsgenie
from monitor.receivers.pagerduty import PagerDuty
from monitor.receivers.webhook import headers_of
from monitor.render.adaptive import card_of
from monitor.render.alert_chart import charts_of
from monitor.render.alertmanager import api_alerts, body_of
from monitor.render.blocks import Block, plain, section, validate
from monitor.render.digest import as_text
from monitor.render.incident import notification_text
from monitor.render.issue import issue_fields
from monitor.render.mail import compose
from monitor.render.page import page_of
from monitor.render.samples import NOW
from monitor.render.slack import digest_messages, incident_blocks, thread_line
from monitor.render.slack_parts import LONGEST_PLAIN, chart_blocks, ladder
from monitor.render.summary import title
from monitor.render.templates import escape
from tests.contract.receiver_contract import SECRET
from tests.receivers.peers.others import AlertmanagerPeer, field_faults
from tests.receivers.peers.pagers import OpsgeniePeer, event_faults
from tests.render.poison import FOREIGN, alert, digest
from tests.render.test_slack_messages import sdk_takes

pytestmark = pytest.mark.long

EXAMPLES = int(os.environ.get("MONITOR_EXAMPLES") or 5_000)
PERSON = "<@U00000001>"
DRAWN = 20
"""Of so many messages one is a mail, too: its pictures take longer than all the rest."""

LARGEST_CARD = 28 * 1024
HEADERS = {
    "From", "To", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "Auto-Submitted",
    "Importance", "X-Monitor-Key", "MIME-Version", "Content-Type",
}  # fmt: skip
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]")
PAGERDUTY = PagerDuty.model_validate({"name": "pd", "key": SECRET})
OPSGENIE = Opsgenie.model_validate({"name": "og", "key": SECRET, "responders": ["recsys"]})


def test_nobody_refuses_an_alert_and_it_calls_nobody() -> None:
    wrong = [f"seed {n}: {one}" for n in range(EXAMPLES // 2) for one in alert_faults(alert(n), n)]
    assert wrong == []


def test_nobody_refuses_a_digest_and_it_calls_nobody() -> None:
    wrong = [
        f"seed {n}: {one}" for n in range(EXAMPLES // 2) for one in digest_faults(digest(n), n)
    ]
    assert wrong == []


def alert_faults(note: Notification, seed: int) -> Iterator[str]:
    view = note.view
    assert view is not None
    blocks = incident_blocks(view, "UTC", note.headline, people=[PERSON], has_buttons=True)
    yield from slack_faults(escape(title(view)), blocks)
    line = thread_line(note, "UTC", [PERSON])
    yield from slack_faults(line or "-", [section(line or "-")])
    for chart in charts_of(view):
        drawn = chart_blocks(chart, "UTC")
        yield from slack_faults(plain(drawn), drawn)
    yield from text_faults(notification_text(note, "UTC"))
    yield from mail_faults(note, seed)
    yield from card_faults(note)
    yield from page_faults(note, view)


def digest_faults(note: Notification, seed: int) -> Iterator[str]:
    story = note.digest
    assert story is not None
    for blocks in digest_messages(story):
        yield from slack_faults(plain(blocks), blocks)
    yield from text_faults(as_text(story))
    yield from mail_faults(note, seed)
    yield from card_faults(note)
    strict(json.loads(write_json(body_of(note), default=str)))


def strict(value: object) -> str:
    """Write JSON as the library of HTTP does, which knows no infinity."""
    return json.dumps(value, allow_nan=False)


def slack_faults(text: str, blocks: list[Block]) -> Iterator[str]:
    yield from validate(blocks)
    sdk_takes(blocks)
    for rung in ladder(text, blocks):
        written = plain(rung["blocks"]) + rung["text"]
        written = written.replace(PERSON, "")
        yield from (f"Slack: {mark}" for mark in ("<!", "<@", "<http") if mark in written)
        if not rung["text"].strip() or len(rung["text"]) > LONGEST_PLAIN:
            yield f"Slack: a text of {len(rung['text'])} characters"
        strict(rung).encode()


def text_faults(text: str) -> Iterator[str]:
    found = CONTROL.search(text)
    if found:
        yield f"text: {found[0]!r}"


def mail_faults(note: Notification, seed: int) -> Iterator[str]:
    if seed % DRAWN:
        return
    mail = compose(note, "UTC", "m@example.com", ["a@example.com"], is_first=True)
    read = message_from_bytes(mail.as_bytes(), policy=policy.default)
    yield from (f"mail: header {name}" for name in set(read.keys()) - HEADERS)
    written = mail.get_body(("html",))
    if written is not None and (FOREIGN in written.get_content() or "<script" in str(written)):
        yield "mail: foreign markup"


def card_faults(note: Notification) -> Iterator[str]:
    card = card_of(note, "UTC")
    if len(strict(card).encode()) > LARGEST_CARD:
        yield "Teams: too large"
    if '"TextBlock"' in strict(card):
        yield "Teams: a text that is read as Markdown"


def page_faults(note: Notification, view: IncidentView) -> Iterator[str]:
    page = page_of(note, "UTC")
    event = PAGERDUTY.event(page, "trigger" if page.is_open else "resolve")
    yield from (f"PagerDuty: {one}" for one in event_faults(event))
    yield from (f"Jira: {one}" for one in field_faults(issue_fields(page)))
    status, answer = OpsgeniePeer().create(OPSGENIE._alert(page))
    if status >= 400:
        yield f"Opsgenie: {answer}"
    headers = {name: str(value) for name, value in headers_of(note).items()}
    yield from (f"webhook: {n}" for n, v in headers.items() if not v.isascii() or "\n" in v)
    strict(json.loads(write_json(body_of(note), default=str)))
    alerts = api_alerts(view, NOW)
    strict([alerts, event, issue_fields(page), OPSGENIE._alert(page)])
    status, answer = AlertmanagerPeer().handle("POST", "/api/v2/alerts", alerts, None)  # type: ignore[arg-type]  # it reads none
    if status >= 400:
        yield f"Alertmanager: {answer}"
