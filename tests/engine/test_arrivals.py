"""A gap that was filled later is found by a backtest: the daemon remembers when partitions came."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import PrivateAttr

from monitor.api import Answer, Asking, Query, Source
from monitor.api.answer import Partition, PartitionList
from monitor.api.query import Partitions
from monitor.config.plan import Place, PlannedCheck, Schedule
from monitor.core.model import Direction, Limit, Tier, TierRule, Unit
from monitor.engine.arrivals import PartitionNotes, save
from monitor.engine.backtest import Past, look_back
from monitor.engine.bulkheads import Bulkheads
from monitor.engine.engine import Engine
from monitor.engine.look import look
from monitor.engine.metrics import Metrics
from monitor.kinds.freshness import Freshness
from monitor.store import Store, open_store
from monitor.store.arrivals import partition_key
from tests.engine.rig import Rig

START = datetime(2026, 11, 20, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
CHECK = PlannedCheck(
    Freshness(id="fresh", table="t", partition={"column": "h", "grain": "hour", "window": "1d"}),
    "lake",
    Schedule(HOUR),
    (TierRule(Tier.WARN, (Limit("age", 2 * 3600, Direction.ABOVE, Unit.SECONDS),)),),
    Place("x.yaml", 1, 1),
    "recsys",
)


class Lake(Source):
    """A table with the partitions that were put in."""

    _there: set[datetime] = PrivateAttr(default_factory=set)

    async def ask(self, query: Query, asking: Asking) -> Answer:
        assert isinstance(query, Partitions)
        found = sorted(it for it in self._there if query.since <= it < query.until)
        parts = tuple(Partition(start, str(start), rows=1) for start in found)
        return PartitionList(observed_at=asking.now, partitions=parts)


class Days:
    """A table and a daemon that looks at it each hour; ``late`` maps hours to when they come."""

    def __init__(self, store: Store, late: dict[int, int]) -> None:
        self.store, self.lake, self.late = store, Lake(name="lake"), late
        self.lake._there.update(START + HOUR * n for n in range(-30, 0))
        self.restart()

    def restart(self) -> None:
        self.notes = PartitionNotes()
        self.bulkheads = Bulkheads({"lake": self.lake}, Metrics(), notes=self.notes)

    async def live(self, hours: range, *, looks: bool = True) -> None:
        for hour in hours:
            came = {n for n in range(hour) if self.late.get(n, n + 1) <= hour}
            self.lake._there.update(START + HOUR * n for n in came)
            if looks:
                at = START + HOUR * hour + timedelta(seconds=7)
                await look(CHECK, at, at, self.bulkheads)
                save(self.store, self.notes.changes())

    async def past(self, until: int, back: int) -> Past:
        end = START + HOUR * until
        return await look_back(
            CHECK,
            self.lake,
            end,
            HOUR * back,
            lambda _done, _all: None,
            arrivals=lambda q: self.store.arrivals.load(partition_key("lake", q)),
        )


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(f"sqlite:///{tmp_path}/monitor.db")


def fired(past: Past) -> list[tuple[int, int]]:
    """Say from which hour to which hour an alert was there."""
    return [
        (int((one.fired_at - START) / HOUR), int(((one.resolved_at or past.until) - START) / HOUR))
        for one in past.alerts
    ]


def test_a_gap_that_was_filled_is_found_when_it_was_and_while_it_was(store: Store) -> None:
    days = Days(store, late={10: 20})
    asyncio.run(days.live(range(1, 40)))
    past = asyncio.run(days.past(40, 36))
    assert fired(past) == [(13, 20)]
    (note,) = past.notes
    assert "2026-11-20 01:00 UTC, when the daemon looked first" in note
    # Nobody can know it from the table alone.
    store.arrivals.prune(START + HOUR * 100)
    unknown = asyncio.run(days.past(40, 36))
    assert fired(unknown) == []
    assert "has not looked at this table yet" in unknown.notes[0]
    store.close()


def test_what_came_while_the_daemon_was_down_is_no_gap_and_what_was_missing_before_is_one(
    store: Store,
) -> None:
    days = Days(store, late={10: 20})
    asyncio.run(days.live(range(1, 16)))
    asyncio.run(days.live(range(16, 25), looks=False))
    days.restart()
    asyncio.run(days.live(range(25, 40)))
    # The last look before the end saw it missing: it came at some moment after that.
    assert fired(asyncio.run(days.past(40, 36))) == [(13, 15)]
    store.close()


def test_a_partition_that_was_dropped_since_was_there_all_the_same(store: Store) -> None:
    days = Days(store, late={})
    asyncio.run(days.live(range(1, 40)))
    days.lake._there = {start for start in days.lake._there if start > START + HOUR * 30}
    assert fired(asyncio.run(days.past(40, 20))) == []
    store.close()


def test_the_daemon_writes_down_what_came(rig: Rig) -> None:
    lake = Lake(name="lake")
    lake._there = {rig.clock.now().replace(minute=0) - HOUR * 3}
    check = replace(CHECK, schedule=Schedule(MINUTE))
    plan = replace(rig.plan(), sources={"lake": lake}, checks={"fresh": check})
    rig.engine = Engine(plan, rig.store, rig.clock, Metrics())
    late = rig.clock.now().replace(minute=0) - HOUR * 5

    async def story(rig: Rig) -> None:
        await rig.minutes(3)
        lake._there.add(late)
        await rig.minutes(3)

    rig.run(story)
    (asked,) = CHECK.check.ask(rig.clock.now())
    assert isinstance(asked, Partitions)
    found = rig.store.arrivals.load(partition_key("lake", asked))
    assert found is not None
    assert timedelta(0) <= found.moments[late] - (found.since + timedelta(minutes=2)) < 2 * MINUTE
