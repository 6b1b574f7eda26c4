"""A level that is accepted as the new normal: on the page, over the API and in Slack."""

import math
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from monitor.config.load import load
from monitor.config.plan import Plan
from monitor.core.labels import labels_of
from monitor.core.orders import Accept
from monitor.render.slack_parts import buttons
from tests.engine.rig import START, Rig
from tests.web.test_site import Reader

Story = Callable[["Desk"], Awaitable[None]]
CTR = labels_of({"model": "ctr"})
CONFIG = """\
store: sqlite:///{folder}/monitor.db
sources: {{kpi: {{type: sql, url: "sqlite:///{folder}/kpi.db"}}}}
receivers: {{recsys-slack: {{type: console}}}}
maintainers: {{recsys: {{receivers: [recsys-slack], people: [asha@example.com]}}}}
on_call: {{receivers: [recsys-slack]}}
"""
CHECK = """\
checks:
  a:
    kind: anomaly
    source: kpi
    maintainer: recsys
    every: 1h
    query: select hour as t, model, sum({{ value }}) as value from kpi where hour >= {{ since }} group by 1, 2
    value: impressions
    bad: down
    slices: {by: [model]}
    warn: {drop: 12%}
  rows: {kind: threshold, source: kpi, query: select 50 as value, every: 1h, warn: 5, maintainer: recsys}
"""  # noqa: E501  # a line of YAML


class Desk(Reader):
    """A site whose check learned five weeks of two models; one of them falls and stays low."""

    rig: "Learned"

    async def hours(self, count: int) -> None:
        for _ in range(count):
            self.rig.clock.advance(timedelta(hours=1))
            await self.rig.engine.tick()
            await self.rig.engine.settle()

    async def incident(self, check: str = "a") -> dict[str, Any]:
        found = [one for one in await self.get("incidents") if one["incident"]["check"] == check]
        return dict(found[0])

    async def falls(self) -> str:
        await self.hours(5)
        found = await self.incident()
        assert found["incident"]["resolved_at"] is None
        return str(found["incident"]["id"])


class Learned(Rig):
    """The rig with real checks on a database; what is sent stays in its boxes."""

    def __init__(self, folder: Path) -> None:
        (folder / "config.yaml").write_text(CONFIG.format(folder=folder))
        (folder / "checks").mkdir()
        (folder / "checks" / "a.yaml").write_text(CHECK)
        self.folder = folder
        with closing(sqlite3.connect(folder / "kpi.db")) as kpi, kpi:
            kpi.execute("create table kpi (hour text, model text, impressions integer)")
            rows = [
                (f"{START + timedelta(hours=hour):%Y-%m-%d %H:%M:%S}", model, usual(hour, model))
                for hour in range(-24 * 35, 48)
                for model in ("ctr", "cvr")
            ]
            kpi.executemany("insert into kpi values (?, ?, ?)", rows)
        super().__init__(f"sqlite:///{folder}/monitor.db")

    def plan(self, *extra: str) -> Plan:
        made = load(self.folder / "config.yaml", dict.fromkeys(extra, ""))
        return replace(made, receivers={"recsys-slack": self.boxes["recsys-slack"]})


def usual(hour: int, model: str) -> int:
    wave = 1000 + 300 * math.sin(hour % 24 / 24 * 2 * math.pi) + hour * 37 % 17
    return round(wave * (0.6 if model == "ctr" and hour >= 2 else 1.0))


@pytest.fixture
def tell(tmp_path: Path) -> Callable[[Story], None]:
    def run(story: Story) -> None:
        rig = Learned(tmp_path)
        rig.run(lambda started: story(Desk(started)))
        rig.store.close()

    return run


@pytest.mark.long
def test_an_accepted_level_is_committed_told_and_good_at_the_next_look(
    tell: Callable[[Story], None],
) -> None:
    async def story(desk: Desk) -> None:
        incident = await desk.falls()
        await desk.post(f"incidents/{incident}/accept", {"by": "asha", "comment": "new ranker"})
        (rebase,) = desk.rig.store.metrics.rebases("a")
        assert (rebase.slice, rebase.by) == (CTR, "asha")
        told = await desk.get(f"incidents/{incident}")
        (deed,) = [one for one in told["timeline"] if one["what"] == "accepted as the new normal"]
        assert (deed["who"], deed["why"], deed["about"]) == ("asha", "new ranker", "model=ctr")
        await desk.hours(2)
        assert (await desk.incident())["incident"]["resolved_at"] is not None
        assert desk.rig.sent("recsys-slack")[-2:] == ["acknowledged", "all alerts resolved"]

    tell(story)


