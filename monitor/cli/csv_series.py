"""Series from a CSV file: any order, any gaps, any number of slices."""

import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click
import numpy as np

from monitor.anomaly.model import Series, Settings
from monitor.anomaly.rows import Aggregate, Cells, described, gather
from monitor.anomaly.series import bucket_number, bucket_start
from monitor.config.calendars import countries, holidays_of
from monitor.core.labels import Labels, labels_of

LATEST_SECONDS = 1e11
"""Numbers above this (the year 5138 in seconds) are Unix milliseconds."""

READABLE = range(1900, 2200)
"""Years. A moment of another is a mistake or a mark for none: 0001-01-01, 9999-12-31."""

MOST_CELLS = 50_000_000
"""Slices times buckets: about 3 GB. One wrong year makes more than any memory holds."""


@dataclass(frozen=True)
class CsvSeries:
    """What was read: one series per slice on one grid, and sentences about bad rows."""

    series: tuple[Series, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Columns:
    """Which columns of a file are read."""

    time: str
    value: str
    slices: tuple[str, ...] = ()


def read_series(
    path: Path, columns: Columns, settings: Settings, aggregate: Aggregate = "sum"
) -> CsvSeries:
    """Read a file; a moment without a zone is local time of the check's zone.

    Raise click.ClickException for a missing column; a row that cannot be read is left out and
    counted in the notes.
    """
    rows: dict[Labels, int] = {}
    index, bucket, instant, number = [], [], [], []
    moments: dict[str, tuple[int, int] | None] = {}
    unreadable = 0
    for cell, text, member in _cells(path, columns):
        if cell not in moments:
            moments[cell] = _moment(cell, settings)
        moment = moments[cell]
        if moment is None:
            unreadable += 1
            continue
        labels = labels_of(zip(columns.slices, member, strict=True))
        index.append(rows.setdefault(labels, len(rows)))
        bucket.append(moment[0])
        instant.append(moment[1])
        number.append(_number(text))
    names = sorted(rows)
    _bounded(path, bucket, len(names), settings)
    place = np.empty(len(rows), dtype=np.int64)
    place[[rows[one] for one in names]] = np.arange(len(rows))
    cells = Cells(
        place[np.array(index, dtype=np.int64)] if index else np.zeros(0, dtype=np.int64),
        np.array(bucket, dtype=np.int64),
        np.array(instant, dtype=np.int64),
        np.array(number, dtype=np.float64),
    )
    gathered = gather(cells, len(names), aggregate)
    start = bucket_start(gathered.first, settings)
    notes = [f"{unreadable} rows have no readable time: left out"] if unreadable else []
    notes.extend((*gathered.notes, *described(gathered, names)))
    series = [Series(one, start, row) for one, row in zip(names, gathered.values, strict=True)]
    return CsvSeries(tuple(series), tuple(notes))


def _cells(path: Path, columns: Columns) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    with path.open(newline="", encoding="utf-8-sig", errors="replace") as lines:
        reader = csv.reader(lines)
        header = [name.strip() for name in next(reader, [])]
        missing = [
            name for name in (columns.time, columns.value, *columns.slices) if name not in header
        ]
        if missing:
            have = ", ".join(header) or "none"
            raise click.ClickException(f"{path} has no column '{missing[0]}'; it has: {have}")
        at, what = header.index(columns.time), header.index(columns.value)
        places = [header.index(name) for name in columns.slices]
        width = len(header)
        for row in reader:
            if not row:
                continue
            full = row if len(row) >= width else [*row, *[""] * (width - len(row))]
            yield full[at], full[what], tuple(full[place] for place in places)


def _bounded(path: Path, buckets: Sequence[int], slices: int, settings: Settings) -> None:
    """Raise click.ClickException where the grid of all slices would not fit the memory."""
    first, last = min(buckets, default=0), max(buckets, default=-1)
    if slices * (last - first + 1) > MOST_CELLS:
        begin, end = (bucket_start(number, settings).date() for number in (first, last))
        raise click.ClickException(
            f"{path} has {slices} slices of {last - first + 1} buckets, from {begin} to {end}, "
            f"and at most {MOST_CELLS} are replayed together; is a time wrong? Else take a larger "
            "--bucket, or split the file"
        )


def _moment(cell: str, settings: Settings) -> tuple[int, int] | None:
    """Return the number of the bucket and the moment in microseconds; None if unreadable."""
    at = _read_moment(cell.strip())
    if at is None or at.year not in READABLE:
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=ZoneInfo(settings.timezone))
    return bucket_number(at, settings), int(at.timestamp() * 1e6)


def _read_moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    try:
        seconds = float(text)
        return datetime.fromtimestamp(seconds if seconds < LATEST_SECONDS else seconds / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def read_holidays(names: Sequence[str]) -> frozenset[date]:
    """Read dates, and countries as all their holidays. Raise click.BadParameter for others."""
    found: set[date] = set()
    for name in names:
        try:
            day = date.fromisoformat(name) if name[:1].isdigit() else None
        except ValueError as error:
            raise click.BadParameter(f"--holidays {name}: {error}") from error
        if day is None and name not in countries():
            raise click.BadParameter(f"--holidays {name}: no date, and no country as IN or US-CA")
        found.update(holidays_of(name) if day is None else [day])
    return frozenset(found)
