"""One hour of the numbers of a series, and how it is written in a row."""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from monitor.core.labels import Labels
from monitor.core.model import Unit
from monitor.core.series import Peak, Point
from monitor.store.codec import labels_text

HOUR = timedelta(hours=1)
BRIEF = 3
"""Points that stand for an hour in the picture of a month."""

DIGITS = 9
"""Of a number: more than a chart shows, and half as long as what is not rounded."""

SeriesKey: TypeAlias = tuple[str, Labels, str]
"""Check, slice, measure."""


@dataclass
class Hour:
    """The numbers of one series in one hour; ``peak`` is the largest one and its evidence."""

    unit: Unit
    points: list[Point] = field(default_factory=list)
    peak: Peak | None = None


def hour_row(key: SeriesKey, hour: datetime, kept: Hour) -> dict[str, Any]:
    """Write an hour as a row of ``sample_hour``."""
    check, labels, measure = key
    return {
        "check": check,
        "slice": labels_text(labels),
        "measure": measure,
        "hour": hour,
        "unit": kept.unit,
        "points": json.dumps([_packed(hour, point) for point in kept.points]),
        "peak": _peak_text(kept.peak),
        "brief": _brief_text(hour, kept.points),
    }


def points_of(hour: datetime, packed: list[list[float]]) -> list[Point]:
    """Read points that were written by their distance from an hour or a midnight."""
    return [
        Point(hour + timedelta(seconds=seconds), value, *band) for seconds, value, *band in packed
    ]


def peak_of(text: str) -> Peak:
    """Read a peak."""
    told = json.loads(text)
    return Peak(datetime.fromisoformat(told["at"]), told["value"], told["evidence"])


def numbers_of(point: Point) -> list[float | None]:
    """Return what is written of a point: its number, and with a band, that."""
    if point.low is None and point.expected is None:
        return [_short(point.value)]
    return [*map(_short, (point.value, point.low, point.high, point.expected))]


def _packed(hour: datetime, point: Point) -> list[float | None]:
    seconds = round((point.at - hour).total_seconds(), 3)
    return [int(seconds) if seconds.is_integer() else seconds, *numbers_of(point)]


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.{DIGITS}g}")


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
