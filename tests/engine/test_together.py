"""A batch of different questions: everybody gets what he would have got alone."""

import asyncio
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import PrivateAttr

from monitor.api import Answer, Answers, Asking, Query, Rows, Source, SourceError, Table, Together
from monitor.api.errors import SourceFault
from monitor.config.plan import Place, PlannedCheck, Schedule
from monitor.core.advance import Finding
from monitor.core.model import Direction, Limit, Outcome, Tier, TierRule
from monitor.engine.batches import ALONE_FOR, Apart, gather
from monitor.engine.bulkheads import Bulkheads
from monitor.engine.look import Looker
from monitor.engine.metrics import Metrics
from monitor.engine.together import Batching
from monitor.kinds.threshold import Threshold
from monitor.sources.sql import Sql
from tests.engine.rig import START, Rig
from tests.often import often

TIMEOUT = timedelta(minutes=1)
RULES = (TierRule(Tier.WARN, (Limit("value", 10, Direction.ABOVE),)),)


class Merging(Source):
    """Answers with the number in the text; merges all, and fails for what it is told."""

    answers: ClassVar = frozenset({Rows})
    _asked: list[list[str]] = PrivateAttr(default_factory=list)
    _merged: list[int] = PrivateAttr(default_factory=list)
    _faults: dict[str, SourceFault] = PrivateAttr(default_factory=dict)
    _is_slow_together: bool = PrivateAttr(default=False)
    _forgets: int = PrivateAttr(default=0)

    def merge(self, questions: Sequence[Query]) -> Sequence[Sequence[int]]:
        self._merged.append(len(questions))
        return [range(len(questions))]

    async def ask(self, query: Query, asking: Asking) -> Answer:
        questions = query.questions if isinstance(query, Together) else (query,)
        texts = [one.text for one in questions if isinstance(one, Rows)]
        self._asked.append(texts)
        if len(texts) > 1 and self._is_slow_together:
            raise SourceError("timeout", "too much at once")
        for text in texts:
            if text in self._faults:
                raise SourceError(self._faults[text], f"no {text}")
        parts = tuple(
            Table(observed_at=asking.now, columns={"value": (float(text),)}) for text in texts
        )
        told = parts[self._forgets :] if len(parts) > 1 else parts
        return Answers(observed_at=asking.now, parts=told) if len(parts) > 1 else parts[0]

    def sizes(self) -> list[int]:
        return [len(texts) for texts in self._asked]


def check(name: str, text: str, source: str = "kpi", team: str = "recsys") -> PlannedCheck:
    return PlannedCheck(
        Threshold(id=name, query=text, timeout=TIMEOUT),
        source,
        Schedule(timedelta(minutes=1)),
        RULES,
        Place("x.yaml", 1, 1),
        team,
    )


class Bench:
    """A source behind its bulkhead, and what is apart."""

    def __init__(self, source: Source | None = None) -> None:
        self.source = source or Merging(name="kpi")
        self.metrics = Metrics()
        self.bulkheads = Bulkheads({"kpi": self.source}, self.metrics)
        self.apart = Apart()

    async def looks(
        self, checks: Sequence[PlannedCheck], after: timedelta = timedelta(0)
    ) -> dict[str, Finding]:
        found: list[Finding] = []
        now = START + after
        lookers = [Looker(one, now) for one in checks]
        asking = Batching(now, self.bulkheads, self.apart, found.extend)
        batches = gather(lookers, now, self.bulkheads, self.apart)
        await asyncio.gather(*map(asking.look, batches))
        return {one.check: one for one in found}

    def outcomes(self, found: dict[str, Finding]) -> dict[str, str]:
        return {name: str(one.verdicts[0].outcome) for name, one in sorted(found.items())}


def numbers(count: int) -> list[PlannedCheck]:
    return [check(f"c{n:03}", str(n)) for n in range(count)]


def test_a_source_that_forgets_a_part_of_the_answer_is_asked_for_each_alone() -> None:
    async def story() -> None:
        source = Merging(name="kpi")
        source._forgets = 1
        bench = Bench(source)
        found = await bench.looks(numbers(4))
        assert [found[f"c00{n}"].verdicts[0].samples[0].value for n in range(4)] == [0, 1, 2, 3]

    asyncio.run(story())


