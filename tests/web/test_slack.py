"""Clicks and commands of Slack, signed, on the real engine and a virtual clock."""

import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from monitor.api import SourceError
from monitor.cli.silence import silence as typed
from monitor.config.plan import Plan
from monitor.core.model import Maintainer
from monitor.core.trail import Deed
from monitor.receivers.slack import Slack
from monitor.web.slack_http import is_signed
from tests.engine.rig import START, Rig
from tests.web.test_api import Site

SECRET = "signing-secret"
ASHA, EVE = "U00000001", "U00000002"
ADDRESSES = {ASHA: "asha@example.com", EVE: "eve@example.com"}
Story = Callable[["Desk"], Awaitable[None]]


class Workspace(HTTPServer):
    """A Slack that knows two people, opens windows and takes answers to clicks."""

    def __init__(self) -> None:
        self.windows: list[dict[str, Any]] = []
        self.answers: list[str] = []
        super().__init__(("127.0.0.1", 0), Handler)
        Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Workspace

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self.path.endswith("users.info"):  # the SDK sends what is read as a form
            address = next((ADDRESSES[user] for user in ADDRESSES if user in raw), None)
            found = {"ok": True, "user": {"profile": {"email": address}}}
            self.reply(found if address else {"ok": False, "error": "user_not_found"})
            return
        body = json.loads(raw)
        if self.path.endswith("views.open"):
            self.server.windows.append(body["view"])
        else:
            self.server.answers.append(body["text"])
        self.reply({"ok": True})

    def reply(self, body: dict[str, Any]) -> None:
        text = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
        pass


class SlackRig(Rig):
    """The rig whose team has people and a Slack with buttons."""

    def __init__(self, url: str, slack: Workspace) -> None:
        self.slack = slack
        super().__init__(url)

    def plan(self, *extra: str) -> Plan:
        made = super().plan(*extra)
        app = Slack.model_validate(
            {
                "name": "app",
                "channel": "x",
                "token": "xoxb",
                "signing_secret": SECRET,
                "base_url": f"{self.slack.url}/api/",
            }
        )
        team = Maintainer("recsys", ("recsys-slack",), people=("asha@example.com",))
        return replace(
            made,
            receivers={**made.receivers, "app": app},
            maintainers={**made.maintainers, "recsys": team},
        )


class Desk(Site):
    """A site that Slack calls."""

    rig: SlackRig

    async def call(self, path: str, form: dict[str, str], secret: str = SECRET) -> httpx.Response:
        body = urlencode(form)
        at = str(int(self.rig.clock.now().timestamp()))
        signed = hmac.new(secret.encode(), f"v0:{at}:{body}".encode(), hashlib.sha256)
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Slack-Request-Timestamp": at,
            "X-Slack-Signature": f"v0={signed.hexdigest()}",
        }
        return await self.http.post(f"http://monitor/slack/{path}", content=body, headers=headers)

    async def click(self, action: str, incident: str, user: str = ASHA, at: str = "1.0") -> None:
        payload = {
            "type": "block_actions",
            "user": {"id": user},
            "trigger_id": "t",
            "response_url": f"{self.rig.slack.url}/answer",
            "actions": [{"action_id": f"monitor:{action}", "value": incident, "action_ts": at}],
        }
        answer = await self.call("actions", {"payload": json.dumps(payload)})
        assert answer.status_code == 200

    async def submit(self, window: str, incident: str, **values: str) -> None:
        state = {
            "values": {
                block: {block: {"selected_option": {"value": value}}}
                for block, value in values.items()
            }
        }
        view = {
            "id": "V1",
            "hash": "h",
            "callback_id": f"monitor:{window}",
            "private_metadata": incident,
            "state": state,
        }
        payload = {"type": "view_submission", "user": {"id": ASHA}, "view": view}
        await self.call("actions", {"payload": json.dumps(payload)})

    async def deeds(self, incident: str) -> list[tuple[str, str]]:
        told = await self.get(f"incidents/{incident}")
        return [(one["what"], one["who"]) for one in told["timeline"] if one["who"] != "monitor"]


@pytest.fixture
def tell(tmp_path: Path) -> Callable[[Story], None]:
    def run(story: Story) -> None:
        slack = Workspace()
        rig = SlackRig(f"sqlite:///{tmp_path}/monitor.db", slack)
        rig.run(lambda started: story(Desk(started)))
        rig.store.close()
        slack.shutdown()
        slack.server_close()

    return run


