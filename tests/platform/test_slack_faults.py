"""Incidents told through a Slack that fails one call in five, by daemons that are killed.

Some thousand transitions in CI, some hundreds elsewhere; `MONITOR_TRANSITIONS=10000` for all.
"""

import asyncio
import os
import random
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from monitor.api import DeliveryError, Notification, NotifyReason, Receipt
from monitor.core.incident import IncidentView
from monitor.receivers.slack import Slack
from monitor.render.samples import NOW, resolved, view
from tests.often import often
from tests.platform.stack.slack import MORE_TOKENS, SlackServer
from tests.platform.stack.slack_faults import FaultyProxy

TRANSITIONS = int(os.environ.get("MONITOR_TRANSITIONS") or often(400, 3000))
OPEN_AT_ONCE = 20
SHARE_OF_FAULTS = 0.2
SHARE_OF_KILLS = 0.05
MOST_TRIES = 60
CHANNEL = "recsys-alerts"
CHANGES = (NotifyReason.WORSE, NotifyReason.MORE_ALERTS, NotifyReason.FEWER_ALERTS)


@dataclass
class Story:
    """One incident: what was told last, and the proof of it."""

    key: str
    revision: int = 0
    receipt: Receipt | None = None
    is_over: bool = False
    lines: int = 0


class Teller:
    """What the delivery of a daemon does: each notification until it is taken, in order."""

    def __init__(self, proxy: FaultyProxy, seed: int) -> None:
        self.proxy = proxy
        self.draw = random.Random(seed)  # noqa: S311  # a seed, no secret
        self.slack = self.new()
        self.kills = 0

    def new(self) -> Slack:
        return Slack(
            name="s", channel=CHANNEL, token=SecretStr("xoxb-monitor"), base_url=self.proxy.url
        )

    async def maybe_kill(self) -> bool:
        """Forget everything but the receipts, as after kill -9; say whether it was done."""
        is_killed = self.draw.random() < SHARE_OF_KILLS
        if is_killed:
            await self.slack.close()
            self.slack = self.new()
            self.kills += 1
        return is_killed

    async def tell(self, story: Story, reason: NotifyReason) -> None:
        shown = resolved() if reason is NotifyReason.RESOLVED else view()
        about = about_of(shown, story.key)
        story.revision += 1
        at = NOW + timedelta(seconds=story.revision)
        note = Notification(
            f"{story.key}:s:{story.revision}", story.key, "s", reason, at, view=about
        )
        errors: list[str] = []
        last = story.receipt
        for _ in range(MOST_TRIES):
            try:
                receipt = last = await self.slack.send(note, last)
            except DeliveryError as error:
                if error.is_final:
                    raise
                errors.append(str(error))
                if await self.maybe_kill():
                    last = story.receipt
                continue
            if await self.maybe_kill() or self.draw.random() < SHARE_OF_KILLS:
                last = story.receipt
                continue  # killed after Slack took it and before the receipt was stored
            if not receipt.is_whole:
                continue
            story.receipt = receipt
            story.is_over = reason is NotifyReason.RESOLVED
            story.lines += reason in {NotifyReason.WORSE, NotifyReason.MORE_ALERTS}
            return
        raise AssertionError(f"{note.key} was not taken: {errors[-3:]}")


def about_of(shown: IncidentView, key: str) -> IncidentView:
    """Give the incident a name of its own; nobody is called, for that is no part of this."""
    members = tuple(replace(member, check=key) for member in shown.own)
    return replace(shown, members=members, people=())


async def live(teller: Teller, transitions: int) -> list[Story]:
    stories: list[Story] = []
    running: list[Story] = []
    while transitions > 0:
        if len(running) < OPEN_AT_ONCE:
            story = Story(f"inc-{len(stories)}")
            stories.append(story)
            running.append(story)
            await teller.tell(story, NotifyReason.FIRST)
        else:
            story = teller.draw.choice(running)
            is_end = teller.draw.random() < 0.3
            reason = NotifyReason.RESOLVED if is_end else teller.draw.choice(CHANGES)
            await teller.tell(story, reason)
            if story.is_over:
                running.remove(story)
        transitions -= 1
    await teller.slack.close()
    return stories


def parents(server: SlackServer) -> dict[str, list[dict[str, Any]]]:
    """Read every message of the channel, by the incident that it is about."""
    found: dict[str, list[dict[str, Any]]] = {}
    cursor = ""
    while True:
        channel = server.channel_id(CHANNEL)
        answer = server.client().conversations_history(
            channel=channel, limit=200, cursor=cursor, include_all_metadata=True
        )
        for message in answer["messages"]:
            key = message.get("metadata", {}).get("event_payload", {}).get("key", "")
            if key.startswith("inc-"):
                found.setdefault(key.split(":")[0], []).append(message)
        cursor = (answer.get("response_metadata") or {}).get("next_cursor") or ""
        if not cursor:
            return found


def test_every_incident_ends_as_one_message_in_its_right_state(
    slack_server: SlackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.api.slack_web.TIMEOUT_SECONDS", 1)
    with FaultyProxy(slack_server.url, SHARE_OF_FAULTS, 7, MORE_TOKENS) as proxy:
        teller = Teller(proxy, seed=7)
        stories = asyncio.run(live(teller, TRANSITIONS))
    found = parents(slack_server)
    assert {key: len(found.get(key, [])) for key in (s.key for s in stories)} == {
        story.key: 1 for story in stories
    }
    for story in stories:
        (message,) = found[story.key]
        assert message["text"].startswith("RESOLVED" if story.is_over else "PAGE"), story.key
    assert proxy.refused == []
    assert sum(proxy.counts.values()) > TRANSITIONS * 0.1
    assert teller.kills > 0
