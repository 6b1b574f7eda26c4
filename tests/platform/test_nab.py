"""Real labelled series in a real Trino, judged by the daemon's own code on a virtual clock."""

import asyncio
import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from monitor.app import App
from monitor.config.load import load
from monitor.core.alert import Alert
from monitor.engine.clock import VirtualClock
from monitor.store import open_store
from tests.platform.stack.trino import TrinoServer

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "nab"
TABLE = "memory.nab.points"
ROWS_A_STATEMENT = 2000
STEP = timedelta(hours=4)
"""Between two looks: the labelled events last a day or more, and a look costs half a second."""

CONFIG = """
timezone: UTC
store: sqlite:///{folder}/monitor.db
sources:
  warehouse: {type: trino, url: "{trino}", maintainer: data}
receivers:
  box: {type: console}
maintainers:
  data: {receivers: [box]}
on_call: {receivers: [box]}
"""
CHECKS = """
defaults: {kind: anomaly, source: warehouse, maintainer: data, every: 4h, timeout: 60s}
checks:
  taxi:
    query: >
      select t, sum(value) as value from memory.nab.points
      where name = 'nyc_taxi' and t >= {{ since }} group by 1
    value: passengers
    bucket: 30m
    bad: both
    warn: {drop: 5%, rise: 5%}
  exchange:
    query: >
      select date_trunc('hour', t) as t, name, avg(value) as value from memory.nab.points
      where name <> 'nyc_taxi' and t >= {{ since }} group by 1, 2
    value: cost
    bucket: 1h
    slices: {by: [name]}
    bad: both
    warn: {drop: 20%, rise: 20%}
"""


@pytest.fixture(scope="module")
def series(trino_server: TrinoServer) -> TrinoServer:
    """Give a Trino that holds the seven files in one table."""
    trino_server.rows("CREATE SCHEMA IF NOT EXISTS memory.nab")
    trino_server.rows(f"DROP TABLE IF EXISTS {TABLE}")
    trino_server.rows(f"CREATE TABLE {TABLE} (name varchar, t timestamp(0), value double)")
    files = sorted(DATA.glob("*.csv"))
    assert len(files) == 7, f"the seven series belong into {DATA}"
    for file in files:
        for insert in inserts(file):
            trino_server.rows(insert)
    return trino_server


def inserts(file: Path) -> Iterator[str]:
    """Write a file as statements; arrays cost Trino a tenth of what as many rows of VALUES do."""
    name = file.stem.removesuffix("_results")
    with file.open() as lines:
        rows = [(moment(row["timestamp"]), float(row["value"])) for row in csv.DictReader(lines)]
    for start in range(0, len(rows), ROWS_A_STATEMENT):
        part = rows[start : start + ROWS_A_STATEMENT]
        times = ",".join(f"{at.timestamp():.0f}" for at, _ in part)
        values = ",".join(f"{value!r}e0" for _, value in part)
        yield (
            f"INSERT INTO {TABLE} "  # noqa: S608  numbers and file names only
            f"SELECT '{name}', CAST(from_unixtime(s) AS timestamp(0)), v "
            f"FROM UNNEST(ARRAY[{times}], ARRAY[{values}]) AS points (s, v)"
        )


def windows(file: str) -> list[tuple[datetime, datetime]]:
    labelled = json.loads((DATA / "windows.json").read_text())[file]
    return [(moment(start), moment(end)) for start, end in labelled]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def live_through(
    trino: TrinoServer, folder: Path, spans: list[tuple[datetime, datetime]], check: str
) -> tuple[list[Alert], dict[str, Any]]:
    """Run the daemon, look by look, through the spans; give the alerts and the newest verdicts."""
    (folder / "checks" / "team").mkdir(parents=True)
    (folder / "checks" / "team" / "nab.yaml").write_text(CHECKS)
    config = folder / "config.yaml"
    text = CONFIG.replace("{folder}", str(folder))
    config.write_text(text.replace("{trino}", trino.sqlalchemy_url(path="memory/nab")))
    plan = load(config, {})
    assert plan.problems == ()
    plan = replace(plan, checks={check: plan.checks[check]})
    clock = VirtualClock(spans[0][0])
    store = open_store(plan.store)
    app = App(plan, store, clock)

    async def story() -> None:
        await app.engine.start()
        for start, end in spans:
            clock.advance(start - clock.now())
            while clock.now() < end:
                clock.advance(STEP)
                await app.engine.tick()
                await app.engine.settle()
        await app.engine.stop()

    asyncio.run(story())
    incidents = store.history.incidents(spans[0][0], spans[-1][1] + STEP)
    alerts = store.history.alerts_of(incident.id for incident in incidents)
    states = {str(state.slice): state.verdict for state in store.story.states()}
    store.close()
    return alerts, states


def test_every_labelled_taxi_event_is_reported(series: TrinoServer, tmp_path: Path) -> None:
    events = windows("nyc_taxi.csv")
    alerts, _ = live_through(series, tmp_path, events, "taxi")
    fired = [alert.fired_at for alert in alerts if alert.fired_at]
    missed = [str(start) for start, end in events if not any(start <= at <= end for at in fired)]
    assert missed == []


def test_every_series_of_costs_is_judged(series: TrinoServer, tmp_path: Path) -> None:
    days = [datetime(2011, 8, day, tzinfo=UTC) for day in (10, 20)]
    spans = [(day, day + 2 * STEP) for day in days]
    _, states = live_through(series, tmp_path, spans, "exchange")
    judged = {verdict.slice for verdict in states.values() if verdict.outcome.is_judged}
    files = {file.stem.removesuffix("_results") for file in DATA.glob("exchange*.csv")}
    assert judged - {()} == {(("name", name),) for name in files}
