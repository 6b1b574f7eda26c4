"""A small platform with owners and lineage, whose parts fail as a seed says."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import ClassVar

from pydantic import PrivateAttr

from monitor.api import (
    Answer,
    Asking,
    Check,
    DeliveryError,
    Direction,
    Measure,
    Measured,
    NoData,
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
from monitor.core.model import Hold, Hours, Limit, Maintainer, OnCall, Resource, Tier, TierRule
from monitor.core.state import Rebase

START = datetime(2026, 11, 23, 8, 20, tzinfo=UTC)
EVERY = timedelta(minutes=1)
CHECKS = {
    # check: resource, source, maintainer, slices
    "trino": ("trino.adhoc", "rest", "data", 1),
    "table": ("events", "warehouse", "data", 1),
    "dash": ("superset", "warehouse", "analytics", 1),
    "metric": ("kpi", "warehouse", "recsys", 3),
    "stray": (None, "rest", None, 1),
}
UPSTREAM = {"events": ("trino.adhoc",), "superset": ("events",), "kpi": ("events",)}
PARTED = 0.1
"""The share of messages that take two sends."""

LEVELS = {"ok": 1.0, "warn": 50.0, "page": 500.0}


class Dies:
    """Where a process may be killed: it stops there and does nothing ever after."""

    def __init__(self, random: Random, chance: float) -> None:
        self._random, self._chance = random, chance
        self.life = 0
        self.is_dead = False
        self.died = asyncio.Event()

    async def point(self) -> None:
        """Go on, or never."""
        if not self.is_dead and self._random.random() < self._chance:
            self.is_dead = True
            self.died.set()
        if self.is_dead:
            await asyncio.Event().wait()

    def rise(self) -> None:
        """Start the next life."""
        self.life += 1
        self.is_dead = False
        self.died = asyncio.Event()

    def spare(self) -> None:
        """Kill nobody any more."""
        self._chance = 0.0


@dataclass
class Truth:
    """What is really the case; ``levels`` by check and slice, ``down`` sources.

    ``changed_at`` is since when a level is what it is, ``accepted`` what is stored of people who
    took the level of a slice for its new normal.
    """

    levels: dict[tuple[str, int], str] = field(default_factory=dict)
    down: dict[str, str] = field(default_factory=dict)
    changed_at: dict[tuple[str, int], datetime] = field(default_factory=dict)
    accepted: Callable[[str], Iterable[Rebase]] = lambda _check: ()

    def seen(self, check: str) -> list[tuple[int, str]]:
        """Give the levels of a check as it judges them: what was accepted since is normal."""
        normal = {dict(one.slice).get("slice"): one.at for one in self.accepted(check)}
        mine = [(n, level) for (name, n), level in sorted(self.levels.items()) if name == check]
        return [
            (n, "ok" if str(n) in normal and self._is_since(check, n, normal[str(n)]) else level)
            for n, level in mine
        ]

    def _is_since(self, check: str, number: int, at: datetime) -> bool:
        changed_at = self.changed_at.get((check, number))
        return changed_at is None or at >= changed_at


class Number(Check):
    """Measures what is really the case."""

    kind: ClassVar[str] = "number"
    measures: ClassVar = {"value": Measure(Direction.ABOVE)}

    count: int

    def ask(self, now: datetime) -> Sequence[Query]:
        return [Rows(self.id)]

    def measure(self, answers: Sequence[Answer], now: datetime) -> Sequence[Measured]:
        (table,) = answers
        assert isinstance(table, Table)
        found: list[Measured] = []
        for name, level in zip(table.columns["slice"], table.columns["level"], strict=True):
            labels = (("slice", str(name)),) if self.count > 1 else ()
            if level == "no data":
                found.append(NoData("nothing there", labels))
            else:
                found.append(Sample("value", LEVELS[str(level)], labels))
        return found


class Learned(Number):
    """Judges by a normal that people may change."""

    kind: ClassVar[str] = "learned"
    learns: ClassVar[bool] = True


class Asked(Source):
    """Answers from the truth, or fails as it says."""

    answers: ClassVar = frozenset({Rows})

    _truth: Truth = PrivateAttr()

    def knows(self, truth: Truth) -> "Asked":
        self._truth = truth
        return self

    async def ask(self, query: Query, asking: Asking) -> Answer:
        assert isinstance(query, Rows)
        fault = self._truth.down.get(self.name)
        if fault == "hang":
            await asyncio.sleep(asking.timeout.total_seconds() + 60)
        if fault == "raise":
            raise KeyError("data")
        if fault == "nonsense":
            return None  # type: ignore[return-value]  # a plugin may do anything
        if fault is not None:
            raise SourceError("unreachable", "connection refused")
        mine = self._truth.seen(query.text)
        return Table(
            observed_at=asking.now,
            columns={"slice": tuple(n for n, _ in mine), "level": tuple(v for _, v in mine)},
        )


@dataclass(frozen=True)
class Arrival:
    """A message that arrived; ``is_sure`` says that its sender was told so."""

    at: datetime
    life: int
    note: Notification
    is_sure: bool


class Phone(Receiver):
    """Keeps what arrives; refuses, hangs, drops answers as the seed says."""

    rate: ClassVar[float] = 5.0

    _random: Random = PrivateAttr()
    _dies: Dies = PrivateAttr()
    _arrived: list[Arrival] = PrivateAttr(default_factory=list)
    _fault: str | None = PrivateAttr(default=None)
    _trouble: float = PrivateAttr(default=0.0)
    _begun: set[str] = PrivateAttr(default_factory=set)

    def rings(self, random: Random, dies: Dies, trouble: float) -> "Phone":
        self._random, self._dies, self._trouble = random, dies, trouble
        return self

    async def send(self, notification: Notification, receipt: Receipt | None) -> Receipt:
        await self._dies.point()
        fault = self._fault
        if fault is None and self._random.random() < self._trouble:
            fault = self._random.choice(["refuse", "busy", "hang", "drop", "slow", "gone"])
        if fault == "refuse":
            raise DeliveryError("503")
        if fault == "busy":
            raise DeliveryError("429", retry_after=timedelta(seconds=self._random.randint(1, 90)))
        if fault == "gone":
            raise DeliveryError("channel_not_found", is_final=True)
        if fault == "hang":
            await asyncio.sleep(3600)
        if fault == "slow":
            await asyncio.sleep(self._random.uniform(1, 20))
        where = Receipt(self.name, notification.subject, notification.at, {"n": "1"})
        if notification.key not in self._begun and self._random.random() < PARTED:
            self._begun.add(notification.key)
            return replace(where, is_whole=False)
        arrival = Arrival(notification.at, self._dies.life, notification, fault != "drop")
        self._arrived.append(arrival)
        if fault == "drop":
            raise DeliveryError("no answer", is_ambiguous=True)
        await self._dies.point()
        return where


class Loud(Phone):
    """Hears of every incident by a storm."""

    told_apart: ClassVar[int | None] = 0


PHONES = (
    "data-chat",
    "data-pager",
    "analytics-chat",
    "recsys-chat",
    "recsys-pager",
    "recsys-pager-2",
    "recsys-new",
    "oncall",
)
RULES = (
    TierRule(Tier.WARN, (Limit("value", 10, Direction.ABOVE),)),
    TierRule(Tier.PAGE, (Limit("value", 100, Direction.ABOVE),), Hold(timedelta(minutes=1))),
)
TWO_OF_THREE = (
    TierRule(Tier.WARN, (Limit("value", 10, Direction.ABOVE),), Hold(needed=2, window=3)),
)


def plan_of(sources: dict[str, Source], phones: dict[str, Receiver], *, variant: int = 0) -> Plan:
    """Describe the platform; variants are what a reload may bring."""
    checks = {
        name: PlannedCheck(
            (Learned if name == "metric" else Number)(
                id=name, timeout=timedelta(seconds=10), count=count
            ),
            source,
            Schedule(EVERY),
            TWO_OF_THREE if name == "dash" else RULES,
            Place("x.yaml", 1, 1),
            "team",
            maintainer,
            resource,
            wake=name == "trino",
            keep_firing_for=timedelta(minutes=2) if name == "metric" else timedelta(0),
        )
        for name, (resource, source, maintainer, count) in CHECKS.items()
        for kind in (Learned if name == "metric" else Number,)
    }
    if variant == 1:
        checks.pop("stray")
    chat = "recsys-new" if variant == 2 else "recsys-chat"  # the second variant
    at_work = Hours(frozenset(range(7)), 8 * 60, 9 * 60)
    pagers = ("recsys-pager", "recsys-pager-2")
    return Plan(
        timezone="UTC",
        store="",
        web=Web(),
        sources=sources,
        receivers=phones,
        maintainers={
            "data": Maintainer("data", ("data-chat",), ("data-pager",)),
            "analytics": Maintainer("analytics", ("analytics-chat",)),
            "recsys": Maintainer("recsys", (chat,), pagers, at_work),
        },
        resources={
            **{name: Resource(name, None, upstream) for name, upstream in UPSTREAM.items()},
            "trino.adhoc": Resource("trino.adhoc"),
        },
        on_call=OnCall((), ("oncall",)),
        checks=checks,
    )


def without_pagers(plan: Plan) -> Plan:
    """Drop the pagers of everybody: a reroute."""
    teams = {name: replace(team, page=()) for name, team in plan.maintainers.items()}
    return replace(plan, maintainers=teams)
