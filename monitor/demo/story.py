"""The demo: the real daemon code on a virtual clock, against the embedded platform."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from monitor.app import App
from monitor.config.load import load
from monitor.core.alert import Alert
from monitor.core.notification import Notification
from monitor.core.view import views_of
from monitor.demo import day
from monitor.demo.cluster import Cluster
from monitor.demo.warehouse import Warehouse
from monitor.engine.clock import VirtualClock
from monitor.store import Store, open_store
from monitor.store.codec import DIGEST, INCIDENT_VIEW
from monitor.testing.prometheus import ScriptedPrometheus
from monitor.testing.slack import ScriptedSlack
from monitor.testing.trino import ScriptedTrino
from monitor.web.pages import make_web

STEP = timedelta(minutes=5)


def shipped(name: str) -> Path:
    """Return a file or folder that ships with the program: installed, or in a checkout."""
    package = Path(__file__).parent.parent
    installed = package / "_shipped" / name
    return installed if installed.exists() else package.parent / name


@dataclass
class Stage:
    """Everything that the demo runs on."""

    app: App
    clock: VirtualClock
    store: Store
    warehouse: Warehouse
    slack: ScriptedSlack

    async def step(self) -> None:
        """Move on by five minutes: first the platform, then the daemon."""
        before = self.clock.now()
        now = self.clock.advance(STEP)
        self.warehouse.advance(now)
        for at, path in day.PINGS:
            if before < at <= now:
                await self._ping(path)
        await self.app.engine.tick()
        await self.app.engine.settle()

    async def _ping(self, path: str) -> None:
        transport = httpx.ASGITransport(make_web(self.app.pages))
        async with httpx.AsyncClient(transport=transport, base_url="http://monitor") as job:
            (await job.post(path)).raise_for_status()


@contextmanager
def stage() -> Iterator[Stage]:
    """Build the platform and the daemon; take both down again."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="monitor-demo-")))
        clock = VirtualClock(day.START)
        warehouse = Warehouse(folder / "warehouse.db", day.START)
        stack.callback(warehouse.close)
        day.script(warehouse)
        prometheus = stack.enter_context(ScriptedPrometheus(day.latencies))
        trino = stack.enter_context(ScriptedTrino(Cluster(clock.now).state))
        slack = stack.enter_context(ScriptedSlack())
        env = {
            "KPI_URL": f"sqlite:///{folder / 'warehouse.db'}",
            "PROMETHEUS_URL": prometheus.url,
            "TRINO_URL": f"trino://monitor@{trino.url.removeprefix('http://')}/hive",
            "SLACK_URL": slack.url,
            "SLACK_TOKEN": "xoxb-demo",
            "STORE_URL": f"sqlite:///{folder / 'monitor.db'}",
            "LISTEN": "127.0.0.1:0",
        }
        plan = load(shipped("config.yaml"), env)
        store = open_store(plan.store)
        stack.callback(store.close)
        yield Stage(App(plan, store, clock), clock, store, warehouse, slack)


async def play(on: Stage, told: Callable[[Notification], None], pause_seconds: float = 0.0) -> None:
    """Play the day to its end; ``told`` hears of each message when it has arrived."""
    heard: set[tuple[str, str]] = set()
    await on.app.engine.start()
    while on.clock.now() < day.END:
        await on.step()
        for note in on.app.engine.delivery.take_sent():
            if (note.key, note.receiver) not in heard:
                heard.add((note.key, note.receiver))
                told(note)
        if pause_seconds:
            await asyncio.sleep(pause_seconds)


def report(on: Stage) -> dict[str, Any]:
    """Gather what happened: every alert that fired, every incident, and the digest."""
    history = on.store.history
    incidents = history.incidents(day.START - STEP, day.END + STEP)
    alerts = history.alerts_of(incident.id for incident in incidents)
    world = on.app.engine.world
    views = views_of(incidents, alerts, world)
    digest = on.store.journal.digest("morning")
    return {
        "alerts": [_alert(on, alert) for alert in alerts],
        "incidents": [INCIDENT_VIEW.dump_python(view, mode="json") for view in views],
        "digest": None if digest is None else DIGEST.dump_python(digest, mode="json"),
    }


def _alert(on: Stage, alert: Alert) -> dict[str, Any]:
    facts = on.app.engine.world.checks.get(alert.check)
    receipts = on.store.outbox.receipts(alert.incident or "")
    incident = on.store.history.incident(alert.incident or "")
    is_own = incident is not None and incident.check == alert.check
    owner = incident.maintainer if incident and is_own else (facts.maintainer if facts else None)
    team = on.app.plan.maintainers.get(owner or "")
    told = [proof.receiver for proof in receipts]
    mine = [name for name in told if team and name in team.receivers] or told
    return {
        "check": alert.check,
        "kind": facts.kind if facts else "removed",
        "slice": dict(alert.slice),
        "tier": alert.tier,
        "maintainer": owner,
        "receiver": mine[0] if mine else None,
        "incident": alert.incident,
        "fired_at": _iso(alert.fired_at),
        "resolved_at": _iso(alert.resolved_at),
    }


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
