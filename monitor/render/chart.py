"""Pictures of a series with its band: SVG, PNG where the extra `plots` is there, and text."""

import html
import importlib
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

from monitor.core.labels import text_of
from monitor.core.series import Point, Series
from monitor.render.templates import one_line, visible
from monitor.render.units import local, number

WIDTH, HEIGHT = 640, 200
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 24, 24
MOST_POINTS = 700
"""Points of a line: four weeks of hours, one for each pixel."""

FONTS = "system-ui, Helvetica, Arial, 'DejaVu Sans', 'Liberation Sans', 'Noto Sans', sans-serif"
"""What a browser and, on a server, the drawer of PNG find; without any font texts are left out."""

HOLE = 3
"""A line has a gap where so many times its usual step is without a number."""

LARGEST = 1e300
"""Beyond it the height of a picture is no number any more."""

BARS = "▁▂▃▄▅▆▇█"
LONGEST_LINE = 48


def sparkline(series: Series) -> str:
    """Write a series as one line of bars, the newest last; empty without points."""
    values = [point.value for point in drawable(series.points)][-LONGEST_LINE:]
    if not values:
        return ""
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    return "".join(BARS[round((value - low) / span * (len(BARS) - 1))] for value in values)


def drawable(points: Iterable[Point]) -> list[Point]:
    """Leave out what is no number, or one that no picture can hold: it becomes a gap."""
    points = list(points)
    rows = [(one.value, one.low, one.high, one.expected) for one in points]
    numbers = [number for row in rows for number in row if number is not None]
    # A month has thousands, nearly always without any such: they are not asked one by one.
    ends = (min(numbers), max(numbers), sum(numbers)) if numbers else ()
    if ends and _is_drawable(ends[0]) and _is_drawable(ends[1]) and not math.isnan(ends[2]):
        return points
    return [_bounded(point) for point in points if _is_drawable(point.value)]


def _bounded(point: Point) -> Point:
    band = (point.low, point.high, point.expected)
    if all(one is None or _is_drawable(one) for one in band):
        return point
    low, high, expected = (one if one is not None and _is_drawable(one) else None for one in band)
    return replace(point, low=low, high=high, expected=expected)


def _is_drawable(value: float) -> bool:
    return -LARGEST <= value <= LARGEST


def title_of(series: Series) -> str:
    """Name a series: ``impressions of model=ctr, variant=B``."""
    where = text_of(series.slice) or series.check
    return visible(f"{series.measure} of {where}")


def _shown(text: str) -> str:
    """Write foreign text into a picture: drawers refuse what XML does not know."""
    return html.escape(one_line(text))


def svg(series: Series, timezone: str) -> str:
    """Draw a series with the band that was expected; colours follow light and dark.

    The picture stands alone: it has a title for screen readers and its own style.
    """
    points = _thinned(drawable(series.points))
    if not points:
        return ""
    scale = _Scale(points)
    label = _shown(f"{title_of(series)}: {caption(series)}")
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
            f'class="chart" aria-label="{label}"><title>{label}</title>'
        ),
        *_axes(scale, series, timezone),
        *_lines(points, scale),
        *_outside(points, scale),
        *_marked(series, scale, timezone),
        (
            f'<text x="{LEFT}" y="15" font-size="12" font-weight="600" fill="#777" '
            f'font-family="{FONTS}">{_shown(title_of(series))}</text></svg>'
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


def caption(series: Series) -> str:
    """Say in words where a series ends: ``last 520, expected 1000``."""
    points = drawable(series.points)
    if not points:
        return "no number"
    last = points[-1]
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
            self.high += max(1.0, abs(self.high))
        self.start, self.end = points[0].at, points[-1].at
        self._width = (WIDTH - LEFT - RIGHT) / ((self.end - self.start).total_seconds() or 1.0)
        self._height = (HEIGHT - TOP - BOTTOM) / (self.high - self.low)

    def x(self, at: datetime) -> float:
        return round(LEFT + (at - self.start).total_seconds() * self._width, 1)

    def y(self, value: float) -> float:
        return round(HEIGHT - BOTTOM - (value - self.low) * self._height, 1)

    def path(self, places: Iterable[tuple[datetime, float]]) -> str:
        return "M" + " L".join([f"{self.x(at)} {self.y(value)}" for at, value in places])


def _axes(scale: _Scale, series: Series, timezone: str) -> Iterable[str]:
    style = f'font-size="11" fill="#777" font-family="{FONTS}"'
    for value in (scale.low, (scale.low + scale.high) / 2, scale.high):
        y = scale.y(value)
        yield f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}" stroke="#8884"/>'
        text = _shown(number(value, series.unit))
        yield f'<text x="{LEFT - 6}" y="{y + 4}" text-anchor="end" {style}>{text}</text>'
    for at, anchor in ((scale.start, "start"), (scale.end, "end")):
        text = _shown(local(at, timezone))
        where = f'x="{scale.x(at)}" y="{HEIGHT - 6}" text-anchor="{anchor}"'
        yield f"<text {where} {style}>{text}</text>"


