"""A Trino cluster in trouble, as the engine lives it: one incident, and the cluster spared."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from monitor.api import ClusterQuery, Direction
from monitor.config.plan import Place, Plan, PlannedCheck, Schedule, Web
from monitor.core.model import Limit, Maintainer, OnCall, Outcome, Resource, Tier, TierRule
from monitor.core.view import view_of
from monitor.engine.clock import VirtualClock
from monitor.engine.engine import Engine
from monitor.engine.metrics import Metrics
from monitor.kinds.threshold import Threshold
from monitor.kinds.trino_load import TrinoLoad
from monitor.sources.trino import Trino
from monitor.store import open_store
from monitor.testing.trino import ClusterState, ScriptedTrino
from tests.engine.rig import START, Box

STEP = timedelta(seconds=15)
PLACE = Place("x.yaml", 1, 1)
VALUE = {"select": ({"value": "bigint"}, [[1]])}
STORM = [
    *(
        ClusterQuery(f"r{n}", "bi", "Apache Superset", "RUNNING", elapsed=4 * STEP)
        for n in range(5)
    ),
    *(
        ClusterQuery(
            f"w{n}",
            "bi",
            "Apache Superset",
            "QUEUED",
            elapsed=4 * STEP,
            text="-- dashboard_id=exec",
        )
        for n in range(40)
    ),
]

CALM = [ClusterQuery(f"c{who}", who, "Apache Superset", "RUNNING") for who in ("bi", "etl")]


def planned(check: Any, tiers: tuple[TierRule, ...], **more: Any) -> PlannedCheck:
    every = Schedule(every=STEP)
    return PlannedCheck(check, "adhoc", every, tiers, PLACE, "recsys", **more)


class Stage:
    """The engine, and a cluster whose state a test changes."""

    def __init__(self, store: str) -> None:
        self.state = ClusterState(tables=VALUE)
        self.server = ScriptedTrino(lambda: self.state)
        self.clock = VirtualClock(START)
        self.metrics = Metrics()
        self.boxes = {name: Box(name=name) for name in ("platform", "recsys", "oncall")}
        self.store = open_store(store)

    def becomes(self, **changes: Any) -> None:
        self.state = replace(self.state, **changes)

    def plan(self) -> Plan:
        address = self.server.url.partition("//")[2]
        above = (TierRule(Tier.WARN, (Limit("value", 10, Direction.ABOVE),)),)
        load = TrinoLoad(id="load")
        query = {"query": "select value from kpi", "bad": "above"}
        checks = (
            planned(load, load.complete(()), maintainer="platform", resource="trino.adhoc"),
            planned(Threshold(id="fresh", **query), above, maintainer="recsys"),
            planned(Threshold(id="vital", **query), above, maintainer="recsys", critical=True),
        )
        return Plan(
            timezone="UTC",
            store="",
            web=Web(),
            sources={
                "adhoc": Trino(name="adhoc", url=f"trino://m@{address}/x", maintainer="platform")
            },
            receivers=dict(self.boxes),
            maintainers={
                "platform": Maintainer("platform", ("platform",)),
                "recsys": Maintainer("recsys", ("recsys",)),
            },
            resources={
                "trino.adhoc": Resource("trino.adhoc", "platform"),
                "superset.exec": Resource("superset.exec", "analytics", ("trino.adhoc",)),
            },
            on_call=OnCall((), ("oncall",)),
            checks={check.id: check for check in checks},
        )

    async def looks(self, count: int) -> None:
        for _ in range(count):
            self.clock.advance(STEP)
            await self.engine.tick()
            await self.engine.settle()

    def run(self, story: Callable[[], Awaitable[None]]) -> None:
        async def all_of_it() -> None:
            self.engine = Engine(self.plan(), self.store, self.clock, self.metrics)
            await self.engine.start()
            await story()
            await self.engine.stop()

        with self.server:
            asyncio.run(all_of_it())

    def last_slot(self, check: str) -> tuple[Outcome, str]:
        """Return how the newest slot of a check ended, and why."""
        last = self.store.slots.summaries(START, self.clock.now() + STEP)[check].last
        return last.outcome, last.reason

    def sent(self, box: str) -> list[str]:
        return [str(note.reason) for note in self.boxes[box]._sent]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(f"sqlite:///{tmp_path / 'monitor.db'}")
    yield made
    made.store.close()


@pytest.mark.long
def test_overload_is_one_incident_within_a_minute_though_all_sql_is_rejected(stage: Stage) -> None:
    async def story() -> None:
        await stage.looks(2)
        stage.becomes(is_full=True, queries=STORM)
        await stage.looks(4)
        (incident,) = stage.engine.memory.incidents.values()
        assert (incident.check, incident.tier) == ("load", Tier.WARN)
        await stage.looks(20)
        assert len(stage.engine.memory.incidents) == 1

    stage.run(story)
    # The one message, and then in its thread that the source itself follows from it.
    assert stage.sent("platform") == ["first notification", "alerts folded or unfolded"]
    assert stage.sent("recsys") == []


@pytest.mark.long
def test_a_cluster_that_is_gone_is_one_incident_that_pages_after_five_minutes(
    stage: Stage,
) -> None:
    async def story() -> None:
        await stage.looks(2)
        stage.server.stop()
        await stage.looks(6)
        (incident,) = stage.engine.memory.incidents.values()
        assert incident.check == "load"
        (alert,) = (one for one in stage.engine.memory.alerts.values() if one.check == "load")
        assert alert.last is not None
        assert alert.last.samples[0].evidence["state"] == "DOWN"
        assert incident.tier is Tier.WARN
        await stage.looks(20)
        incidents = stage.engine.memory.incidents.values()
        own = [one for one in incidents if one.parent is None]
        assert [(one.check, one.tier) for one in own] == [("load", Tier.PAGE)]

    stage.run(story)
    assert stage.sent("recsys") == []


@pytest.mark.long
def test_while_overloaded_only_critical_checks_are_asked(stage: Stage) -> None:
    async def story() -> None:
        await stage.looks(2)
        stage.becomes(queries=STORM, is_full=True)
        await stage.looks(5)
        stage.server.statements.clear()
        stage.server.sources.clear()
        await stage.looks(4)

    stage.run(story)
    assert set(stage.server.sources) <= {
        "health-monitor/vital",
        "health-monitor/load",
    }
    outcome, reason = stage.last_slot("fresh")
    assert outcome == Outcome.SKIPPED
    assert "adhoc is overloaded (load)" in reason
    assert stage.last_slot("vital")[0] == Outcome.ERROR


@pytest.mark.long
def test_the_incident_names_holders_victims_and_the_checks_that_cannot_look(stage: Stage) -> None:
    async def story() -> None:
        await stage.looks(2)
        stage.becomes(queries=STORM, is_full=True)
        await stage.looks(8)
        (incident,) = stage.engine.memory.incidents.values()
        alerts = stage.engine.memory.alerts.values()
        (member,) = view_of(incident, alerts, stage.engine.world).own
        assert member.evidence is not None
        assert member.evidence["unseen"] == ["fresh", "vital"]
        assert member.evidence["holders"][0]["source"] == "Apache Superset"
        (victim,) = member.evidence["victims"]
        assert (victim["resource"], victim["maintainer"]) == ("superset.exec", "analytics")

    stage.run(story)


@pytest.mark.long
def test_when_the_load_is_well_again_every_check_is_asked_again(stage: Stage) -> None:
    async def story() -> None:
        await stage.looks(2)
        stage.becomes(queries=STORM, is_full=True)
        await stage.looks(6)
        stage.becomes(queries=[], is_full=False)
        await stage.looks(14)
        assert stage.engine.memory.incidents == {}

    stage.run(story)
    assert stage.last_slot("fresh")[0] == Outcome.OK
    assert [note.rpartition(" ")[2] for note in stage.sent("platform")] == [
        "notification",
        "resolved",
    ]


def usual_of_the_first_alert(stage: Stage) -> float | None:
    """Let a storm come, and return what its greatest holder is said to hold usually."""
    (incident,) = stage.engine.memory.incidents.values()
    (member,) = view_of(incident, stage.engine.memory.alerts.values(), stage.engine.world).own
    assert member.evidence is not None
    (holder, *_) = member.evidence["holders"]
    assert (holder["user"], holder["share"]) == ("bi", 1.0)
    usual: float | None = holder["usual"]
    return usual


async def restart(stage: Stage) -> None:
    await stage.engine.stop()
    stage.engine = Engine(stage.plan(), stage.store, stage.clock, stage.metrics)
    await stage.engine.start()


async def reload(stage: Stage) -> None:
    await stage.engine.reload(stage.plan())


@pytest.mark.long
@pytest.mark.parametrize("change", [restart, reload])
def test_the_first_alert_after_a_restart_compares_with_what_was_usual_before(
    stage: Stage, change: Callable[[Stage], Awaitable[None]]
) -> None:
    async def story() -> None:
        stage.becomes(queries=CALM)
        for _ in range(12):
            stage.clock.advance(timedelta(minutes=5))
            await stage.looks(1)
        await change(stage)
        stage.becomes(is_full=True, queries=STORM)
        await stage.looks(4)
        assert usual_of_the_first_alert(stage) == pytest.approx(0.5)

    stage.run(story)


def test_a_new_configuration_gets_what_sources_know_without_holding_up_the_loop(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    keepsake = Trino.keepsake

    def noted(self: Trino, now: datetime) -> str | None:
        asked.append(threading.get_ident())
        return keepsake(self, now)

    async def story() -> None:
        await stage.looks(1)
        monkeypatch.setattr(Trino, "keepsake", noted)
        await reload(stage)
        assert asked
        assert threading.get_ident() not in asked

    stage.run(story)


@pytest.mark.long
def test_what_cannot_be_used_of_a_source_is_told_once_and_learned_again(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage.store.keepsakes.save("adhoc", '{"form": 0}', START)

    async def story() -> None:
        stage.becomes(queries=STORM, is_full=True)
        await stage.looks(4)
        assert usual_of_the_first_alert(stage) is None

    stage.run(story)
    told = [one.getMessage() for one in caplog.records if "kept" in one.getMessage()]
    assert len(told) == 1
    assert told[0].startswith("what adhoc kept is ignored and learned again: it cannot be read")
    assert '"form":1' in stage.store.keepsakes.load()["adhoc"]


@pytest.mark.long
def test_what_a_source_knows_is_written_every_ten_minutes_at_most(stage: Stage) -> None:
    async def story() -> None:
        stage.becomes(queries=CALM)
        kept = []
        for _ in range(6):
            stage.clock.advance(timedelta(minutes=4))
            await stage.looks(1)
            kept.append(stage.store.keepsakes.load().get("adhoc"))
        assert [one is not None for one in kept] == [False, False, True, True, True, True]
        assert [len(set(kept[:3])), len(set(kept[2:5])), len(set(kept))] == [2, 1, 3]

    stage.run(story)


def test_what_questions_cost_is_counted_by_team(stage: Stage) -> None:
    async def story() -> None:
        await stage.looks(3)

    stage.run(story)
    labels = {"source": "adhoc", "team": "recsys"}
    read = stage.metrics.registry.get_sample_value
    assert (read("monitor_source_bytes_total", labels) or 0) >= 2000
    assert (read("monitor_source_cpu_seconds_total", labels) or 0) > 0
    assert (read("monitor_source_queries_total", labels) or 0) >= 2