def test_a_click_on_acknowledge_is_done_once_by_who_clicked(tell: Callable[[Story], None]) -> None:
    async def story(desk: Desk) -> None:
        incident = await desk.breaks()
        await desk.click("ack", incident)
        await desk.click("ack", incident)
        assert await desk.deeds(incident) == [("acknowledged", "asha@example.com")]
        assert desk.rig.slack.answers == []

    tell(story)


def test_a_stranger_is_refused_and_told_so(tell: Callable[[Story], None]) -> None:
    async def story(desk: Desk) -> None:
        incident = await desk.breaks()
        await desk.click("ack", incident, user=EVE)
        assert await desk.deeds(incident) == []
        assert "neither the owner's nor on call" in desk.rig.slack.answers[0]

    tell(story)


def test_a_silence_of_an_hour_covers_the_check_and_ends(tell: Callable[[Story], None]) -> None:
    async def story(desk: Desk) -> None:
        incident = await desk.breaks()
        await desk.click("silence_1h", incident)
        (silence,) = await desk.get("silences")
        assert silence["createdBy"] == "asha@example.com"
        ends = datetime.fromisoformat(silence["endsAt"])
        assert ends - desk.rig.clock.now() == timedelta(hours=1)
        (said,) = desk.rig.slack.answers
        assert "Silenced until Mon 23 Nov 13:02 (UTC)" in said
        command, key = said.partition("`monitor silence ")[2].rstrip("`.").split()
        assert key == silence["id"]
        assert command in typed.commands

    tell(story)


def test_not_mine_asks_whose_it_is_and_hands_it_over_with_a_tag(
    tell: Callable[[Story], None],
) -> None:
    async def story(desk: Desk) -> None:
        incident = await desk.breaks()
        await desk.click("not_mine", incident)
        (window,) = desk.rig.slack.windows
        options = window["blocks"][1]["element"]["options"]
        assert [one["value"] for one in options] == ["data"]
        await desk.submit("not_mine", incident, to="data")
        told = await desk.get(f"incidents/{incident}")
        assert told["incident"]["assignee"] == "data"
        (handed,) = [one for one in told["timeline"] if one["what"] == "reassigned"]
        assert "tag a with maintainer: data" in handed["why"]

    tell(story)


def test_a_silence_of_a_chosen_length_is_made_from_its_window(
    tell: Callable[[Story], None],
) -> None:
    async def story(desk: Desk) -> None:
        incident = await desk.breaks()
        await desk.click("silence", incident)
        assert desk.rig.slack.windows[0]["callback_id"] == "monitor:silence"
        await desk.submit("silence", incident, span="3 days", why="migration")
        (silence,) = await desk.get("silences")
        assert silence["comment"] == "migration"
        ends = datetime.fromisoformat(silence["endsAt"])
        assert ends - desk.rig.clock.now() == timedelta(days=3)

    tell(story)


def test_run_now_and_explain_are_answered_to_the_one_who_clicked(
    tell: Callable[[Story], None],
) -> None:
    async def story(desk: Desk) -> None:
        incident = await desk.breaks()
        await desk.click("run", incident)
        await desk.click("explain", incident)
        looked, explained = desk.rig.slack.answers
        assert "a: warn: value 50" in looked
        assert "owner: recsys" in explained
        assert "told: recsys-slack" in explained
        who = "asha@example.com"
        assert await desk.deeds(incident) == [("looked at by hand", who), ("explained", who)]

    tell(story)


def test_run_now_where_there_is_no_check_says_so(tell: Callable[[Story], None]) -> None:
    async def story(desk: Desk) -> None:
        labels = {"alertname": "HostDown", "maintainer": "recsys"}
        await desk.post("alertmanager", [{"labels": labels}])
        await desk.rig.minutes(1)
        desk.rig.source.says(SourceError("unreachable", "it is down"))
        await desk.rig.minutes(5)
        found = {one["incident"]["check"]: one["incident"] for one in await desk.get("incidents")}
        for number, check in enumerate(("source/kpi", "alertmanager/recsys/HostDown")):
            await desk.click("run", found[check]["id"], at=f"{number}")
        assert (
            desk.rig.slack.answers == ["There is no check to run: this comes from elsewhere."] * 2
        )

    tell(story)


