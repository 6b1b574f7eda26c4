"""The numbers of past looks: an hour of a series in a row, a day of outcomes in a row.

Old numbers are by the day, as three points of each hour (``store/old_samples.py``).
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import groupby
from typing import Any, TypeAlias

import sqlalchemy as sa

from monitor.core.labels import Labels
from monitor.core.model import Unit
from monitor.core.series import Peak, Point, Series
from monitor.store.codec import labels_from, labels_text
from monitor.store.tables import check_day, sample_day, sample_hour
from monitor.store.upsert import upsert_many

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BRIEF = 3
"""Points that stand for an hour in the picture of a month."""

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
                "brief": _brief_text(hour, kept.points),
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
        columns = (check_day.c.check, check_day.c.day, check_day.c.hours)
        query = sa.select(*columns).where(check_day.c.day >= since.isoformat())
        if checks is not None:
            query = query.where(check_day.c.check.in_(list(checks)))
        found: dict[str, dict[date, str]] = {}
        with self._engine.connect() as connection:
            for name, day, hours in connection.execute(query).all():
                found.setdefault(name, {})[_day(day)] = hours
        return found

    def letters(self, day: date) -> dict[str, str]:
        """Return the letters of a day by check."""
        query = sa.select(check_day.c.check, check_day.c.hours)
        with self._engine.connect() as connection:
            found = connection.execute(query.where(check_day.c.day == day.isoformat()))
            return {check: hours for check, hours in found}  # noqa: C416  # rows are no pairs

    def series(
        self, checks: Iterable[str], since: datetime, until: datetime, *, is_brief: bool = False
    ) -> tuple[Series, ...]:
        """Return the series of some checks with their points in [since, until), oldest first.

        Brief ones have of each hour the first, the smallest and the largest point, and no peaks.
        """
        wanted = list(checks)
        columns = _BRIEF if is_brief else _WHOLE
        recent = sa.select(*columns).where(*_due(sample_hour, wanted, since, until, HOUR))
        packed = _OLD_BRIEF if is_brief else _OLD
        old = sa.select(*packed).where(*_due(sample_day, wanted, since, until, DAY))
        query = sa.union_all(recent, old).order_by("check", "slice", "measure", "hour")
        with self._engine.connect() as connection:
            rows = connection.execute(query).all() if wanted else []
        grouped = groupby(rows, key=lambda row: (row.check, row.slice, row.measure))
        found = (_series(key, list(mine), since, until) for key, mine in grouped)
        return tuple(one for one in found if one.points)

    def prune(self, before: datetime) -> int:
        """Forget what is from before a moment; return how many rows went."""
        with self._engine.begin() as connection:
            numbers = [
                connection.execute(table.delete().where(table.c.hour < before)).rowcount
                for table in (sample_hour, sample_day)
            ]
            old = check_day.c.day < before.date().isoformat()
            return sum(numbers) + connection.execute(check_day.delete().where(old)).rowcount


def _series(key: tuple[str, str, str], rows: list[Any], since: datetime, until: datetime) -> Series:
    check, labels, measure = key
    # One text for all hours: a month is thousands of them.
    packed = json.loads(f"[{','.join([row.points for row in rows])}]")
    points = (p for row, hour in zip(rows, packed, strict=True) for p in _points(row.hour, hour))
    peaks = (_peak(row.peak) for row in rows if row.peak)
    return Series(
        check,
        labels_from(labels),
        measure,
        Unit(rows[-1].unit),
        points=tuple(p for p in points if since <= p.at < until),
        peaks=tuple(one for one in peaks if since <= one.at < until),
    )


def _packed(hour: datetime, point: Point) -> list[float | None]:
    seconds = round((point.at - hour).total_seconds(), 3)
    numbers = (point.value, point.low, point.high, point.expected)
    known = numbers[:1] if point.low is None and point.expected is None else numbers
    return [int(seconds) if seconds.is_integer() else seconds, *map(_short, known)]


def _short(value: float | None) -> float | None:
    """Round to nine digits: more than a chart shows, and half as long as what is not rounded."""
    return None if value is None else float(f"{value:.9g}")


_KEY = tuple(sample_hour.c[name] for name in ("check", "slice", "measure", "hour", "unit"))
_WHOLE = (*_KEY, sample_hour.c.points, sample_hour.c.peak)
_SHORT = sa.case((sample_hour.c.brief != "", sample_hour.c.brief), else_=sample_hour.c.points)
_OLD = tuple(sample_day.c[column.name] for column in _WHOLE)
_OLD_BRIEF = (*_OLD[:-1], sa.literal("").label("peak"))
_BRIEF = (*_KEY, _SHORT.label("points"), sa.literal("").label("peak"))


def _due(
    table: sa.Table, checks: list[str], since: datetime, until: datetime, length: timedelta
) -> Iterator[sa.ColumnElement[bool]]:
    """Pick the rows of some checks that may hold points of [since, until)."""
    yield table.c.check.in_(checks)
    yield table.c.hour > since - length
    yield table.c.hour < until


def _hour(row: Any) -> Hour:
    points = _points(row.hour, json.loads(row.points))
    return Hour(Unit(row.unit), points, _peak(row.peak) if row.peak else None)


def _points(hour: datetime, packed: list[list[float]]) -> list[Point]:
    return [
        Point(hour + timedelta(seconds=seconds), value, *band) for seconds, value, *band in packed
    ]


def _peak(text: str) -> Peak:
    told = json.loads(text)
    return Peak(datetime.fromisoformat(told["at"]), told["value"], told["evidence"])


@lru_cache(maxsize=1000)
def _day(text: str) -> date:
    return date.fromisoformat(text)


def _brief_text(hour: datetime, points: list[Point]) -> str:
    if len(points) <= BRIEF:
        return ""
    by_value = sorted(points, key=lambda point: point.value)
    kept = {point.at: point for point in (points[0], by_value[0], by_value[-1])}
    return json.dumps([_packed(hour, kept[at]) for at in sorted(kept)])


def _peak_text(peak: Peak | None) -> str:
    if peak is None:
        return ""
    told = {"at": peak.at.isoformat(), "value": peak.value, "evidence": dict(peak.evidence)}
    return json.dumps(told, default=str)
