"""What an alert shows beyond its numbers: a chart, the slices, how it was a week before."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from monitor.anomaly.arrays import Floats
from monitor.anomaly.explain import Cell
from monitor.anomaly.keeper import Kept
from monitor.anomaly.model import DAY, Point, Settings
from monitor.anomaly.series import bucket_start
from monitor.anomaly.watch import Trail, Watch

WEEK = timedelta(weeks=1)
RECENT_LAUNCH = timedelta(days=3)
DIGITS = 5
LINES = ("value", "expected", "low", "high")


def of_point(point: Point, was: float | None, size: float) -> dict[str, Any]:
    """Return JSON values about a bucket; an expected 0 has no deviation that could be told (None).

    was: what it had when it was judged first, if it was restated since. size: the denominator of a
    rate, of which units are lost as of counts; else 1.
    """
    notes = [point.note] if point.note else []
    if was is not None:
        notes.append(f"restated: it was {was:.6g} when it was judged first")
    return {
        "at": point.at.isoformat(),
        "value": point.value,
        "expected": point.expected,
        "low": point.low,
        "high": point.high,
        "deviation": point.deviation if np.isfinite(point.deviation) else None,
        "lost": (point.expected - point.value) * size,
        "once_in_days": point.once_in / DAY if point.once_in else None,
        "season": point.season,
        "note": "; ".join(notes),
    }


def surroundings(
    number: int,
    settings: Settings,
    complete: float | None,
    launches: Iterable[tuple[datetime, str]],
) -> dict[str, Any]:
    """Say what else a reader of a bucket must know: completeness, holidays, recent launches."""
    end = bucket_start(number + 1, settings)
    local = bucket_start(number, settings).astimezone(ZoneInfo(settings.timezone))
    recent = [
        f"{name} at {at:%Y-%m-%d %H:%M}"
        for at, name in launches
        if timedelta(0) <= end - at <= RECENT_LAUNCH
    ]
    return {
        "complete": complete,
        "holiday": local.date() in settings.holidays,
        "launches": recent,
    }


def of_cause(kept: Kept, cells: list[Cell], index: int, most: int) -> dict[str, Any]:
    """Return JSON values about a cause: since when, what is lost since, slices, chart."""
    watch, settings, cell = kept.watch, kept.settings, cells[index]
    since = int(watch.bad_since[index])
    trail = watch.trail(index)
    gap = (cell.expected - cell.value) * kept.size_of(cell)
    more: dict[str, Any] = {
        "since": bucket_start(since, settings).isoformat() if since >= 0 else None,
        "slices": _slices(watch, cell, most),
        "share": _share(watch, gap),
    }
    if trail is not None:
        more["last_week"] = _last_week(trail, settings)
        more["lost_since"] = _lost(trail, since, kept.sizes_of(cell, trail.first))
        more["chart"] = chart(trail, settings, since)
    return more


def _slices(watch: Watch, cell: Cell, most: int) -> list[dict[str, Any]] | str:
    if len(cell.leaves) == 1:
        return []
    found = watch.members(cell, most)
    if not found:
        return "broad"
    return [
        {"slice": dict(one.labels), "share": round(one.share, 3), "lost": _short(one.lost)}
        for one in found
    ]


def _share(watch: Watch, gap: float) -> float | None:
    """Return the part of the gap of everything that this cause carries; None where it is none."""
    total = watch.total_gap()
    if total is None or gap == 0.0 or total / gap <= 0:
        return None
    return round(min(gap / total, 1.0), 3)


def _last_week(trail: Trail, settings: Settings) -> float | None:
    back = round(WEEK / settings.bucket)
    values = trail.lines[0]
    return _short(values[-1 - back]) if 0 < back < len(values) else None


def _lost(trail: Trail, since: int, sizes: Floats) -> float | None:
    if since < 0:
        return None
    bad = slice(max(0, since - trail.first), None)
    return _short(float(np.nansum((trail.lines[1, bad] - trail.lines[0, bad]) * sizes[bad])))


def chart(trail: Trail, settings: Settings, since: int) -> dict[str, Any]:
    """Return the last four weeks as lists; None is unknown. `mark` is the first bad bucket."""
    known = np.flatnonzero(np.isfinite(trail.lines[0]))
    begin = int(known[0]) if len(known) else 0
    lines = {
        name: [_short(one) for one in line[begin:].tolist()]
        for name, line in zip(LINES, trail.lines, strict=True)
    }
    return {
        "start": bucket_start(trail.first + begin, settings).isoformat(),
        "bucket_seconds": int(settings.bucket.total_seconds()),
        "mark": max(0, since - trail.first - begin) if since >= 0 else None,
        **lines,
    }


def _short(number: float) -> float | None:
    """Round to a few digits: a chart of a month is stored with every alert."""
    return float(f"{number:.{DIGITS}g}") if np.isfinite(number) else None


def capability(watch: Watch) -> str:
    """Say what a check can find: the smallest change over a window that is found mostly."""
    leaves, *rolled = watch.smallest_drop()
    known = leaves[np.isfinite(leaves)]
    if not len(known):
        return "still learning: nothing can be found yet"
    best, middle, worst = (float(f(known)) for f in (np.min, np.median, np.max))
    found = (
        f"finds changes over six buckets from {best:.0%} (best slice) and {middle:.0%} (median) "
        f"to {worst:.0%} (worst) four times in five"
    )
    parts = [found]
    if rolled and np.isfinite(rolled[0][0]):
        parts.append(f"of the total from {rolled[0][0]:.0%}")
    if len(known) < len(leaves):
        parts.append(f"{len(leaves) - len(known)} of {len(leaves)} slices still learn")
    return "; ".join(parts)
