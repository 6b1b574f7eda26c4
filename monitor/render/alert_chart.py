"""The four weeks before an alert of a metric: its numbers, what was expected, since when."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from monitor.core.incident import IncidentView
from monitor.core.labels import Labels
from monitor.core.model import Unit
from monitor.core.series import Point, Series

MOST_POINTS = 5000


def chart_of(check: str, labels: Labels, evidence: Mapping[str, Any] | None) -> Series | None:
    """Read the chart in the evidence of an alert; None where there is none that can be drawn."""
    told = evidence or {}
    chart = told.get("chart")
    if not isinstance(chart, Mapping):
        return None
    try:
        points, mark = _points(chart), _mark(chart)
    except (KeyError, TypeError, ValueError, OverflowError):
        return None  # evidence of a plugin that is not as expected costs no message
    name = str(told.get("metric") or "value")
    return Series(check, labels, name, Unit.NUMBER, points, mark=mark) if points else None


def charts_of(view: IncidentView) -> list[Series]:
    """Return the charts of the alerts of an incident itself, the worst first."""
    if view.storm is not None:
        return []
    drawn = (chart_of(one.check, one.slice, one.evidence) for one in view.own)
    return [one for one in drawn if one is not None]


def _points(chart: Mapping[str, Any]) -> tuple[Point, ...]:
    """Return the buckets that have a number; the others are gaps of the line."""
    start = datetime.fromisoformat(chart["start"])
    step = timedelta(seconds=float(chart["bucket_seconds"]))
    lines = [list(chart[name])[:MOST_POINTS] for name in ("value", "low", "high", "expected")]
    rows: Iterable[tuple[float | None, ...]] = zip(*lines, strict=True)
    found = []
    for number, (value, *band) in enumerate(rows):
        if value is not None:
            low, high, expected = (None if one is None else float(one) for one in band)
            found.append(Point(start + number * step, float(value), low, high, expected))
    return tuple(found)


def _mark(chart: Mapping[str, Any]) -> datetime | None:
    if chart.get("mark") is None:
        return None
    seconds = int(chart["mark"]) * float(chart["bucket_seconds"])
    return datetime.fromisoformat(chart["start"]) + timedelta(seconds=seconds)
