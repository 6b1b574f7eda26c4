"""What one look costs, in CPU time of the whole process: asked, judged, stored with fsync.

The real engine on a virtual clock, a SQLite store in a file with synchronous=FULL, one check in
each slot. Ways to ask: a source in this process where a hundred checks share a question, the same
where each has its own; SQLite: shared, each its own, and different questions that are asked
together, or each alone; and Prometheus over HTTP, each alone. The collector of garbage is set as in
the daemon. The figure is CPU microseconds a look, and the same in units of a calibration loop that
ran just before, which is what can be compared between machines. No wall time, so a busy machine
changes little.
"""

import gc
import json
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import ClassVar

from monitor.api import (
    Answer,
    Asking,
    Check,
    Direction,
    Measure,
    Query,
    Rows,
    Sample,
    Source,
    Table,
)
from monitor.app import COLLECT_AFTER
from monitor.config.plan import Place, Plan, PlannedCheck, Schedule, Web
from monitor.core.model import Limit, Maintainer, OnCall, Tier, TierRule
from monitor.engine.clock import VirtualClock
from monitor.engine.engine import Engine
from monitor.engine.metrics import Metrics
from monitor.sources.prometheus import Prometheus
from monitor.sources.sql import Sql
from monitor.store import open_store
from monitor.testing.memory import Memory

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
SHARE = 100
"""Checks that ask the same question, in the way that shares."""

STEP = timedelta(seconds=1)
CALIBRATION_ROUNDS = 2_000


class Instant(Source):
    """Answers at once, from this process."""

    answers: ClassVar = frozenset({Rows})

    async def ask(self, query: Query, asking: Asking) -> Answer:
        """Answer with the number one."""
        return Table(observed_at=asking.now, columns={"value": (1.0,)})


class Number(Check):
    """Measures the one number that it asks for."""

    kind: ClassVar[str] = "number"
    measures: ClassVar = {"value": Measure(Direction.ABOVE)}
    text: str

    def ask(self, now: datetime) -> Sequence[Query]:
        """Ask for it."""
        return [Rows(self.text)]

    def measure(self, answers: Sequence[Answer], now: datetime) -> Sequence[Sample]:
        """Give it."""
        (table,) = answers
        assert isinstance(table, Table)
        return [Sample("value", row.number("value") or 0.0) for row in table.rows]


def plan_of(source: Source, texts: Sequence[str]) -> Plan:
    """Make a plan of one check for each text, each due every minute."""
    rules = (TierRule(Tier.WARN, (Limit("value", 1e9, Direction.ABOVE),)),)
    checks = {
        f"check-{n}": PlannedCheck(
            Number(id=f"check-{n}", text=text),
            source.name,
            Schedule(timedelta(minutes=1)),
            rules,
            Place("x.yaml", 1, 1),
            f"team-{n % 10}",
            "data",
        )
        for n, text in enumerate(texts)
    }
    return Plan(
        timezone="UTC",
        store="",
        web=Web(),
        sources={source.name: source},
        receivers={"box": Memory(name="box")},
        maintainers={"data": Maintainer("data", ("box",))},
        resources={},
        on_call=OnCall((), ("box",)),
        checks=checks,
    )


def calibrate() -> float:
    """Return CPU microseconds of a fixed piece of Python work: dictionaries, JSON, dates."""
    spent = []
    for _ in range(5):
        started = time.process_time()
        for n in range(CALIBRATION_ROUNDS):
            row = {"at": (START + timedelta(seconds=n)).isoformat(), "value": n / 3}
            json.loads(json.dumps(row))
        spent.append((time.process_time() - started) / CALIBRATION_ROUNDS * 1e6)
    return median(spent)


@contextmanager
def as_in_the_daemon() -> Iterator[None]:
    """Let the collector of garbage pass over what is there, and come as rarely as there."""
    before = gc.get_threshold()
    gc.set_threshold(COLLECT_AFTER)
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)


async def cost(plan: Plan, store: Path, minutes: int) -> tuple[float, int]:
    """Return CPU microseconds a look after the first minute, and how many looks."""
    clock = VirtualClock(START)
    opened = open_store(f"sqlite:///{store}")
    engine = Engine(plan, opened, clock, Metrics())
    await engine.start()

    async def run(span: timedelta) -> None:
        until = clock.now() + span
        while clock.now() < until:
            clock.advance(STEP)
            await engine.tick()
            await engine.settle()

    await run(timedelta(minutes=1))
    with as_in_the_daemon():
        before, started = clock.now(), time.process_time()
        await run(timedelta(minutes=minutes))
        spent = time.process_time() - started
    found = opened.slots.summaries(before, clock.now() + STEP)
    looks = sum(sum(one.counts.values()) for one in found.values())
    await engine.stop()
    opened.close()
    return spent / looks * 1e6, looks


def over_http(url: str, checks: int) -> tuple[Source, list[str]]:
    """Return how a Prometheus is asked by each check alone."""
    texts = [f'up{{job="{n}"}}' for n in range(checks)]
    return Prometheus(name="kpi", url=url, batch=False), texts


def ways(folder: Path, checks: int) -> dict[str, tuple[Source, list[str]]]:
    """Return each way to ask: the source, and the text of each check."""
    base = folder / "kpi.db"
    with sqlite3.connect(base) as kpi:
        kpi.execute("create table if not exists kpi as select 1 as value")
    kpi.close()
    own = [f"select {n} + value as value from kpi" for n in range(checks)]  # noqa: S608  # our own
    shared = [own[n // SHARE] for n in range(checks)]
    counts = [
        f"select count(*) + {n} as value from kpi where value < {n}"  # noqa: S608  # our own
        for n in range(checks)
    ]
    instant, url = Instant(name="kpi"), f"sqlite:///{base}"
    return {
        "in process, 100 checks a question": (instant, shared),
        "in process, one check a question": (instant, own),
        "SQLite, 100 checks a question": (Sql(name="kpi", url=url), shared),
        "SQLite, one check a question": (Sql(name="kpi", url=url), own),
        "SQLite, different counts": (Sql(name="kpi", url=url), counts),
        "SQLite, different counts, `batch: false`": (
            Sql(name="kpi", url=url, batch=False),
            counts,
        ),
    }
