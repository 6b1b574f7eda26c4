"""The numbers of the last hour or two: in batches as they came, until hours are made of them.

A row for each series and hour, written anew every minute, costs sixty times what is new in it. So
what came in a minute is written as it is, in a few hundred rows: each has the numbers of the checks
of one part, and who asks for a check reads the rows of its part. Every hour they become rows of
``sample_hour``.
"""

import json
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from json.encoder import encode_basestring_ascii
from math import isfinite
from zlib import crc32

import sqlalchemy as sa

from monitor.core.labels import Labels, labels_of
from monitor.core.model import Evidence, Unit
from monitor.core.series import Peak, Point
from monitor.core.value import value
from monitor.store.codec import labels_from
from monitor.store.hours import DIGITS, Hour, SeriesKey, hour_row, numbers_of, peak_of, points_of
from monitor.store.kept_tables import sample_fresh, sample_hour
from monitor.store.upsert import insert_many, upsert_many

PARTS = 256
"""Into how many parts checks fall. With 10,000 checks a part has 40: two hours of it are read in
some milliseconds, and a minute of all is 256 rows."""
CHECKS_IN_A_STATEMENT = 500
_as_json = json.JSONEncoder(default=str).encode  # made once: json.dumps makes one for each call
HOUR_KEY = ("check", "slice", "measure", "hour")


@value(frozen=True, slots=True)
class Fresh:
    """A number as it came; ``evidence`` is what is kept of it if it is the largest of its hour."""

    key: SeriesKey
    unit: Unit
    point: Point
    evidence: Evidence | None = None