@pytest.mark.parametrize("count", [1, 4])
def test_whatever_a_source_raises_is_told_and_no_slot_ends_without_a_word(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: object) -> Answer:
        raise KeyError("data")

    async def nothing(*_: object) -> None: ...

    async def story() -> None:
        for ask in (fails, nothing):
            monkeypatch.setattr(Merging, "ask", ask)
            bench = Bench()
            found = await bench.looks(numbers(count))
            told = [found[f"c00{n}"].verdicts[0] for n in range(count)]
            assert {one.outcome for one in told} == {Outcome.ERROR}
            assert "kpi failed" in told[0].reason
            assert "source/kpi" in found  # its maintainer hears of it

    asyncio.run(story())


def test_different_questions_of_one_tick_are_one_request_and_counted_as_one_batch() -> None:
    async def story() -> None:
        bench = Bench()
        found = await bench.looks([*numbers(12), check("same", "3")])
        assert bench.source.sizes() == [12]  # type: ignore[attr-defined]  # the source of this file
        assert found["c003"].verdicts[0].samples[0].value == 3
        assert found["same"].verdicts[0].samples[0].value == 3
        assert found["c011"].verdicts[0].outcome is Outcome.WARN
        read = bench.metrics.registry.get_sample_value
        assert read("monitor_batch_checks_sum") == 13
        assert read("monitor_batch_checks_count") == 1

    asyncio.run(story())


def test_a_request_holds_fifty_questions() -> None:
    async def story() -> None:
        bench = Bench()
        await bench.looks(numbers(120))
        assert sorted(bench.source.sizes()) == [20, 50, 50]  # type: ignore[attr-defined]  # as above

    asyncio.run(story())


def test_how_questions_merge_is_found_out_once_for_those_of_one_moment() -> None:
    async def story() -> None:
        bench = Bench()
        for minute in range(3):
            # Two beats in one tick, and a straggler that is there at times.
            now = START + timedelta(minutes=minute)
            beats = [(one, now + TIMEOUT * (n >= 60)) for n, one in enumerate(numbers(120))]
            lookers = [Looker(one, at) for one, at in beats]
            if minute == 1:
                lookers.append(Looker(check("late", "1000"), now - TIMEOUT))
            batches = gather(lookers, now, bench.bulkheads, bench.apart)
            assert sum(len(batch) for batch in batches) == len(lookers)
        assert sorted(bench.source._merged) == [1, 60, 60]  # type: ignore[attr-defined]  # as above

    asyncio.run(story())


@pytest.mark.parametrize("fault", ["query", "missing", "auth", "protocol"])
def test_one_teams_bad_column_fails_only_that_team_after_few_questions(fault: SourceFault) -> None:
    async def story() -> None:
        bench = Bench()
        assert isinstance(bench.source, Merging)
        bench.source._faults["37"] = fault
        found = await bench.looks(numbers(50))
        found.pop("source/kpi", None)
        errors = [name for name, what in bench.outcomes(found).items() if what == "error"]
        assert errors == ["c037"]
        assert len(found) == 50
        # 50, 25, 13, 7, 4, 2, 1: a bad half and a good one of each
        assert len(bench.source._asked) <= 1 + 2 * 6

    asyncio.run(story())


def test_one_that_failed_a_batch_is_asked_alone_for_an_hour() -> None:
    async def story() -> None:
        bench = Bench()
        assert isinstance(bench.source, Merging)
        bench.source._faults["3"] = "query"
        await bench.looks(numbers(8))
        bench.source._asked.clear()
        await bench.looks(numbers(8), after=timedelta(minutes=1))
        assert sorted(bench.source.sizes()) == [1, 7]
        bench.source._faults.clear()
        bench.source._asked.clear()
        await bench.looks(numbers(8), after=timedelta(minutes=1) + ALONE_FOR)
        assert bench.source.sizes() == [8]

    asyncio.run(story())


def test_those_who_are_too_slow_together_are_asked_alone_at_once_and_for_an_hour() -> None:
    async def story() -> None:
        bench = Bench()
        assert isinstance(bench.source, Merging)
        bench.source._is_slow_together = True
        found = await bench.looks(numbers(4))
        assert set(bench.outcomes(found).values()) == {"ok"}
        assert bench.source.sizes() == [4, 1, 1, 1, 1]
        bench.source._asked.clear()
        await bench.looks(numbers(4), after=timedelta(minutes=1))
        assert bench.source.sizes() == [1, 1, 1, 1]

    asyncio.run(story())


