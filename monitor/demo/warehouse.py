"""The demo's warehouse: SQLite with nine weeks of hourly numbers, and a table that fills by itself.

Everything is drawn from one seed, so that each run of the demo tells the same story.
"""

import math
import random
import sqlite3
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

HOUR = timedelta(hours=1)
HISTORY = timedelta(weeks=9)
SIZES = {"ctr": 52_000, "cvr": 18_000, "watch": 31_000}
VARIANTS = {"A": 1.0, "B": 1.02}
SEED = 20261124

TABLES = """
create table kpi (hour text, model text, variant text, impressions integer, duration real,
                  opt_outs integer, revenue real);
create index kpi_hour on kpi (hour);
create table events_impressions_hourly (dt_hour text, n integer);
create table growth_attribution_hourly (dt_hour text, n integer);
create table superset_charts (chart text, refreshed_at text);
"""


def text_of(at: datetime) -> str:
    """Write a moment as the warehouse keeps it: UTC, no zone."""
    return f"{at:%Y-%m-%d %H:%M:%S}"


class Warehouse:
    """The tables, and the jobs that fill them as the clock moves on."""

    def __init__(self, path: Path, start: datetime) -> None:
        """Fill the history up to ``start``."""
        self._connection = sqlite3.connect(path)
        self._random = random.Random(SEED)  # noqa: S311  # a story, no secret
        self._connection.executescript(TABLES)
        self._filled = (start - HISTORY).replace(minute=0, second=0, microsecond=0)
        self.missing_hours: frozenset[datetime] = frozenset()
        self.growth_ends_at: datetime | None = None
        self.charts_stop_at: datetime | None = None
        self.effects: tuple[tuple[datetime, datetime, str, str, str, float], ...] = ()
        self.advance(start)

    def advance(self, now: datetime) -> None:
        """Do what the hourly jobs would have done by now: an hour lands ten minutes after it."""
        before = self._filled
        while self._filled + HOUR + timedelta(minutes=10) <= now:
            self._land(self._filled)
            self._filled += HOUR
        refreshed = now if self.charts_stop_at is None else min(now, self.charts_stop_at)
        if before != self._filled:
            self._connection.execute("delete from superset_charts")
            charts = [(name, text_of(refreshed)) for name in ("revenue", "impressions", "opt-outs")]
            self._connection.executemany("insert into superset_charts values (?, ?)", charts)
            self._connection.commit()

    def _land(self, hour: datetime) -> None:
        text = text_of(hour)
        self._connection.executemany(
            "insert into kpi values (?, ?, ?, ?, ?, ?, ?)", list(self._kpi(hour, text))
        )
        if hour not in self.missing_hours:
            total = int(2_000_000 * season(hour))
            row = (text, total)
            self._connection.execute("insert into events_impressions_hourly values (?, ?)", row)
        if self.growth_ends_at is None or hour < self.growth_ends_at:
            row = (text, 40_000)
            self._connection.execute("insert into growth_attribution_hourly values (?, ?)", row)

    def _kpi(self, hour: datetime, text: str) -> Iterator[tuple[object, ...]]:
        draw = self._random.gauss
        for model, size in SIZES.items():
            common = season(hour) * (1 + draw(0, 0.015))
            for variant, lift in VARIANTS.items():
                shown = size * common * lift * (1 + draw(0, 0.01))
                opted = shown * 0.012 * (1 + draw(0, 0.03))
                shown *= self._effect(hour, model, variant, "impressions")
                opted *= self._effect(hour, model, variant, "opt_outs")
                spent = shown * 0.004 * (1 + draw(0, 0.02))
                length = 34 * (1 + draw(0, 0.02))
                yield text, model, variant, round(shown), length, round(opted), spent

    def _effect(self, hour: datetime, model: str, variant: str, column: str) -> float:
        factor = 1.0
        for start, end, of_model, of_variant, of_column, change in self.effects:
            is_here = of_model in {model, "*"} and of_variant in {variant, "*"}
            if start <= hour < end and is_here and of_column == column:
                factor *= change
        return factor

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def season(hour: datetime) -> float:
    """Return the usual traffic of an hour as a factor around 1: evenings and weekends are busy."""
    of_day = (hour.hour + 5.5) % 24
    day = 1 + 0.45 * math.cos((of_day - 20) / 24 * 2 * math.pi)
    weekend = 1.15 if hour.weekday() >= 5 else 1.0  # noqa: PLR2004  # Saturday
    return day * weekend
