"""The numbers of past looks: an hour of a series in a row, a day of outcomes in a row."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any, TypeAlias

import sqlalchemy as sa

from monitor.core.labels import Labels
from monitor.core.model import Unit
from monitor.core.series import Peak, Point, Series
from monitor.store.codec import labels_from, labels_text
from monitor.store.tables import check_day, sample_hour
from monitor.store.upsert import upsert_many

SeriesKey: TypeAlias = tuple[str, Labels, str]
"""Check, slice, measure."""


@dataclass
class Hour:
    """The numbers of one series in one hour; ``peak`` is the largest one and its evidence."""

    unit: Unit
    points: list[Point] = field(default_factory=list)
    peak: Peak | None = None


class Samples:
    """Writing and reading kept numbers."""

    def __init__(self, engine: sa.Engine) -> None:
        """Work on an opened store."""
        self._engine = engine

    def save(
        self,
        hours: Mapping[tuple[SeriesKey, datetime], Hour],
        days: Mapping[tuple[str, date], str],
    ) -> None:
        """Write hours and days as they are now, each as a whole, in one transaction."""
        numbers = [
            {
                "check": check,
                "slice": labels_text(labels),
                "measure": measure,
                "hour": hour,
                "unit": kept.unit,
                "points": json.dumps([_packed(hour, point) for point in kept.points]),
                "peak": _peak_text(kept.peak),
            }
            for ((check, labels, measure), hour), kept in hours.items()
        ]
        letters = [
            {"check": check, "day": day.isoformat(), "hours": text}
            for (check, day), text in days.items()
        ]
        with self._engine.begin() as connection:
            key = ("check", "slice", "measure", "hour")
            upsert_many(connection, sample_hour, key, numbers)
            upsert_many(connection, check_day, ("check", "day"), letters)

    def hours(self, since: datetime) -> dict[tuple[SeriesKey, datetime], Hour]:
        """Return the rows from an hour on, as ``save`` takes them."""
        query = sa.select(sample_hour).where(sample_hour.c.hour >= since)
        with self._engine.connect() as connection:
            return {
                ((row.check, labels_from(row.slice), row.measure), row.hour): _hour(row)
                for row in connection.execute(query)
            }

    def days(self, since: date, checks: Iterable[str] | None = None) -> dict[str, dict[date, str]]:
        """Return the letters of each check, or of some, by day, from a day on."""
        query = sa.select(check_day).where(check_day.c.day >= since.isoformat())
        if checks is not None:
            query = query.where(check_day.c.check.in_(list(checks)))
        found: dict[str, dict[date, str]] = {}
        with self._engine.connect() as connection:
            for row in connection.execute(query):
                found.setdefault(row.check, {})[date.fromisoformat(row.day)] = row.hours
        return found

    def series(
        self, checks: Iterable[str], since: datetime, until: datetime, every: int = 1
    ) -> tuple[Series, ...]:
        """Return the series of some checks with their points in [since, until), oldest first.

        With ``every`` n, of each hour every n-th point, the largest and the smallest.
        """
        wanted = list(checks)
        query = (
            sa.select(sample_hour)
            .where(
                sample_hour.c.check.in_(wanted),
                sample_hour.c.hour > since - timedelta(hours=1),
                sample_hour.c.hour < until,
            )
            .order_by(*(sample_hour.c[n] for n in ("check", "slice", "measure", "hour")))
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query).all() if wanted else []
        grouped = groupby(rows, key=lambda row: (row.check, row.slice, row.measure))
        found = (
            _series(key, [_hour(row, every) for row in mine], since, until) for key, mine in grouped
        )
        return tuple(one for one in found if one.points)

    def prune(self, before: datetime) -> int:
        """Forget what is from before a moment; return how many rows went."""
        with self._engine.begin() as connection:
            gone = connection.execute(sample_hour.delete().where(sample_hour.c.hour < before))
            old = check_day.c.day < before.date().isoformat()
            return gone.rowcount + connection.execute(check_day.delete().where(old)).rowcount


def _series(
    key: tuple[str, str, str], kept: list[Hour], since: datetime, until: datetime
) -> Series:
    check, labels, measure = key
    return Series(
        check,
        labels_from(labels),
        measure,
        kept[-1].unit,
        points=tuple(p for one in kept for p in one.points if since <= p.at < until),
        peaks=tuple(one.peak for one in kept if one.peak and since <= one.peak.at < until),
    )


def _packed(hour: datetime, point: Point) -> list[float | None]:
    seconds = round((point.at - hour).total_seconds(), 3)
    if point.low is None and point.expected is None:
        return [seconds, point.value]
    return [seconds, point.value, point.low, point.high, point.expected]


def _hour(row: Any, every: int = 1) -> Hour:
    packed = json.loads(row.points)
    if every > 1:
        ends = (min(packed, key=_value), max(packed, key=_value))
        packed = sorted([*packed[::every], *(end for end in ends if end not in packed[::every])])
    points = [
        Point(row.hour + timedelta(seconds=seconds), value, *band)
        for seconds, value, *band in packed
    ]
    peak = None
    if row.peak:
        told = json.loads(row.peak)
        peak = Peak(datetime.fromisoformat(told["at"]), told["value"], told["evidence"])
    return Hour(Unit(row.unit), points, peak)


def _value(packed: list[float]) -> float:
    return packed[1]


def _peak_text(peak: Peak | None) -> str:
    if peak is None:
        return ""
    told = {"at": peak.at.isoformat(), "value": peak.value, "evidence": dict(peak.evidence)}
    return json.dumps(told, default=str)