def test_a_source_that_is_gone_is_asked_once_and_blamed_once() -> None:
    async def story() -> None:
        bench = Bench()
        assert isinstance(bench.source, Merging)
        bench.source._faults["3"] = "unreachable"
        found = await bench.looks(numbers(8))
        assert bench.source.sizes() == [8]
        assert bench.outcomes(found).pop("source/kpi") == "warn"
        assert [one.verdicts[0].blocked_by for one in found.values()].count("check:source/kpi") == 8

    asyncio.run(story())


def test_batch_false_of_a_check_or_of_a_source_asks_for_itself() -> None:
    async def story() -> None:
        bench = Bench()
        one = replace(check("own", "1"), batch=False)
        await bench.looks([*numbers(3), one])
        assert sorted(bench.source.sizes()) == [1, 3]  # type: ignore[attr-defined]  # as above
        off = Bench(Merging(name="kpi", batch=False))
        await off.looks([*numbers(3), check("same", "1")])
        assert off.source.sizes() == [1, 1, 1, 1]  # type: ignore[attr-defined]  # as above

    asyncio.run(story())


def test_the_last_check_that_is_cancelled_ends_the_request_of_all() -> None:
    async def story() -> None:
        bench = Bench()
        assert isinstance(bench.source, Merging)
        hangs = asyncio.Event()
        ended: list[str] = []

        async def hang(_query: Query, asking: Asking) -> Answer:
            try:
                await hangs.wait()
            except asyncio.CancelledError:
                ended.append(asking.check)
                raise
            raise AssertionError

        object.__setattr__(bench.source, "ask", hang)
        task = asyncio.create_task(bench.looks(numbers(3)))  # type: ignore[arg-type,unused-ignore]
        for _ in range(9):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert ended == ["c000"]

    asyncio.run(story())


texts = st.one_of(
    st.builds(
        "select {}({}) as value from kpi where {} {} {}".format,
        st.sampled_from(["count", "sum", "avg", "min", "max"]),
        st.sampled_from(["n", "m", "nonsense"]),
        st.sampled_from(["n", "m"]),
        st.sampled_from(["=", "<", ">"]),
        st.sampled_from(["1", "5", "'ctr'"]),
    ),
    st.sampled_from(
        [
            "select count(*) as value from missing",
            "select m as model, n as value from kpi",
            "select max(n) as other from kpi",
            "select sum(9223372036854775807) as value from kpi",
        ]
    ),
)


@pytest.mark.long
@settings(
    max_examples=often(12, 80),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    st.lists(st.tuples(st.integers(-9, 9), st.sampled_from(["ctr", "cvr", "7"])), max_size=9),
    st.lists(texts, min_size=1, max_size=20),
)
def test_every_verdict_of_a_batch_is_the_one_that_the_check_gets_alone(
    tmp_path: Path, rows: list[tuple[int, str]], texts: list[str]
) -> None:
    path = tmp_path / "kpi.db"
    path.unlink(missing_ok=True)
    with sqlite3.connect(path) as connection:
        connection.execute("create table kpi (n integer, m text)")
        connection.executemany("insert into kpi values (?, ?)", rows)
    connection.close()
    checks = [check(f"c{n:03}", text) for n, text in enumerate(texts)]

    async def story() -> None:
        bench = Bench(Sql(name="kpi", url=f"sqlite:///{path}"))
        merged = await bench.looks(checks)
        alone = {}
        for one in checks:
            alone.update(await Bench(bench.source).looks([one]))
        assert merged == alone
        again = await bench.looks(checks, after=timedelta(minutes=1))
        assert bench.outcomes(again) == bench.outcomes(alone)
        await bench.source.close()

    asyncio.run(story())


def test_a_check_that_is_removed_while_its_batch_looks_ends_as_skipped_and_the_others_go_on(
    rig: Rig,
) -> None:
    async def story(rig: Rig) -> None:
        await rig.engine.reload(rig.plan("c"))
        await rig.minutes(2)
        rig.source.holds()
        rig.clock.advance(timedelta(minutes=1))
        await rig.engine.tick()
        await rig.engine.reload(rig.plan())
        rig.source.lets_go()
        await rig.engine.settle()

    rig.run(story)
    slots = rig.store.slots.summaries(START + timedelta(minutes=2), START + timedelta(hours=1))
    assert slots["c"].last.outcome is Outcome.SKIPPED
    assert slots["c"].last.reason == "the check was removed while it looked"
    assert set(slots["a"].counts) == {Outcome.OK}
