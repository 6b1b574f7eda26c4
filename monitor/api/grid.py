"""Lay the rows of an answer on the grid of a metric."""

from datetime import datetime, timedelta
from itertools import repeat

import numpy as np

from monitor.anomaly.arrays import Floats
from monitor.anomaly.model import Settings
from monitor.anomaly.rows import Cells, gather
from monitor.anomaly.series import bucket_number, number_of_day
from monitor.api.answer import Row, Table
from monitor.api.buckets import Buckets, Remembered
from monitor.core.labels import labels_of


def buckets_of(table: Table, what: Remembered) -> Buckets:
    """Lay the rows of a table on the grid. Raise ValueError for a column that is missing.

    It goes column by column: there may be a million rows.
    """
    if not len(table):
        return _empty(table)
    own = {what.time, what.column, what.per, what.watermark}
    names = what.by or tuple(name for name in table.columns if name not in own)
    times = _column(table, what.time)
    keys = [_column(table, name) for name in names]
    found: dict[tuple[object, ...], int] = {}
    members = zip(*keys, strict=True) if keys else repeat((), len(times))
    index = np.array([found.setdefault(member, len(found)) for member in members], dtype=np.int64)
    labels = [labels_of(zip(names, map(str, member), strict=True)) for member in found]
    order = sorted(range(len(labels)), key=lambda i: labels[i])
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    moments = {cell: _moment(what.time, cell, what.settings) for cell in set(times)}
    known = np.array([moments[cell] is not None for cell in times], dtype=np.bool_)
    at = np.array([moments[cell] or (0, 0) for cell in times], dtype=np.int64)[known]
    rows = rank[index][known]

    def matrix(column: str) -> tuple[Floats, int, tuple[str, ...]]:
        numbers = np.array(_numbers(table, column), dtype=np.float64)[known]
        made = gather(Cells(rows, at[:, 0], at[:, 1], numbers), len(order))
        return made.values, made.first, made.notes

    values, first, notes = matrix(what.column)
    return Buckets(
        observed_at=table.observed_at,
        data_at=table.data_at,
        cost=table.cost,
        link=table.link,
        maintainer=table.maintainer,
        labels=tuple(labels[i] for i in order),
        first=first,
        values=values,
        sizes=matrix(what.per)[0] if what.per else None,
        watermark=_watermark(table, what.watermark),
        notes=notes,
    )


def _empty(table: Table) -> Buckets:
    nothing = np.zeros((0, 0))
    return Buckets(
        observed_at=table.observed_at, link=table.link, labels=(), first=0, values=nothing
    )


def _column(table: Table, name: str) -> tuple[object, ...]:
    if name not in table.columns:
        have = ", ".join(table.columns) or "none"
        raise ValueError(f"the answer has no column '{name}'; it has: {have}")
    return table.columns[name]


def _numbers(table: Table, column: str) -> list[float]:
    cells = _column(table, column)
    return [
        cell if isinstance(cell, float) else _number(Row({column: cell}).number(column))
        for cell in cells
    ]


def _number(value: float | None) -> float:
    return np.nan if value is None else value


def _moment(column: str, cell: object, settings: Settings) -> tuple[int, int] | None:
    """Return the bucket and the instant; a day without a zone is a day of the check's zone."""
    moment = Row({column: cell}).moment(column)
    if moment is None:
        return None
    instant = int(moment.timestamp() * 1_000_000)
    is_date = settings.bucket >= timedelta(days=1) and not isinstance(cell, (int, float))
    if is_date and datetime.fromisoformat(str(cell)).tzinfo is None:
        return number_of_day(moment.date(), settings), instant
    return bucket_number(moment, settings), instant


def _watermark(table: Table, column: str) -> datetime | None:
    if column not in table.columns:
        return None
    found = [Row({column: cell}).moment(column) for cell in set(table.columns[column])]
    return max((one for one in found if one is not None), default=None)