def _pieces(points: Sequence[Point]) -> Iterator[Sequence[Point]]:
    """Cut where numbers are missing: a line across a gap would look like a measured one."""
    steps = sorted(b.at - a.at for a, b in pairwise(points))
    usual = steps[len(steps) // 2] if steps else timedelta(0)
    begin = 0
    for place, (a, b) in enumerate(pairwise(points), 1):
        if b.at - a.at > HOLE * usual:
            yield points[begin:place]
            begin = place
    yield points[begin:]


def _lines(points: Sequence[Point], scale: _Scale) -> Iterator[str]:
    """Draw the band, the numbers, and what was expected, in pieces."""
    bands, lines, expected = [], [], []
    for piece in _pieces(points):
        upper = [(p.at, p.high) for p in piece if p.high is not None]
        lower = [(p.at, p.low) for p in reversed(piece) if p.low is not None]
        wanted = [(p.at, p.expected) for p in piece if p.expected is not None]
        lines.append(scale.path((p.at, p.value) for p in piece))
        if upper and lower:
            bands.append(scale.path([*upper, *lower]) + " Z")
        if wanted:
            expected.append(scale.path(wanted))
    yield _drawn("band", bands, 'fill="#7aa2d6" fill-opacity=".25"')
    yield _drawn("line", lines, 'fill="none" stroke="#1f6fd0" stroke-width="1.8"')
    dashed = 'fill="none" stroke="#7aa2d6" stroke-width="1" stroke-dasharray="4 3"'
    yield _drawn("expected", expected, dashed)


def _drawn(name: str, pieces: Sequence[str], style: str) -> str:
    return f'<path class="{name}" {style} d="{" ".join(pieces)}"/>' if pieces else ""


def _marked(series: Series, scale: _Scale, timezone: str) -> Iterable[str]:
    """Mark since when something is odd."""
    if series.mark is None or not scale.start <= series.mark <= scale.end:
        return
    x = scale.x(series.mark)
    yield (
        f'<line class="mark" x1="{x}" x2="{x}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" '
        'stroke="#c33333" stroke-dasharray="2 2"/>'
    )
    since = _shown(f"since {local(series.mark, timezone)}")
    where = f'x="{WIDTH - RIGHT}" y="15" text-anchor="end" font-size="12" fill="#c33333"'
    yield f'<text class="since" {where} font-family="{FONTS}">{since}</text>'


def _outside(points: Sequence[Point], scale: _Scale) -> Iterable[str]:
    """Mark the points that left the band."""
    for p in points:
        if p.low is not None and p.high is not None and not p.low <= p.value <= p.high:
            yield f'<circle cx="{scale.x(p.at)}" cy="{scale.y(p.value)}" r="2.5" fill="#c33333"/>'
