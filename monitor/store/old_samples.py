"""Numbers as they age: from an hour in a row with every point to a day in a row with a few."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from monitor.store.kept_tables import sample_day as old
from monitor.store.kept_tables import sample_hour as recent
from monitor.store.upsert import upsert_many

_KEY = ("check", "slice", "measure", "hour")


class OldSamples:
    """Packs hours into days."""

    def __init__(self, engine: sa.Engine) -> None:
        """Work on an opened store."""
        self._engine = engine

    def pack(self, before: datetime, after: str, most: int) -> str | None:
        """Pack the hours from before a midnight (UTC) of the next checks after a name.

        Return the name of the last one; None when there are no more. One short transaction.
        """
        names = sa.select(recent.c.check).order_by(recent.c.check)
        name: str | None = after
        with self._engine.begin() as connection:
            for _ in range(most):
                name = connection.scalar(names.where(recent.c.check > name).limit(1))
                if name is None:
                    return None
                is_old = sa.and_(recent.c.check == name, recent.c.hour < before)
                query = sa.select(recent).where(is_old)
                rows = connection.execute(query.order_by(*(recent.c[key] for key in _KEY))).all()
                grouped = groupby(rows, key=_day_of)
                upsert_many(connection, old, _KEY, [_day([*mine]) for _, mine in grouped])
                connection.execute(recent.delete().where(is_old))
        return name


def _day_of(row: Any) -> tuple[str, str, str, datetime]:
    return row.check, row.slice, row.measure, _midnight(row.hour)


def _midnight(hour: datetime) -> datetime:
    return hour.replace(hour=0, minute=0, second=0, microsecond=0)


def _day(rows: Sequence[Any]) -> dict[str, Any]:
    """Make one row of the hours of one series and day, oldest first."""
    first, midnight = rows[0], _midnight(rows[0].hour)
    peaks = [row.peak for row in rows if row.peak]
    points = [
        [point[0] + (row.hour - midnight) / timedelta(seconds=1), *point[1:]]
        for row in rows
        for point in json.loads(row.brief or row.points)
    ]
    return {
        "check": first.check,
        "slice": first.slice,
        "measure": first.measure,
        "hour": midnight,
        "unit": rows[-1].unit,
        "points": json.dumps(points),
        "peak": max(peaks, key=lambda text: float(json.loads(text)["value"]), default=""),
    }
