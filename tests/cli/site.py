"""A small site for the commands about checks: a warehouse with a drop and a late load in it."""

import math
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

NOW = datetime.now(UTC).replace(tzinfo=None, minute=0, second=0, microsecond=0)  # noqa: TID251  # the commands read the clock, too
DAYS = 80
DROP_AT, DROP_HOURS = 24 * (DAYS - 6), 8
LATE_AT, LATE_HOURS = 24 * (DAYS - 5), 9

CONFIG = """\
timezone: UTC
store: sqlite:///{folder}/monitor.db
sources: {{kpi: {{type: sql, url: "sqlite:///{folder}/kpi.db", maintainer: recsys}}}}
receivers: {{chat: {{type: console}}, pager: {{type: webhook, url: "http://127.0.0.1:9/x"}}}}
maintainers:
  recsys:
    receivers: [chat]
    page: [pager]
    hours: {{weekdays: "monday:friday", times: "09:00-19:00"}}
on_call: {{receivers: [chat]}}
"""
CHECKS = """\
defaults: {maintainer: recsys, source: kpi, every: 1h}
checks:
  drop:
    kind: anomaly
    query: >
      select hour as t, model, sum({{ value }}) as value from kpi where hour >= {{ since }}
      group by 1, 2
    value: impressions
    slices: {by: [model], min_value: 1000}
    bad: down
    warn: {drop: 12%}
    page: {drop: 40%, for: 2 of 3}
  fresh: {kind: freshness, table: loads, column: at, warn: 2h, page: 6h}
  rows:
    kind: threshold
    query: select count(*) as value from kpi
    bad: below
    warn: 10
    page: {value: 3, for: 5m}
    every: 1m
    tests:
      - {at: "2026-10-02T14:00", rows: rows/few.csv, expect: warn}
      - {at: "2026-10-02T14:00", rows: rows/none.csv, expect: page}
"""


def write_site(folder: Path) -> Path:
    """Write the files; return the configuration."""
    (folder / "checks" / "recsys" / "rows").mkdir(parents=True)
    (folder / "config.yaml").write_text(CONFIG.format(folder=folder))
    (folder / "checks" / "recsys" / "a.yaml").write_text(CHECKS)
    (folder / "checks" / "recsys" / "rows" / "few.csv").write_text("value\n5\n")
    (folder / "checks" / "recsys" / "rows" / "none.csv").write_text("value\n0\n")
    with sqlite3.connect(folder / "kpi.db") as db:
        db.execute("create table kpi (hour text, model text, impressions real)")
        db.execute("create table loads (at text, n integer)")
        db.executemany("insert into kpi values (?, ?, ?)", list(_metrics()))
        db.executemany("insert into loads values (?, 1)", list(_loads()))
    db.close()
    return folder / "config.yaml"


def _hours() -> list[tuple[int, datetime]]:
    return [(n, NOW - timedelta(hours=24 * DAYS - n)) for n in range(24 * DAYS)]


def _metrics() -> list[tuple[str, str, float]]:
    rows: list[tuple[str, str, float]] = []
    for number, at in _hours():
        noise = 1 + 0.02 * math.sin(number * 12.9898)
        value = 20_000 * (1 + 0.5 * math.sin(at.hour / 24 * 2 * math.pi)) * noise
        is_low = DROP_AT <= number < DROP_AT + DROP_HOURS
        rows.append((str(at), "ctr", round(value * (0.5 if is_low else 1))))
    return rows


def _loads() -> list[tuple[str]]:
    late = range(LATE_AT, LATE_AT + LATE_HOURS)
    return [(str(at + timedelta(minutes=7)),) for number, at in _hours() if number not in late]
