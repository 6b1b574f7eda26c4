"""Nights that somebody or something spoilt: a digest never calls them all clear.

Fifty nights in CI, some of them elsewhere; a night that fails is replayed by its number.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import TypeAlias

import pytest

from monitor.api import Answer, Asking, Query, SourceError, Table
from monitor.config.plan import DigestPlan, Place, Plan, Problem
from monitor.core.digest import Mood
from monitor.render.digest import as_html, as_json, as_text
from monitor.render.slack import digest_messages
from tests.engine.rig import Rig, Scripted
from tests.often import often

NIGHTS = often(1, 50)
LENGTH = 24
MORNING = DigestPlan("morning", 12, LENGTH, frozenset(range(7)))


class Emptying(Scripted):
    """Answers with an empty table when it is told to."""

    async def ask(self, query: Query, asking: Asking) -> Answer:
        if self._now == "empty":
            return Table(observed_at=asking.now, columns={"value": ()})
        return await super().ask(query, asking)


class Night(Rig):
    """A short night that ends with a digest; ``spoil`` happens in the middle of it."""

    problems: tuple[Problem, ...] = ()

    def open(self) -> None:
        self.source = Emptying(name="kpi", maintainer="data")
        super().open()

    def plan(self, *extra: str) -> Plan:
        made = super().plan(*extra)
        return replace(made, digests=(MORNING,), problems=self.problems)

    async def pass_with(self, sabotage: "Sabotage", start: int, length: int) -> None:
        await self.engine.start()
        await self.minutes(start)
        await sabotage(self, length)
        await self.minutes(max(0, LENGTH - start - length) + 3)
        await self.engine.stop()

    async def source_says(self, what: float | str | SourceError, length: int) -> None:
        self.source.says(what)
        await self.minutes(length)
        self.source.says(1)


Sabotage: TypeAlias = Callable[[Night, int], Awaitable[None]]


async def crash(night: Night, length: int) -> None:
    await night.source_says("broken", length)


async def trino_down(night: Night, length: int) -> None:
    await night.source_says(SourceError("unreachable", "Trino is down"), length)


async def overloaded(night: Night, length: int) -> None:
    await night.source_says(SourceError("overload", "the queue is full"), length)


async def stale(night: Night, length: int) -> None:
    await night.source_says("empty", length)


async def table_gone(night: Night, length: int) -> None:
    await night.source_says(SourceError("missing", "no such table"), length)


async def scheduler_stalled(night: Night, length: int) -> None:
    night.clock.advance(timedelta(minutes=length))


async def daemon_off(night: Night, length: int) -> None:
    await night.engine.stop()
    night.store.close()
    night.clock.advance(timedelta(minutes=length))
    night.open()
    await night.engine.start()


async def red_to_the_end(night: Night, length: int) -> None:
    night.source.says(50)
    await night.minutes(length)


async def broken_file(night: Night, length: int) -> None:
    night.problems = (Problem(Place("checks/x.yaml", 1, 1), "unknown key 'evry'"),)
    await night.engine.reload(night.plan())
    await night.minutes(length)


SABOTAGE = (
    crash,
    trino_down,
    overloaded,
    stale,
    table_gone,
    scheduler_stalled,
    daemon_off,
    red_to_the_end,
    broken_file,
)


def told(night: Night) -> Mapping[str, object]:
    digest = night.store.journal.digest("morning")
    assert digest is not None
    texts = f"{as_text(digest)} {as_html(digest)} {digest_messages(digest)} {as_json(digest)}"
    return {"mood": digest.mood, "says": "all clear" in texts.lower().replace("_", " ")}


@pytest.mark.parametrize("number", range(NIGHTS))
def test_a_night_that_was_spoilt_is_never_all_clear(number: int, tmp_path: object) -> None:
    draw = random.Random(number)  # noqa: S311  # a seed, no secret
    sabotage = SABOTAGE[number % len(SABOTAGE)]
    night = Night(f"sqlite:///{tmp_path}/m.db")
    length = draw.randint(17, 22)
    asyncio.run(night.pass_with(sabotage, draw.randint(1, LENGTH - length), length))
    assert told(night)["mood"] is not Mood.ALL_CLEAR, (sabotage.__name__, number)
    assert not told(night)["says"]


def test_a_night_that_nobody_spoilt_is_all_clear(tmp_path: object) -> None:
    async def nothing(night: Night, length: int) -> None:
        await night.minutes(length)

    night = Night(f"sqlite:///{tmp_path}/m.db")
    asyncio.run(night.pass_with(nothing, 1, 20))
    assert told(night) == {"mood": Mood.ALL_CLEAR, "says": True}
