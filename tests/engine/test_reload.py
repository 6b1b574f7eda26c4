"""The configuration changes under a running daemon: real files, store and engine."""

import asyncio
import gc
import sqlite3
import weakref
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from monitor.api.errors import SourceError
from monitor.api.source import Source
from monitor.app import App
from monitor.config.load import Loader
from monitor.core.alert import AlertState
from monitor.core.model import Outcome
from monitor.engine.clock import VirtualClock
from monitor.engine.finding import StoredRecall, ask_once
from monitor.store import open_store
from monitor.testing.memory import Memory

CONFIG = """\
sources: {{kpi: {{type: sql, url: "sqlite:///{folder}/kpi.db"}}}}
receivers: {{chat: {{type: memory}}, oncall: {{type: memory}}}}
maintainers: {{recsys: {{receivers: [chat]}}}}
on_call: {{receivers: [oncall]}}
"""
ROWS = """\
defaults: {maintainer: recsys, source: kpi, every: 1m}
checks:
  rows: {kind: threshold, query: select count(*) as value from kpi, bad: below, warn: 1}
"""
OTHER = ROWS.replace("rows:", "other:").replace("maintainer: recsys, ", "")
FOUND = """\
checks:
  n-{{ model }}:
    for_each: {model: {source: kpi, query: select model from models}}
    kind: threshold
    source: kpi
    query: select 1 as value
    warn: 5
"""


