"""A small platform: one scripted source, one scripted receiver, the real engine and store."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from pydantic import PrivateAttr

from monitor.api import (
    Answer,
    Asking,
    Check,
    DeliveryError,
    Direction,
    Measure,
    Notification,
    Query,
    Receipt,
    Receiver,
    Rows,
    Sample,
    Source,
    SourceError,
    Table,
)
from monitor.config.plan import Place, Plan, PlannedCheck, Schedule, Web
from monitor.core.model import Limit, Maintainer, OnCall, Outcome, Tier, TierRule
from monitor.core.state import Step
from monitor.engine.clock import VirtualClock
from monitor.engine.engine import Engine
from monitor.engine.metrics import Metrics
from monitor.store import RefusedError, Store, StoreError, open_store

START = datetime(2026, 11, 23, 12, tzinfo=UTC)


class Scripted(Source):
    """Answers with a number, or fails, or hangs, as it is told."""

    answers: ClassVar = frozenset({Rows})
    _now: object = PrivateAttr(default=1.0)
    _asked: int = PrivateAttr(default=0)
    _deaf_to: str = PrivateAttr(default="")
    _gate: asyncio.Event | None = PrivateAttr(default=None)

    def says(self, value: float | SourceError | str) -> None:
        self._now = value

    def is_deaf_to(self, check: str) -> None:
        """Let one check get no answer from now on, while the others do."""
        self._deaf_to = check

    def holds(self) -> None:
        """Keep everybody waiting until it lets go."""
        self._gate = asyncio.Event()

    def lets_go(self) -> None:
        """Answer from now on."""
        assert self._gate is not None
        self._gate.set()

    async def ask(self, query: Query, asking: Asking) -> Answer:
        self._asked += 1
        if self._gate is not None:
            await self._gate.wait()
        if asking.check == self._deaf_to:
            raise SourceError("timeout", "no answer in time")
        if isinstance(self._now, SourceError):
            raise self._now
        if self._now == "hang":
            await asyncio.Event().wait()
        return Table(observed_at=asking.now, columns={"value": (self._now,)})


class Number(Check):
    """Measures what the source says."""

    kind: ClassVar[str] = "number"
    measures: ClassVar = {"value": Measure(Direction.ABOVE)}
    text: str = "select 1"

    def ask(self, now: datetime) -> Sequence[Query]:
        return [Rows(self.text)]

    def measure(self, answers: Sequence[Answer], now: datetime) -> Sequence[Sample]:
        (table,) = answers
        assert isinstance(table, Table)
        if table.columns["value"] == ("broken",):
            raise RuntimeError("a plugin went wrong")
        return [Sample("value", row.number("value") or 0.0) for row in table.rows]


class Box(Receiver):
    """Keeps what it was sent; refuses as often as it is told."""

    _sent: list[Notification] = PrivateAttr(default_factory=list)
    _faults: list[DeliveryError] = PrivateAttr(default_factory=list)

    async def send(self, notification: Notification, receipt: Receipt | None) -> Receipt:
        if self._faults:
            raise self._faults.pop(0)
        self._sent.append(notification)
        return Receipt(self.name, notification.subject, notification.at, {"ts": "1"})


class Disk(Store):
    """A real store on a disk that can be full, and that can refuse what is about one check."""

    is_full = False
    refuses_silences = False
    refuses_settling = False
    _refused: tuple[str, frozenset[Outcome]] = ("", frozenset())

    def refuses(self, check: str, *outcomes: Outcome) -> None:
        """Refuse these outcomes of a check from now on."""
        self._refused = check, frozenset(outcomes)

    def commit(self, *steps: Step) -> None:
        if self.is_full:
            raise StoreError("disk full")
        check, outcomes = self._refused
        for one in (verdict for step in steps for verdict in step.verdicts):
            if one.check == check and one.outcome in outcomes:
                raise RefusedError(f"no {one.outcome} of {check}")
        if self.refuses_silences and any(step.silences for step in steps):
            raise RefusedError("no silences")
        if self.refuses_settling and any(step.settled for step in steps):
            raise RefusedError("nothing is settled")
        super().commit(*steps)


class Rig:
    """The engine on a virtual clock."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.clock = VirtualClock(START)
        self.source = Scripted(name="kpi", maintainer="data")
        self.other = Scripted(name="other", maintainer="data")
        self.boxes = {n: Box(name=n) for n in ("recsys-slack", "data-slack", "oncall-slack")}
        self.open()

    def open(self) -> None:
        self.store = Disk(open_store(self.url)._engine)
        self.engine = Engine(self.plan(), self.store, self.clock, Metrics())

    def restarts(self) -> None:
        """Go on as another process, on the same store."""
        self.store.close()
        self.open()

    def plan(self, *extra: str) -> Plan:
        names = {"a": "kpi", "b": "other", **dict.fromkeys(extra, "kpi")}
        rules = (TierRule(Tier.WARN, (Limit("value", 10, Measure(Direction.ABOVE).bad),)),)
        checks = {
            name: PlannedCheck(
                Number(id=name, timeout=timedelta(milliseconds=50)),
                source,
                Schedule(timedelta(minutes=1)),
                rules,
                Place("x.yaml", 1, 1),
                "recsys",
                "recsys",
            )
            for name, source in names.items()
        }
        return Plan(
            timezone="UTC",
            store="",
            web=Web(),
            sources={"kpi": self.source, "other": self.other},
            receivers=dict(self.boxes),
            maintainers={
                "recsys": Maintainer("recsys", ("recsys-slack",)),
                "data": Maintainer("data", ("data-slack",)),
            },
            resources={},
            on_call=OnCall((), ("oncall-slack",)),
            checks=checks,
        )

    async def minutes(self, count: int) -> None:
        for _ in range(count * 2):
            self.clock.advance(timedelta(seconds=30))
            await self.engine.tick()
            await self.engine.settle()

    def sent(self, box: str) -> list[str]:
        return [str(note.reason) for note in self.boxes[box]._sent]

    def run(self, story: Callable[["Rig"], Awaitable[None]]) -> None:
        async def all_of_it() -> None:
            await self.engine.start()
            await story(self)
            await self.engine.stop()

        asyncio.run(all_of_it())
