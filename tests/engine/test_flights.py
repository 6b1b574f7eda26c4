import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

import pytest
from pydantic import PrivateAttr

from monitor.api import Answer, Asking, Cost, Query, Rows, Source, SourceError, Table
from monitor.core.model import Outcome
from monitor.engine.bulkheads import Bulkheads
from monitor.engine.metrics import Metrics
from tests.engine.rig import START, Rig

SECOND = timedelta(seconds=1)


class Gated(Source):
    """Answers when it is let, and notes who asked and what was cancelled."""

    answers: ClassVar = frozenset({Rows})
    _asked: list[str] = PrivateAttr(default_factory=list)
    _askers: list[tuple[tuple[str, str], ...]] = PrivateAttr(default_factory=list)
    _ended: list[str] = PrivateAttr(default_factory=list)
    _gate: asyncio.Event = PrivateAttr(default_factory=asyncio.Event)

    async def ask(self, query: Query, asking: Asking) -> Answer:
        self._asked.append(asking.check)
        self._askers.append(asking.askers)
        try:
            await self._gate.wait()
        except asyncio.CancelledError:
            self._ended.append(asking.check)
            raise
        return Table(observed_at=asking.now, columns={}, cost=Cost(queries=1, bytes=400))


@dataclass(frozen=True)
class Listed(Query):
    """A question of a plugin that cannot be hashed."""

    names: list[str]


class Bench:
    """A source behind its bulkhead."""

    def __init__(self) -> None:
        self.source, self.metrics = Gated(name="kpi"), Metrics()
        self.bulkheads = Bulkheads({"kpi": self.source}, self.metrics)

    def ask(
        self,
        check: str,
        query: Query = Rows("select 1"),  # noqa: B008  # frozen
        team: str = "recsys",
        after: timedelta = timedelta(0),
        timeout: timedelta = SECOND,
    ) -> "asyncio.Task[Answer]":
        asking = Asking(START + after, timeout, check, team)
        return asyncio.create_task(self.bulkheads.ask("kpi", query, asking))

    async def begin(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)

    def value(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, labels)


def test_checks_that_ask_the_same_at_one_moment_share_a_question() -> None:
    async def story() -> None:
        bench = Bench()
        tasks = [bench.ask(check) for check in "abc"]
        await bench.begin()
        bench.source._gate.set()
        answers = await asyncio.gather(*tasks)
        assert bench.source._asked == ["a"]
        assert bench.source._askers == [tuple((check, "recsys") for check in "abc")]
        assert answers[0] is answers[1] is answers[2]
        assert bench.value("monitor_batch_checks_sum") == 3
        assert bench.value("monitor_batch_checks_count") == 1

    asyncio.run(story())


@pytest.mark.parametrize(
    "other",
    [
        {"query": Rows("select 2")},
        {"query": Rows("select 1", since=START)},
        {"after": SECOND},
        {"timeout": 2 * SECOND},
        {"query": Listed(["x"])},
    ],
)
def test_what_differs_is_asked_for_itself(other: dict[str, object]) -> None:
    async def story() -> None:
        bench = Bench()
        tasks = [bench.ask("a"), bench.ask("b", **other)]  # type: ignore[arg-type]  # as named
        await bench.begin()
        bench.source._gate.set()
        await asyncio.gather(*tasks)
        assert sorted(bench.source._asked) == ["a", "b"]

    asyncio.run(story())


def test_the_cost_of_a_shared_question_is_split_among_those_who_asked() -> None:
    async def story() -> None:
        bench = Bench()
        tasks = [bench.ask(f"c{n}", team="ads" if n else "recsys") for n in range(4)]
        await bench.begin()
        bench.source._gate.set()
        await asyncio.gather(*tasks)
        assert bench.value("monitor_source_bytes_total", source="kpi", team="ads") == 300
        assert bench.value("monitor_source_bytes_total", source="kpi", team="recsys") == 100

    asyncio.run(story())


def test_one_that_leaves_does_not_take_the_answer_from_the_others() -> None:
    async def story() -> None:
        bench = Bench()
        first, second = bench.ask("a"), bench.ask("b")
        await bench.begin()
        first.cancel()
        await bench.begin()
        assert bench.source._ended == []
        bench.source._gate.set()
        assert isinstance(await second, Table)

    asyncio.run(story())


def test_the_last_one_that_leaves_ends_the_question_on_the_source() -> None:
    async def story() -> None:
        bench = Bench()
        tasks = [bench.ask("a"), bench.ask("b")]
        await bench.begin()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert bench.source._ended == ["a"]

    asyncio.run(story())


def test_a_question_that_fails_fails_for_all_who_asked_it_and_each_slot_says_so(rig: Rig) -> None:
    async def story(rig: Rig) -> None:
        await rig.engine.reload(rig.plan("c", "d"))
        await rig.minutes(2)
        rig.source.says(SourceError("query", "no such column"))
        before = rig.source._asked
        await rig.minutes(3)
        assert rig.source._asked == before + 3

    rig.run(story)
    slots = rig.store.slots.summaries(START, START + timedelta(hours=1))
    assert [slots[check].counts[Outcome.ERROR] for check in "acd"] == [3, 3, 3]