def test_a_click_on_an_incident_that_is_over_says_so(tell: Callable[[Story], None]) -> None:
    async def story(desk: Desk) -> None:
        await desk.click("ack", "gone")
        assert desk.rig.slack.answers == ["This incident is over."]

    tell(story)


def test_the_slash_command_tells_how_things_are(tell: Callable[[Story], None]) -> None:
    async def story(desk: Desk) -> None:
        await desk.breaks()
        status = (await desk.call("commands", {"text": "status"})).json()
        assert status["response_type"] == "ephemeral"
        assert "*1 open*; slices: 1 ok, 1 warn" in status["text"]
        look = (await desk.call("commands", {"text": "check b", "user_id": ASHA})).json()
        assert "b: ok: value 1" in look["text"]
        _, (asked,) = desk.rig.store.history.trail(desk.rig.clock.now())
        assert (asked.deed, asked.who, asked.what) == (Deed.LOOKED, "asha@example.com", "b")
        wrong = (await desk.call("commands", {"text": "check <!channel>"})).json()
        assert "There is no check &lt;!channel&gt;" in wrong["text"]
        assert "/monitor status" in (await desk.call("commands", {"text": "help"})).json()["text"]

    tell(story)


def test_a_look_that_is_typed_is_answered_later_for_slack_waits_three_seconds(
    tell: Callable[[Story], None],
) -> None:
    async def story(desk: Desk) -> None:
        url = f"{desk.rig.slack.url}/answer"
        form = {"text": "check b", "user_id": ASHA, "response_url": url}
        at_once = await desk.call("commands", form)
        assert at_once.json() == {"response_type": "ephemeral", "text": "Looking ..."}
        (found,) = desk.rig.slack.answers
        assert "b: ok: value 1" in found

    tell(story)


@pytest.mark.parametrize("user", [EVE, "nobody that Slack knows", ""])
def test_a_stranger_may_ask_how_things_are_but_have_nothing_looked_at(
    user: str, tell: Callable[[Story], None]
) -> None:
    async def story(desk: Desk) -> None:
        await desk.rig.minutes(1)
        told = (await desk.call("commands", {"text": "check b", "user_id": user})).json()["text"]
        assert told.startswith("You may not do that here: n")
        assert desk.rig.store.history.trail(START) == (0, [])
        status = (await desk.call("commands", {"text": "status", "user_id": user})).json()["text"]
        assert "*0 open*" in status

    tell(story)


def test_what_slack_did_not_sign_is_refused(tell: Callable[[Story], None]) -> None:
    async def story(desk: Desk) -> None:
        for path in ("actions", "commands"):
            assert (await desk.call(path, {"text": "status"}, "wrong")).status_code == 401
        assert (await desk.call("actions", {"payload": "nonsense"})).status_code == 400
        assert (await desk.call("actions", {"payload": "[]"})).status_code == 400

    tell(story)


@pytest.mark.parametrize(
    ("timestamp", "is_good"),
    [("1795599297", True), ("1795598990", False), ("soon", False), ("", False), ("٣", False)],
)
def test_a_signature_counts_for_five_minutes_and_a_strange_time_is_no_error(
    timestamp: str, is_good: bool
) -> None:
    now = datetime.fromtimestamp(1795599297, tz=datetime.now().astimezone().tzinfo)  # noqa: TID251  # any zone
    base = f"v0:{timestamp}:body".encode()
    signature = "v0=" + hmac.new(SECRET.encode(), base, hashlib.sha256).hexdigest()
    assert is_signed(SECRET, timestamp, signature, b"body", now) is is_good
    assert not is_signed("", timestamp, signature, b"body", now)


def test_answers_go_to_slack_only(tell: Callable[[Story], None]) -> None:
    async def story(desk: Desk) -> None:
        payload = {
            "type": "block_actions",
            "user": {"id": ASHA},
            "response_url": "http://169.254.169.254/latest",
            "actions": [{"action_id": "monitor:ack", "value": "gone", "action_ts": "1"}],
        }
        await desk.call("actions", {"payload": json.dumps(payload)})
        assert desk.rig.slack.answers == []

    tell(story)
