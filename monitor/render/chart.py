"""Pictures of a series with its band: SVG, PNG where the extra `plots` is there, and text."""

import html
import importlib
from collections.abc import Iterable, Sequence
from datetime import datetime

from monitor.core.labels import text_of
from monitor.core.series import Point, Series
from monitor.render.units import local, number

WIDTH, HEIGHT = 640, 200
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 24, 24
MOST_POINTS = 400
BARS = "▁▂▃▄▅▆▇█"
LONGEST_LINE = 48


def sparkline(series: Series) -> str:
    """Write a series as one line of bars, the newest last; empty without points."""
    values = [point.value for point in series.points][-LONGEST_LINE:]
    if not values:
        return ""
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    return "".join(BARS[round((value - low) / span * (len(BARS) - 1))] for value in values)


def title_of(series: Series) -> str:
    """Name a series: ``impressions of model=ctr, variant=B``."""
    where = text_of(series.slice)
    return f"{series.measure} of {where}" if where else f"{series.measure} of {series.check}"


def svg(series: Series, timezone: str) -> str:
    """Draw a series with the band that was expected; colours follow light and dark.

    The picture stands alone: it has a title for screen readers and its own style.
    """
    points = _thinned(series.points)
    if not points:
        return ""
    scale = _Scale(points)
    label = html.escape(f"{title_of(series)}: {_last(series)}")
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
            f'class="chart" aria-label="{label}"><title>{label}</title>'
        ),
        *_axes(scale, series, timezone),
        f'<path class="band" fill="#7aa2d6" fill-opacity=".25" d="{_band(points, scale)}"/>'
        if series.has_band
        else "",
        (
            f'<path class="line" fill="none" stroke="#1f6fd0" stroke-width="1.8" '
            f'd="{_line(points, scale)}"/>'
        ),
        *_outside(points, scale),
        (
            f'<text x="{LEFT}" y="15" font-size="12" font-weight="600" fill="#777" '
            f'font-family="sans-serif">{html.escape(title_of(series))}</text></svg>'
        ),
    ]
    return "".join(parts)


def png(series: Series, timezone: str) -> bytes | None:
    """Draw the same as PNG on white; None without the extra ``plots`` or without points."""
    drawn = svg(series, timezone)
    try:
        resvg = importlib.import_module("resvg_py")
    except ModuleNotFoundError:
        return None
    if not drawn:
        return None
    return bytes(resvg.svg_to_bytes(svg_string=drawn, background="#ffffff", zoom=2))


def _last(series: Series) -> str:
    last = series.points[-1]
    expected = "" if last.expected is None else f", expected {number(last.expected, series.unit)}"
    return f"last {number(last.value, series.unit)}{expected}"


def _thinned(points: Sequence[Point]) -> list[Point]:
    step = max(1, -(-len(points) // MOST_POINTS))
    return list(points[::-1][::step])[::-1]


class _Scale:
    """From moments and numbers to places in the picture."""

    def __init__(self, points: Sequence[Point]) -> None:
        ends = [e for p in points for e in (p.value, p.low, p.high) if e is not None]
        self.low, self.high = min(ends), max(ends)
        if self.low > 0 and self.low < self.high * 0.5:
            self.low = 0.0
        if self.high == self.low:
            self.high += 1.0
        self.start, self.end = points[0].at, points[-1].at
        self.seconds = (self.end - self.start).total_seconds() or 1.0

    def x(self, at: datetime) -> float:
        share = (at - self.start).total_seconds() / self.seconds
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)

    def y(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM), 1)


def _axes(scale: _Scale, series: Series, timezone: str) -> Iterable[str]:
    style = 'font-size="11" fill="#777" font-family="sans-serif"'
    for value in (scale.low, (scale.low + scale.high) / 2, scale.high):
        y = scale.y(value)
        yield f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}" stroke="#8884"/>'
        text = html.escape(number(value, series.unit))
        yield f'<text x="{LEFT - 6}" y="{y + 4}" text-anchor="end" {style}>{text}</text>'
    for at, anchor in ((scale.start, "start"), (scale.end, "end")):
        text = html.escape(local(at, timezone))
        where = f'x="{scale.x(at)}" y="{HEIGHT - 6}" text-anchor="{anchor}"'
        yield f"<text {where} {style}>{text}</text>"


def _line(points: Sequence[Point], scale: _Scale) -> str:
    return "M" + " L".join(f"{scale.x(p.at)} {scale.y(p.value)}" for p in points)


def _band(points: Sequence[Point], scale: _Scale) -> str:
    known = [p for p in points if p.low is not None and p.high is not None]
    upper = [f"{scale.x(p.at)} {scale.y(p.high or 0.0)}" for p in known]
    lower = [f"{scale.x(p.at)} {scale.y(p.low or 0.0)}" for p in reversed(known)]
    return "M" + " L".join([*upper, *lower]) + " Z"


def _outside(points: Sequence[Point], scale: _Scale) -> Iterable[str]:
    """Mark the points that left the band."""
    for p in points:
        if p.low is not None and p.high is not None and not p.low <= p.value <= p.high:
            yield f'<circle cx="{scale.x(p.at)}" cy="{scale.y(p.value)}" r="3" fill="#c33333"/>'