class Home:
    """A folder with a configuration, and a daemon on it whose time stands still."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "checks" / "recsys").mkdir(parents=True)
        (folder / "checks" / "growth").mkdir()
        self.run_sql("create table kpi (n integer)", "create table models (model text)")
        (folder / "config.yaml").write_text(CONFIG.format(folder=folder))
        self.rows = folder / "checks" / "recsys" / "rows.yaml"
        self.other = folder / "checks" / "growth" / "other.yaml"
        self.rows.write_text(ROWS)
        self.other.write_text(OTHER)
        self.clock = VirtualClock(datetime(2026, 11, 24, tzinfo=UTC))
        self.loader = Loader(folder / "config.yaml", {}, ask_once)

    def run_sql(self, *statements: str) -> None:
        with sqlite3.connect(self.folder / "kpi.db") as connection:
            for statement in statements:
                connection.execute(statement)
        connection.close()

    def play(self, story: Callable[[App], Awaitable[None]]) -> None:
        async def all_of_it() -> None:
            store = open_store(f"sqlite:///{self.folder}/monitor.db")
            app = App(self.loader.load(), store, self.clock, loader=self.loader)
            await app.engine.start()
            await self.minutes(app, 1)
            await app._watch()
            await story(app)
            await app.engine.stop()
            store.close()

        asyncio.run(all_of_it())

    async def minutes(self, app: App, count: int) -> None:
        for _ in range(count * 2):
            self.clock.advance(timedelta(seconds=30))
            await app.engine.tick()
            await app.engine.settle()

    async def noticed(self, app: App) -> None:
        """Let the watch see the files twice, as it wants to."""
        await app._watch()
        await app._watch()
        await app.engine.tick()
        await app.engine.settle()

    def sent(self, app: App, receiver: str) -> list[str]:
        box = app.engine.plan.receivers[receiver]
        assert isinstance(box, Memory)
        told = [(note.view, note.reason.name.lower()) for note in box.sent]
        return [f"{view.incident.check} {reason}" for view, reason in told if view is not None]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def firing(app: App) -> set[str]:
    alerts = app.engine.memory.alerts.values()
    return {alert.check for alert in alerts if alert.state is AlertState.FIRING}


def test_a_changed_file_is_taken_in_and_alerts_keep_their_state(home: Home) -> None:
    async def story(app: App) -> None:
        (before,) = [a for a in app.engine.memory.alerts.values() if a.check == "rows"]
        home.rows.write_text(ROWS.replace("warn: 1}", "warn: 2}"))
        await home.noticed(app)
        (now,) = [a for a in app.engine.memory.alerts.values() if a.check == "rows"]
        assert app.engine.plan.checks["rows"].tiers[0].limits[0].bound == 2
        assert (now.fired_at, now.incident) == (before.fired_at, before.incident)
        await home.minutes(app, 2)
        assert home.sent(app, "chat") == ["rows first"]

    home.play(story)


def test_a_file_that_is_being_written_waits_for_its_end(home: Home) -> None:
    async def story(app: App) -> None:
        home.rows.write_text(ROWS[:90])
        await app._watch()
        home.rows.write_text(ROWS.replace("warn: 1}", "warn: 2}"))
        await home.noticed(app)
        assert app.engine.plan.problems == ()
        assert not [check for check in firing(app) if check.startswith("file/")]

    home.play(story)


def test_a_broken_file_keeps_its_last_good_checks_and_tells_its_maintainer(home: Home) -> None:
    async def story(app: App) -> None:
        home.rows.write_text(ROWS.replace("kind:", "knid:"))
        await home.noticed(app)
        assert set(app.engine.plan.checks) == {"rows", "other"}
        assert firing(app) == {"rows", "other", "file/recsys/rows.yaml"}
        await home.minutes(app, 1)
        assert home.sent(app, "chat") == ["rows first", "file/recsys/rows.yaml first"]
        (incident,) = [
            one for one in app.engine.memory.incidents.values() if one.check.startswith("file/")
        ]
        assert incident.maintainer == "recsys"
        home.rows.write_text(ROWS)
        await home.noticed(app)
        assert firing(app) == {"rows", "other"}
        await home.minutes(app, 1)
        assert home.sent(app, "chat")[-1] == "file/recsys/rows.yaml resolved"

    home.play(story)


def test_defaults_that_are_broken_are_told_and_what_they_reach_goes_on(home: Home) -> None:
    (home.folder / "checks" / "recsys" / "_defaults.yaml").write_text("runbook: a\n")

    async def story(app: App) -> None:
        (home.folder / "checks" / "recsys" / "_defaults.yaml").write_text("runbok: b\n")
        await home.noticed(app)
        assert app.engine.plan.checks["rows"].runbook == "a"
        (broken,) = app.engine.plan.broken.values()
        assert (broken.file, broken.maintainer) == ("recsys/_defaults.yaml", "recsys")
        assert "file/recsys/_defaults.yaml" in firing(app)

    home.play(story)


def test_a_file_that_is_no_yaml_stops_no_check_either(home: Home) -> None:
    async def story(app: App) -> None:
        home.rows.write_bytes(b"\x00\xff broken")
        await home.noticed(app)
        before = app.store.slots.summaries(home.clock.now(), home.clock.now() + timedelta(hours=1))
        assert before == {}
        start = home.clock.now()
        await home.minutes(app, 3)
        counts = app.store.slots.summaries(start, home.clock.now() + timedelta(seconds=1))
        assert {name: sum(found.counts.values()) for name, found in counts.items()} == {
            "rows": 3,
            "other": 3,
        }

    home.play(story)


def test_what_was_broken_from_the_start_keeps_its_alerts_until_it_is_mended(home: Home) -> None:
    async def fired(app: App) -> None:
        assert firing(app) == {"rows", "other"}

    home.play(fired)
    home.rows.write_text("checks: [\n")

    async def story(app: App) -> None:
        assert set(app.engine.plan.checks) == {"other"}
        assert firing(app) == {"rows", "other", "file/recsys/rows.yaml"}
        home.rows.unlink()
        await home.noticed(app)
        assert firing(app) == {"other"}

    home.play(story)


def test_a_removed_check_resolves_with_its_reason(home: Home) -> None:
    async def story(app: App) -> None:
        (incident,) = [
            one.id for one in app.engine.memory.incidents.values() if one.check == "rows"
        ]
        home.rows.unlink()
        await home.noticed(app)
        assert firing(app) == {"other"}
        await home.minutes(app, 1)
        assert home.sent(app, "chat") == ["rows first", "rows resolved"]
        assert app.store.history.events_of(incident)[-1].reason == "check removed"

    home.play(story)


def test_a_config_file_that_cannot_be_used_changes_nothing_and_is_told(home: Home) -> None:
    async def story(app: App) -> None:
        (home.folder / "config.yaml").write_text("on_call: {}\n")
        await home.noticed(app)
        assert set(app.engine.plan.checks) == {"rows", "other"}
        await home.minutes(app, 1)
        assert "file/config.yaml first" in home.sent(app, "oncall")
        (home.folder / "config.yaml").write_text(CONFIG.format(folder=home.folder))
        await home.noticed(app)
        assert "file/config.yaml" not in firing(app)

    home.play(story)


def test_values_that_a_query_finds_later_get_their_checks(home: Home) -> None:
    home.run_sql("insert into models values ('ctr')")
    (home.folder / "checks" / "growth" / "found.yaml").write_text(FOUND)

    async def story(app: App) -> None:
        assert "n-ctr" in app.engine.plan.checks
        home.run_sql("insert into models values ('cvr')")
        await home.noticed(app)
        assert "n-cvr" not in app.engine.plan.checks
        home.clock.advance(timedelta(minutes=11))
        await home.noticed(app)
        assert {"n-ctr", "n-cvr"} <= set(app.engine.plan.checks)

    home.play(story)


def test_checks_that_a_query_found_outlive_a_start_while_its_source_is_down(home: Home) -> None:
    home.run_sql("insert into models values ('ctr'), ('cvr')")
    (home.folder / "checks" / "growth" / "found.yaml").write_text(FOUND)
    store = open_store(f"sqlite:///{home.folder}/monitor.db")
    home.loader.recall = StoredRecall(store, home.clock)
    assert {"n-ctr", "n-cvr"} <= set(home.loader.load().checks)

    def down(_source: Source, _query: str) -> tuple[str, ...]:
        raise SourceError("timeout", "it did not answer")

    async def story(app: App) -> None:
        plan = app.engine.plan
        assert {"n-ctr", "n-cvr"} <= set(plan.checks)
        assert plan.problems == ()
        warnings = " | ".join(map(str, plan.warnings))
        assert "it did not answer; the 2 of 2026-11-24 00:00 UTC go on" in warnings
        home.loader.ask = ask_once
        home.run_sql("delete from models where model = 'ctr'")
        home.clock.advance(timedelta(seconds=61))
        await home.noticed(app)
        assert "n-ctr" not in app.engine.plan.checks
        assert not app.engine.plan.is_stale
        home.loader.ask = down
        home.clock.advance(timedelta(days=1, minutes=1))
        await home.noticed(app)
        assert "n-cvr" in app.engine.plan.checks
        assert "file/growth/found.yaml" in firing(app)

    home.loader = Loader(home.folder / "config.yaml", {}, down, recall=home.loader.recall)
    home.play(story)
    store.found.prune(home.clock.now() + timedelta(seconds=1))
    assert home.loader.load().asks
    assert "n-cvr" not in home.loader.load().checks
    store.close()


def test_a_query_that_never_returns_is_ended_and_told(home: Home) -> None:
    endless = (
        "with recursive c(x) as (select 1 union all select x + 1 from c) select count(*) from c"
    )
    (home.folder / "checks" / "growth" / "found.yaml").write_text(
        FOUND.replace("select model from models", endless)
    )
    home.loader.ask = lambda source, query: ask_once(source, query, timedelta(milliseconds=200))

    async def story(app: App) -> None:
        assert set(app.engine.plan.checks) == {"rows", "other"}
        assert "file/growth/found.yaml" in firing(app)
        (problem,) = app.engine.plan.problems
        assert "could not be found (timeout)" in problem.message

    home.play(story)


def test_a_look_that_hangs_delays_no_reload(home: Home) -> None:
    async def story(app: App) -> None:
        hanging = asyncio.create_task(asyncio.Event().wait())
        app.engine.dispatch.looks["hangs"] = hanging  # type: ignore[assignment]  # a task all the same
        home.rows.unlink()
        async with asyncio.timeout(5):
            await app._watch()
            await app._watch()
        assert set(app.engine.plan.checks) == {"other"}
        hanging.cancel()
        app.engine.dispatch.looks.pop("hangs")

    home.play(story)


@pytest.mark.long
def test_with_one_broken_file_of_two_hundred_the_others_keep_every_tick(home: Home) -> None:
    for number in range(198):
        text = ROWS.replace("rows:", f"rows-{number}:")
        (home.folder / "checks" / "growth" / f"f{number}.yaml").write_text(text)

    async def story(app: App) -> None:
        home.rows.write_text("checks: {rows: {kind: [\n")
        await home.noticed(app)
        start = home.clock.now()
        await home.minutes(app, 2)
        found = app.store.slots.summaries(start, home.clock.now() + timedelta(seconds=1))
        looked = [
            name
            for name, slot in found.items()
            if sum(slot.counts.values()) == 2 and Outcome.SKIPPED not in slot.counts
        ]
        assert len(looked) == 200

    home.play(story)


def test_a_look_waits_for_no_tick(home: Home) -> None:
    async def story(app: App) -> None:
        await app._tick()
        until = app.engine.dispatch.until_due()
        assert until is not None
        assert until > timedelta(0)
        home.clock.advance(until)
        app._look()
        assert len(app.engine.dispatch.looks) == 2
        await app.engine.settle()
        # The alarm is set for the next one, whatever a tick waits for meanwhile.
        assert app._alarm is not None
        assert 0 < app._alarm.when() - asyncio.get_running_loop().time() <= 60
        # The clock was set back: only a tick knows what is due then.
        home.clock.advance(-3 * until)
        app._look()
        assert not app.engine.dispatch.looks
        app._alarm.cancel()

    home.play(story)


def test_a_plan_that_was_replaced_is_freed_without_the_collector(home: Home) -> None:
    async def story(app: App) -> None:
        await app._tick()
        await app.engine.settle()
        before = weakref.ref(app.engine.plan.checks["rows"].check)
        home.rows.write_text(ROWS.replace("warn: 1", "warn: 2"))
        gc.disable()
        try:
            await app._use(home.loader.load(app.engine.plan))
            await app._tick()
            await app.engine.settle()
            await app.engine.leaving.settle()
            assert before() is None
        finally:
            gc.enable()
            gc.unfreeze()
        assert app._alarm is not None
        app._alarm.cancel()

    home.play(story)
