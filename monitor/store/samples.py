"""The numbers of past looks: an hour of a series in a row, a day of outcomes in a row.

The newest are in batches (``store/fresh.py``), old ones by the day, as three points of each hour
(``store/old_samples.py``).
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from monitor.core.model import Unit
from monitor.core.series import Peak, Point, Series
from monitor.store.codec import labels_from, labels_text
from monitor.store.fresh import Fresh, FreshSamples, merged, save_fresh
from monitor.store.hours import HOUR, SeriesKey, peak_of, points_of
from monitor.store.kept_tables import check_day, sample_day, sample_fresh, sample_hour
from monitor.store.upsert import upsert_many

DAY = timedelta(days=1)
CHECKS_IN_A_STATEMENT = 500


@dataclass(frozen=True, slots=True)
class _Kept:
    """What is kept of a series."""

    unit: Unit
    points: list[Point]
    peaks: list[Peak]


class Samples:
    """Writing and reading kept numbers."""

    def __init__(self, engine: sa.Engine, fresh: FreshSamples) -> None:
        """Work on an opened store."""
        self._engine = engine
        self._fresh = fresh

    def save(
        self, came: Sequence[Fresh], days: Mapping[tuple[str, date], str], at: datetime
    ) -> None:
        """Write the numbers that came until a moment, and days as they are, in one transaction."""
        letters = [
            {"check": check, "day": day.isoformat(), "hours": text}
            for (check, day), text in days.items()
        ]
        with self._engine.begin() as connection:
            save_fresh(connection, came, at)
            upsert_many(connection, check_day, ("check", "day"), letters)

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

    def letters(self, day: date, checks: Collection[str] | None = None) -> dict[str, str]:
        """Return the letters of a day by check, of all or of some."""
        query = sa.select(check_day.c.check, check_day.c.hours)
        if checks is not None:
            query = query.where(check_day.c.check.in_(checks))
        with self._engine.connect() as connection:
            found = connection.execute(query.where(check_day.c.day == day.isoformat()))
            return {check: hours for check, hours in found}  # noqa: C416  # rows are no pairs

    def series(
        self, checks: Iterable[str], since: datetime, until: datetime, *, is_brief: bool = False
    ) -> tuple[Series, ...]:
        """Return the series of some checks with their points in [since, until), oldest first.

        Brief ones have of each hour that is over the first, the smallest and the largest point, and
        no peaks.
        """
        wanted = sorted(set(checks))
        fresh = self._fresh.of(wanted, since)
        found: dict[SeriesKey, _Kept] = {}
        for first in range(0, len(wanted), CHECKS_IN_A_STATEMENT):
            some = wanted[first : first + CHECKS_IN_A_STATEMENT]
            found |= self._packed(some, since, until, is_brief=is_brief)
        for key, new in fresh.items():
            peaks = [] if is_brief or new.peak is None else [new.peak]
            known = found.setdefault(key, _Kept(new.unit, [], []))
            found[key] = _Kept(new.unit, merged(known.points, new.points), known.peaks + peaks)
        series = (_series(key, found[key], since, until) for key in sorted(found, key=_row_key))
        return tuple(one for one in series if one.points)

    def _packed(
        self, checks: list[str], since: datetime, until: datetime, *, is_brief: bool
    ) -> dict[SeriesKey, _Kept]:
        """Read hours and days."""
        columns = _BRIEF if is_brief else _WHOLE
        recent = sa.select(*columns).where(*_due(sample_hour, checks, since, until, HOUR))
        packed = _OLD_BRIEF if is_brief else _OLD
        old = sa.select(*packed).where(*_due(sample_day, checks, since, until, DAY))
        query = sa.union_all(recent, old).order_by("check", "slice", "measure", "hour")
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        grouped = groupby(rows, key=lambda row: (row.check, row.slice, row.measure))
        return {
            (check, labels_from(labels), measure): _kept(list(mine))
            for (check, labels, measure), mine in grouped
        }

    def prune(self, before: datetime) -> int:
        """Forget what is from before a moment; return how many rows went."""
        with self._engine.begin() as connection:
            numbers = [
                connection.execute(table.delete().where(table.c.hour < before)).rowcount
                for table in (sample_hour, sample_day)
            ]
            connection.execute(sample_fresh.delete().where(sample_fresh.c.at < before))
            old = check_day.c.day < before.date().isoformat()
            return sum(numbers) + connection.execute(check_day.delete().where(old)).rowcount


def _kept(rows: list[Any]) -> _Kept:
    # One text for all hours: a month is thousands of them.
    packed = json.loads(f"[{','.join([row.points for row in rows])}]")
    points = [p for row, hour in zip(rows, packed, strict=True) for p in points_of(row.hour, hour)]
    return _Kept(Unit(rows[-1].unit), points, [peak_of(row.peak) for row in rows if row.peak])


def _series(key: SeriesKey, kept: _Kept, since: datetime, until: datetime) -> Series:
    return Series(
        *key,
        kept.unit,
        points=tuple(p for p in kept.points if since <= p.at < until),
        peaks=tuple(one for one in kept.peaks if since <= one.at < until),
    )


def _row_key(key: SeriesKey) -> tuple[str, str, str]:
    check, labels, measure = key
    return check, labels_text(labels), measure


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


@lru_cache(maxsize=1000)
def _day(text: str) -> date:
    return date.fromisoformat(text)
