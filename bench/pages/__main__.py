"""What a page costs: CPU milliseconds of the whole answer, and its bytes.

The real application on a SQLite store: 5,000 checks of 25 teams with a day of hours, one in fifty
of them bad, and one check with 30 days of four slices, a point a minute. The server is called in
this process; no wall time, so that a busy machine changes little. The first request is left out.

Run: .venv/bin/python -m bench.pages [checks]
"""

import asyncio
import json
import random
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from prometheus_client import CollectorRegistry

from monitor.config.plan import Place, Plan, PlannedCheck, Schedule, Web
from monitor.core.labels import labels_of
from monitor.core.model import (
    Direction,
    Limit,
    Maintainer,
    OnCall,
    Outcome,
    Sample,
    Tier,
    TierRule,
    Unit,
    Verdict,
)
from monitor.core.series import Point
from monitor.core.state import Slot, Step
from monitor.engine.clock import VirtualClock
from monitor.engine.engine import Engine
from monitor.engine.metrics import Metrics
from monitor.kinds.threshold import Threshold
from monitor.store import Store, open_store
from monitor.store.hours import Hour
from monitor.web.pages import Pages, make_web

NOW = datetime(2026, 11, 23, 12, 7, tzinfo=UTC)
HOUR = timedelta(hours=1)
TEAMS, BAD, DAYS, MODELS, REQUESTS = 25, 50, 30, 4, 7


def plan_of(count: int) -> Plan:
    """Make a plan of so many checks."""
    rules = (TierRule(Tier.WARN, (Limit("value", 10, Direction.ABOVE),)),)
    teams = {f"team-{n}": Maintainer(f"team-{n}", ()) for n in range(TEAMS)}
    checks = {
        name: PlannedCheck(
            Threshold(id=name, query="select 1 as value"),
            "kpi",
            Schedule(timedelta(minutes=1)),
            rules,
            Place("checks.yaml", 1, 1),
            f"team-{n % TEAMS}",
            None,
        )
        for n, name in enumerate(f"check-{n:05d}-of-something" for n in range(count))
    }
    return Plan(
        timezone="Asia/Kolkata",
        store="",
        web=Web(),
        sources={},
        receivers={},
        maintainers=teams,
        resources={},
        on_call=OnCall((), ()),
        checks=checks,
    )


def fill(store: Store, plan: Plan, days_of_numbers: int = DAYS) -> None:
    """Write what looks have left behind."""
    draw = random.Random(1)  # made-up outcomes
    verdicts, days = [], {}
    for n, check in enumerate(plan.checks):
        is_bad = n % BAD == 0
        outcome, tier = (Outcome.WARN, Tier.WARN) if is_bad else (Outcome.OK, None)
        why = f"something is wrong with it, number {n}" if is_bad else ""
        samples = (Sample("value", float(n)),)
        at = NOW - timedelta(seconds=n % 60)
        verdicts.append(Verdict(check, (), at, outcome, tier, why, samples=samples))
        for ago in (0, 1):
            day = (NOW - timedelta(days=ago)).date()
            days[check, day] = "".join(draw.choices("owp-", (20, 1, 1, 1), k=24))
    first = next(iter(plan.checks))
    hours = {}
    for model in range(MODELS):
        key = (first, labels_of({"model": f"m{model}"}), "value")
        for ago in range(days_of_numbers * 24):
            hour = NOW.replace(minute=0) - ago * HOUR
            points = [
                Point(hour + timedelta(minutes=n), 100 * draw.random(), 10.0, 90.0, 50.0)
                for n in range(60)
            ]
            hours[key, hour] = Hour(Unit.NUMBER, points)
    store.samples.save([], days, NOW)
    store.fresh_samples.save_hours(hours)
    slots = [Slot(first, NOW - timedelta(minutes=n), NOW, Outcome.OK) for n in range(2000)]
    store.commit(Step(NOW, verdicts=tuple(verdicts), slots=tuple(slots)))


def pages_of(store: Store, plan: Plan) -> Pages:
    """Make the pages of a daemon that has the plan."""
    clock = VirtualClock(NOW)
    engine = Engine(plan, store, clock, Metrics())
    return Pages(
        store=store,
        clock=clock,
        registry=CollectorRegistry(),
        plan=lambda: engine.plan,
        world=lambda: engine.world,
        trouble=lambda: None,
        count=engine.count,
        doer=engine,
    )


async def ask(app: Callable[..., Awaitable[None]], path: str) -> int:
    """Ask for a page as a browser does; return the bytes of its body."""
    size = 0

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        nonlocal size
        assert message.get("status", 200) == 200, message  # HTTP's word for good
        size += len(message.get("body", b""))

    before, _, query = path.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": before,
        "raw_path": before.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(b"host", b"monitor"), (b"accept-encoding", b"gzip")],
        "client": ("127.0.0.1", 50_000),
        "server": ("monitor", 80),
    }
    await app(scope, receive, send)
    return size


async def measure(pages: Pages, path: str) -> dict[str, Any]:
    """Ask for a page some times."""
    app = make_web(pages)
    size, spent = await ask(app, path), []
    for _ in range(REQUESTS):
        begin = time.process_time()
        await ask(app, path)
        spent.append((time.process_time() - begin) * 1000)
    return {"path": path, "cpu ms": round(median(spent), 1), "kB": round(size / 1000, 1)}


async def main(count: int) -> None:
    """Print a line of JSON for each page."""
    plan = plan_of(count)
    with TemporaryDirectory() as folder:
        store = open_store(f"sqlite:///{Path(folder) / 'monitor.db'}")
        fill(store, plan)
        pages, check = pages_of(store, plan), next(iter(plan.checks))
        for path in ("/", f"/checks/{check}", f"/checks/{check}?days={DAYS}"):
            sys.stdout.write(json.dumps(await measure(pages, path)) + "\n")
        store.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5000))