@pytest.mark.long
def test_a_level_that_nobody_accepts_stays_bad(tell: Callable[[Story], None]) -> None:
    async def story(desk: Desk) -> None:
        await desk.falls()
        await desk.hours(2)
        assert (await desk.incident())["incident"]["resolved_at"] is None

    tell(story)


@pytest.mark.long
def test_accepting_twice_before_the_next_look_is_accepting_once(
    tell: Callable[[Story], None],
) -> None:
    async def story(desk: Desk) -> None:
        incident = await desk.falls()
        await desk.post(f"incidents/{incident}/accept", {"by": "asha"})
        (first,) = desk.rig.store.metrics.rebases("a")
        desk.rig.clock.advance(timedelta(minutes=1))
        await desk.post(f"incidents/{incident}/accept", {"by": "ben"})
        assert desk.rig.store.metrics.rebases("a") == [first]
        told = await desk.get(f"incidents/{incident}")
        assert [e["what"] for e in told["timeline"]].count("accepted as the new normal") == 1

    tell(story)


@pytest.mark.long
def test_only_what_is_learned_can_have_a_new_normal(tell: Callable[[Story], None]) -> None:
    async def story(desk: Desk) -> None:
        learned = await desk.falls()
        limit = (await desk.incident("rows"))["incident"]["id"]
        refused = await desk.post(f"incidents/{limit}/accept", {"by": "asha"}, 400)
        assert "judged by a learned normal" in refused["error"]
        await desk.post("incidents/gone/accept", {"by": "asha"}, 404)
        await desk.post(f"incidents/{learned}/accept", {}, 400)
        assert desk.rig.store.metrics.rebases("a") == []
        assert 'value="accept"' not in await desk.page(f"/incidents/{limit}")
        assert 'value="accept"' in await desk.page(f"/incidents/{learned}")

    tell(story)


@pytest.mark.long
def test_the_page_accepts_for_whoever_says_who_they_are(tell: Callable[[Story], None]) -> None:
    async def story(desk: Desk) -> None:
        where = f"/incidents/{await desk.falls()}"
        text = await desk.page(where)
        assert "Something is missing" in await desk.send(f"{where}/act", text, do="accept", by=" ")
        done = await desk.send(f"{where}/act", text, do="accept", by="asha", comment="as planned")
        assert "accepted as the new normal by asha" in done
        assert "as planned" in done

    tell(story)


@pytest.mark.long
def test_slack_offers_the_button_until_it_is_clicked_and_asks_once_more(
    tell: Callable[[Story], None],
) -> None:
    async def story(desk: Desk) -> None:
        incident = await desk.falls()
        offered = {e["action_id"]: e for v in desk.views() for e in buttons(v)["elements"]}
        assert offered["monitor:accept"]["confirm"]["deny"]["text"] == "Cancel"
        limit = [v for v in desk.views() if v.incident.check == "rows"]
        assert "monitor:accept" not in str(buttons(limit[0]))
        await desk.rig.engine.order(Accept(incident, "asha"))
        after = [v for v in desk.views() if v.incident.check == "a"]
        assert "monitor:accept" not in str(buttons(after[0]))

    tell(story)


@pytest.mark.long
def test_an_acceptance_that_cannot_be_stored_is_not_promised(
    tell: Callable[[Story], None],
) -> None:
    async def story(desk: Desk) -> None:
        incident = await desk.falls()
        desk.rig.store.is_full = True
        await desk.post(f"incidents/{incident}/accept", {"by": "asha"}, 503)
        desk.rig.store.is_full = False
        assert desk.rig.store.metrics.rebases("a") == []

    tell(story)


@pytest.mark.long
def test_the_four_weeks_before_are_on_the_page_of_the_incident_and_of_the_check(
    tell: Callable[[Story], None],
) -> None:
    async def story(desk: Desk) -> None:
        assert 'class="mark"' not in await desk.page("/checks/a")
        incident = await desk.falls()
        for path in (f"/incidents/{incident}", "/checks/a"):
            text = await desk.page(path)
            (chart,) = [one for one in text.split("<svg") if 'class="mark"' in one]
            assert "impressions of model=ctr" in chart
            assert chart.count(" L") > 2 * 24 * 28

    tell(story)