@lru_cache(maxsize=64)  # looks of one moment bring many numbers
def minute_of(at: datetime) -> int:
    """Return the minute since 1970: a series has one number in each, the newest."""
    return int(at.timestamp() // 60)


def part_of(check: str) -> int:
    """Return the part of a check; the same for ever."""
    return crc32(check.encode()) % PARTS


class FreshSamples:
    """Writes, reads and packs fresh numbers."""

    def __init__(self, engine: sa.Engine) -> None:
        """Work on an opened store."""
        self._engine = engine

    def of(self, checks: Iterable[str], since: datetime) -> dict[SeriesKey, Hour]:
        """Return the numbers of some checks that came since a moment, oldest first."""
        wanted = {json.dumps(check): check for check in checks}
        parts = sorted({part_of(check) for check in wanted.values()})
        query = sa.select(sample_fresh.c.numbers).where(
            sample_fresh.c.part.in_(parts), sample_fresh.c.at >= since
        )
        with self._engine.connect() as connection:
            rows = connection.scalars(query.order_by(sample_fresh.c.id)).all() if parts else []
        found: dict[SeriesKey, dict[int, Fresh]] = {}
        for row in rows:
            for one in _read(row, wanted):
                found.setdefault(one.key, {})[minute_of(one.point.at)] = one
        return {key: _hour(mine) for key, mine in found.items()}

    def save_hours(self, hours: Mapping[tuple[SeriesKey, datetime], Hour]) -> None:
        """Write hours as they are, each as a whole, past the batches: for what has them already."""
        with self._engine.begin() as connection:
            _save_hours(connection, hours)

    def pack(self, before: datetime, after: str, most: int) -> str | None:
        """Make hours of what came before a moment, for the next parts after one.

        Return the last of them; None when there are no more. One short transaction.
        """
        part: int | None = int(after or -1)
        old = sample_fresh.c.at < before
        with self._engine.begin() as connection:
            for _ in range(most):
                parts = sa.select(sa.func.min(sample_fresh.c.part)).where(old)
                part = connection.scalar(parts.where(sample_fresh.c.part > part))
                if part is None:
                    return None
                mine = sa.and_(old, sample_fresh.c.part == part)
                query = sa.select(sample_fresh.c.numbers).where(mine).order_by(sample_fresh.c.id)
                fresh = (one for row in connection.scalars(query).all() for one in _read(row))
                _into_hours(connection, fresh)
                connection.execute(sample_fresh.delete().where(mine))
        return str(part)


def in_pieces(came: Sequence[Fresh], most: int) -> Iterator[Sequence[Fresh]]:
    """Cut numbers into pieces that share no part, so that they make no more rows than all at once.

    A piece has ``most`` numbers and those of one part.
    """
    if len(came) <= most:
        yield came
        return
    piece: list[Fresh] = []
    for _, mine in _by_part(came):
        piece.extend(mine)
        if len(piece) >= most:
            yield piece
            piece = []
    if piece:
        yield piece


def save_fresh(connection: sa.Connection, came: Iterable[Fresh], at: datetime) -> None:
    """Write numbers that came until a moment."""
    rows = [
        {"part": part, "at": at, "numbers": "\n".join(map(_written, mine))}
        for part, mine in _by_part(came)
    ]
    insert_many(connection, sample_fresh, rows)


def _by_part(came: Iterable[Fresh]) -> list[tuple[int, list[Fresh]]]:
    parts: dict[int, list[Fresh]] = {}
    for one in came:
        parts.setdefault(part_of(one.key[0]), []).append(one)
    return sorted(parts.items())


def _save_hours(
    connection: sa.Connection, hours: Mapping[tuple[SeriesKey, datetime], Hour]
) -> None:
    rows = [hour_row(key, hour, kept) for (key, hour), kept in hours.items()]
    upsert_many(connection, sample_hour, HOUR_KEY, rows)


def _written(one: Fresh) -> str:
    """Write a line: the check by itself, so that others are passed over unread, and the rest.

    The rest is a JSON list, written in parts: most of it is the same for many numbers.
    """
    check, labels, measure = one.key
    numbers = _numbers_text(one.point)
    evidence = f", {_as_json(dict(one.evidence))}" if one.evidence else ""
    series, at = _series_text(labels, measure, one.unit), _seconds(one.point.at)
    return f"{encode_basestring_ascii(check)}\t[{series}, {at}, [{numbers}]{evidence}]"


def _numbers_text(point: Point) -> str:
    """Write as JSON; of one number that is done before an encoder has begun."""
    if point.low is None and point.expected is None and isfinite(point.value):
        return f"{point.value:.{DIGITS}g}"
    return _as_json(numbers_of(point))[1:-1]


@lru_cache(maxsize=4096)
def _series_text(labels: Labels, measure: str, unit: Unit) -> str:
    return _as_json([dict(labels), measure, unit])[1:-1]


@lru_cache(maxsize=64)
def _seconds(at: datetime) -> float:
    return round(at.timestamp(), 3)


def _read(row: str, wanted: Container[str] | None = None) -> Iterator[Fresh]:
    for line in row.split("\n"):
        name, _, told = line.partition("\t")
        if wanted is None or name in wanted:
            labels, measure, unit, seconds, (number, *band), *evidence = json.loads(told)
            at = datetime.fromtimestamp(seconds, UTC)
            key = (json.loads(name), labels_of(labels), measure)
            yield Fresh(key, Unit(unit), Point(at, float(number), *band), *evidence)


def _hour(mine: Mapping[int, Fresh]) -> Hour:
    """Join the numbers of a series by their minutes; the largest with evidence is the peak."""
    ordered = [mine[minute] for minute in sorted(mine)]
    peaks = [one for one in ordered if one.evidence is not None]
    peak = max(peaks, key=lambda one: one.point.value, default=None)
    return Hour(
        ordered[-1].unit,
        [one.point for one in ordered],
        Peak(peak.point.at, peak.point.value, peak.evidence or {}) if peak else None,
    )


def _into_hours(connection: sa.Connection, fresh: Iterable[Fresh]) -> None:
    """Lay fresh numbers over the hours that are there."""
    found: dict[datetime, dict[SeriesKey, dict[int, Fresh]]] = {}
    for one in fresh:
        hour = one.point.at.replace(minute=0, second=0, microsecond=0)
        mine = found.setdefault(hour, {}).setdefault(one.key, {})
        mine[minute_of(one.point.at)] = one
    for hour, series in found.items():
        known = _known(connection, hour, sorted({key[0] for key in series}))
        laid = {(key, hour): _over(known.get(key), _hour(mine)) for key, mine in series.items()}
        _save_hours(connection, laid)


def _known(connection: sa.Connection, hour: datetime, checks: list[str]) -> dict[SeriesKey, Hour]:
    found: dict[SeriesKey, Hour] = {}
    for first in range(0, len(checks), CHECKS_IN_A_STATEMENT):
        some = checks[first : first + CHECKS_IN_A_STATEMENT]
        query = sa.select(sample_hour).where(
            sample_hour.c.check.in_(some), sample_hour.c.hour == hour
        )
        for row in connection.execute(query):
            key = (row.check, labels_from(row.slice), row.measure)
            peak = peak_of(row.peak) if row.peak else None
            found[key] = Hour(Unit(row.unit), points_of(hour, json.loads(row.points)), peak)
    return found


def _over(known: Hour | None, new: Hour) -> Hour:
    if known is None:
        return new
    peaks = [peak for peak in (known.peak, new.peak) if peak is not None]
    peak = max(peaks, key=lambda one: one.value, default=None)
    return Hour(new.unit, merged(known.points, new.points), peak)


def merged(known: Sequence[Point], new: Sequence[Point]) -> list[Point]:
    """Return the points of both, one for each minute; the new ones count, oldest first."""
    if not new:
        return [*known]
    first = min(point.at for point in new).replace(second=0, microsecond=0)
    old = [point for point in known if point.at < first]
    by_minute = {minute_of(point.at): point for point in known[len(old) :]}
    by_minute.update((minute_of(point.at), point) for point in new)
    return [*old, *(by_minute[minute] for minute in sorted(by_minute))]
