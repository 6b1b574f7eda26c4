"""Five thousand checks turn red within ten seconds; what arrives at Slack and at the pagers, when.

The daemon's engine and Slack's receivers are the real ones; Slack is the scripted server, and the
clock is virtual, so that it can be told to the millisecond when a message was taken.
"""

import asyncio
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pydantic import PrivateAttr, SecretStr

from monitor.api import Direction, Measure, Notification, Receipt, Receiver
from monitor.config.plan import Place, Plan, PlannedCheck, Schedule, Web
from monitor.core.model import Limit, Maintainer, OnCall, Resource, Tier, TierRule
from monitor.engine.clock import VirtualClock
from monitor.engine.engine import Engine
from monitor.engine.metrics import Metrics
from monitor.receivers.slack import Slack
from monitor.store import open_store
from monitor.testing.slack import Answer, ScriptedSlack
from tests.engine.rig import START, Number, Scripted

pytestmark = pytest.mark.long

CHECKS, TEAMS, CHANNELS = 5000, 200, 20
STEP = timedelta(milliseconds=100)
MOST_MESSAGES = 10
PAGE_WITHIN = timedelta(seconds=2)
RULES = (TierRule(Tier.PAGE, (Limit("value", 10, Measure(Direction.ABOVE).bad),)),)


@dataclass
class Watched(ScriptedSlack):
    """Notes when each message was posted in which channel."""

    clock: VirtualClock = field(default_factory=lambda: VirtualClock(START))
    posts: dict[str, list[datetime]] = field(default_factory=lambda: defaultdict(list))

    def call(self, method: str, fields: dict[str, Any]) -> Answer:
        answer = super().call(method, fields)
        if method == "chat.postMessage" and answer["ok"]:
            self.posts[self.messages[-1]["channel"]].append(self.clock.now())
        return answer


class Pager(Receiver):
    """Notes when it rings."""

    _clock: VirtualClock = PrivateAttr()
    _rang: list[tuple[datetime, str]] = PrivateAttr(default_factory=list)

    def at(self, clock: VirtualClock) -> "Pager":
        self._clock = clock
        return self

    async def send(self, notification: Notification, receipt: Receipt | None) -> Receipt:
        self._rang.append((self._clock.now(), notification.subject))
        return Receipt(self.name, notification.subject, notification.at)


class Storm:
    """A daemon with many checks, owners and receivers, of which each team has its own."""

    def __init__(
        self, server: Watched, folder: Path, *, has_cause: bool, own_receivers: bool
    ) -> None:
        self.server, self.clock = server, server.clock
        self.source = Scripted(name="kpi", maintainer="data")
        self.has_cause = has_cause
        self.pagers = {f"pager-{n}": Pager(name=f"pager-{n}").at(self.clock) for n in range(TEAMS)}
        count = TEAMS if own_receivers else CHANNELS
        self.chats = {f"chat-{n}": self.slack(f"chat-{n}", n % CHANNELS) for n in range(count)}
        self.teams = {
            f"team-{n}": Maintainer(f"team-{n}", (f"chat-{n % count}",), (f"pager-{n}",))
            for n in range(TEAMS)
        }
        self.seen: list[str] = []
        self.red_at: datetime | None = None
        self.engine = Engine(
            self.plan(), open_store(f"sqlite:///{folder}/monitor.db"), self.clock, Metrics()
        )

    def slack(self, name: str, channel: int) -> Slack:
        token = SecretStr("xoxb-1")
        return Slack(name=name, channel=f"c{channel}", token=token, base_url=self.server.url)

    def check(self, name: str, team: str, resource: str | None, *, is_first: bool) -> PlannedCheck:
        made = Number(id=name, timeout=timedelta(seconds=5))
        # Several intervals, so that the looks after a moment are spread over the ten seconds.
        every = timedelta(seconds=1 if is_first else 5 + len(self.seen) % 6)
        self.seen.append(name)
        schedule = Schedule(every)
        place = Place("x.yaml", 1, 1)
        return PlannedCheck(made, "kpi", schedule, RULES, place, "t", team, resource, wake=True)

    def plan(self) -> Plan:
        checks = {
            f"c-{n}": self.check(
                f"c-{n}",
                f"team-{n % TEAMS}",
                f"table-{n}" if self.has_cause else None,
                is_first=False,
            )
            for n in range(CHECKS)
        }
        resources = {}
        if self.has_cause:
            checks["trino"] = self.check("trino", "team-0", "trino", is_first=True)
            resources = {
                f"table-{n}": Resource(f"table-{n}", None, ("trino",)) for n in range(CHECKS)
            }
            resources["trino"] = Resource("trino", "team-0")
        return Plan(
            timezone="UTC",
            store="",
            web=Web(),
            sources={"kpi": self.source},
            receivers={**self.chats, **self.pagers},
            maintainers=self.teams,
            resources=resources,
            on_call=OnCall((), ("chat-0",)),
            checks=checks,
        )

    async def seconds(self, count: float) -> None:
        for _ in range(round(count / STEP.total_seconds())):
            self.clock.advance(STEP)
            await self.engine.tick()
            await self.engine.settle()
            if self.red_at is None and self.engine.memory.incidents:
                self.red_at = self.clock.now()

    async def live(self) -> None:
        await self.engine.start()
        await self.seconds(11)
        assert not self.engine.memory.incidents
        self.source.says(50.0)
        await self.seconds(11)
        firing = sum(one.state.is_firing for one in self.engine.memory.alerts.values())
        assert firing == CHECKS + self.has_cause
        await self.seconds(19)
        await self.engine.stop()


def stormed(folder: Path, *, has_cause: bool, own_receivers: bool) -> Storm:
    with Watched() as server:
        storm = Storm(server, folder, has_cause=has_cause, own_receivers=own_receivers)
        asyncio.run(storm.live())
    return storm


def hold(storm: Storm) -> None:
    """Hold what is promised of every storm."""
    posts = storm.server.posts
    assert set(posts) == {f"c{n}" for n in range(CHANNELS)}
    assert max(map(len, posts.values())) <= MOST_MESSAGES
    gaps = [after - before for times in posts.values() for before, after in pairwise(times)]
    assert min(gaps, default=timedelta(seconds=1)) >= timedelta(seconds=1)
    rang = sorted(at for pager in storm.pagers.values() for at, _ in pager._rang)
    assert storm.red_at is not None
    assert rang[0] - storm.red_at <= PAGE_WITHIN
    assert max(len({one for _, one in p._rang}) for p in storm.pagers.values()) <= MOST_MESSAGES


def test_with_one_cause_each_channel_hears_of_the_cause(tmp_path: Path) -> None:
    storm = stormed(tmp_path, has_cause=True, own_receivers=False)
    hold(storm)
    assert max(map(len, storm.server.posts.values())) <= 2
    assert sum(len(pager._rang) > 0 for pager in storm.pagers.values()) == 1


@pytest.mark.parametrize("own_receivers", [False, True])
def test_without_a_cause_each_channel_gets_few_messages_that_say_how_many(
    tmp_path: Path, own_receivers: bool
) -> None:
    storm = stormed(tmp_path, has_cause=False, own_receivers=own_receivers)
    hold(storm)
    each = CHECKS // CHANNELS
    for channel in storm.server.posts:
        texts = [one["text"] for one in storm.server.parents(channel)]
        assert sum(f"{each - 4} incidents at once" in text for text in texts) == 1, texts
    rung = Counter(len({one for _, one in pager._rang}) for pager in storm.pagers.values())
    assert rung == {5: TEAMS}  # four of their own, and the rest in one
