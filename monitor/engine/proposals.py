"""Checks that fit what a source holds, with limits from its history. Pure: numbers in, YAML out."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from monitor.api.query import Grain
from monitor.config.settings import duration_text
from monitor.engine.found import FoundTable

ENOUGH = 20
"""Moments below which a history teaches nothing."""

MOST_NUMBERS = 4
MOST_LABELS = 2
_TIMES = re.compile(r"timestamp|datetime|^date$")
_TIME_NAMES = re.compile(r"(^|_)(at|ts|time|hour|day|date|dt|updated|created|loaded)(_|$)")
_NUMBERS = re.compile(r"int|real|double|float|decimal|numeric|bigint")
_TEXTS = re.compile(r"char|text|string")
_KEYS = re.compile(r"(^|_)(id|key|uuid)$")
_NICE = tuple(
    timedelta(minutes=n)
    for n in (1, 2, 5, 10, 15, 30, 60, 90, 120, 180, 240, 360, 720, 1440, 2880, 4320, 10_080)
)
_NAME = re.compile(r"[A-Za-z_][\w.]*")
_BAD_UP = re.compile(
    r"(^|_)(opt_?outs?|unsub|errors?|fail|complain|churn|refund|cancel|crash|timeouts?|bounce|reject|spam)"
)
"""In the names of what is bad when there is more of it."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How a table is read: its time column, its grain where it has one, numbers and labels."""

    table: str
    time: str
    grain: Grain | None
    numbers: tuple[str, ...]
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Proposal:
    """One check as YAML would have it, and the sentence that says why."""

    id: str
    keys: tuple[str, ...]
    why: str

    def yaml(self) -> str:
        """Return the definition, indented for ``checks:``."""
        return "\n".join([f"  {self.id}:", *(f"    {key}" for key in self.keys)])


def time_columns(table: FoundTable) -> list[str]:
    """Return the columns that may hold moments, the likeliest first."""
    if not _NAME.fullmatch(table.name):
        return []
    typed = [name for name, kind in table.columns if _TIMES.search(kind)]
    named = [
        name
        for name, kind in table.columns
        if name not in typed and _TIME_NAMES.search(name.lower()) and _TEXTS.search(kind)
    ]
    return [name for name in (*typed, *named) if _NAME.fullmatch(name)]


def shape_of(table: FoundTable, time: str, moments: Sequence[datetime]) -> Shape:
    """Describe a table by its columns and by the moments in its time column."""
    numbers = [n for n, kind in table.columns if _NUMBERS.search(kind) and not _KEYS.search(n)]
    labels = [n for n, kind in table.columns if _TEXTS.search(kind) and not _KEYS.search(n)]
    return Shape(
        table.name,
        time,
        grain_of(moments),
        tuple(n for n in numbers if n != time and _NAME.fullmatch(n))[:MOST_NUMBERS],
        tuple(n for n in labels if n != time and _NAME.fullmatch(n)),
    )


def grain_of(moments: Sequence[datetime]) -> Grain | None:
    """Return the grain when every moment starts an hour or a day."""
    if len(moments) < ENOUGH:
        return None
    seconds = {int(at.timestamp()) for at in moments}
    if all(one % 86_400 == 0 for one in seconds):
        return "day"
    return "hour" if all(one % 3600 == 0 for one in seconds) else None


def freshness(shape: Shape, moments: Sequence[datetime]) -> Proposal | None:
    """Propose how late the table may be: half as much again as its longest usual silence."""
    name = f"{slug(shape.table)}-fresh"
    if shape.grain is not None:
        step = timedelta(hours=1) if shape.grain == "hour" else timedelta(days=1)
        keys = (
            "kind: freshness",
            f"table: {shape.table}",
            f"partition: {{column: {shape.time}, grain: {shape.grain}}}",
            f"warn: {duration_text(step * 2)}",
            f"page: {duration_text(step * 6)}",
        )
        return Proposal(name, keys, f"no {shape.grain} of its column {shape.time} may be missing")
    gaps = sorted(later - earlier for earlier, later in pairwise(sorted(moments)))
    if len(gaps) < ENOUGH:
        return None
    usual = gaps[min(len(gaps) - 1, math.ceil(0.995 * len(gaps)) - 1)]
    warn = nice(usual * 1.5)
    keys = (
        "kind: freshness",
        f"table: {shape.table}",
        f"column: {shape.time}",
        f"warn: {duration_text(warn)}",
        f"page: {duration_text(nice(warn * 3))}",
    )
    return Proposal(name, keys, f"99.5 % of its gaps are at most {duration_text(usual)}")


def anomaly(shape: Shape, number: str, labels: Sequence[str], by_much: float) -> Proposal:
    """Propose to watch the sum of a column for drops, or for rises where its name is of trouble."""
    is_bad_up = _BAD_UP.search(number.lower()) is not None
    bad, measure = ("up", "rise") if is_bad_up else ("down", "drop")
    most = max(0.4, by_much * 2)
    by = ", ".join(labels)
    is_plain = "." not in number  # a field of a row is no name of a metric
    summed = "{{ value }}" if is_plain else number
    columns = ", ".join((f"{shape.time} as t", *labels, f"sum({summed}) as value"))
    groups = ", ".join(str(n + 1) for n in range(1 + len(labels)))
    query = f"select {columns} from {shape.table} where {shape.time} >= {{{{ since }}}} group by {groups}"  # noqa: S608, E501  # names are checked
    keys = (
        "kind: anomaly",
        f"query: {query}",
        *((f"value: {number}",) if is_plain else ()),
        f"bucket: {'1h' if shape.grain == 'hour' else '1d'}",
        *((f"slices: {{by: [{by}], min_value: 10}}",) if labels else ()),
        f"bad: {bad}",
        f"warn: {{{measure}: {by_much:.0%}}}",
        f"page: {{{measure}: {most if is_bad_up else min(0.9, most):.0%}, for: 2 of 3}}",
    )
    return Proposal(f"{slug(shape.table)}-{slug(number)}-{measure}", keys, f"the sum of {number}")


def latency(histogram: str, p99s: Sequence[float]) -> Proposal | None:
    """Propose limits on p99: twice and four times the highest usual one."""
    known = sorted(p for p in p99s if math.isfinite(p) and p > 0)
    if len(known) < ENOUGH:
        return None
    usual = known[min(len(known) - 1, math.ceil(0.995 * len(known)) - 1)]
    warn, page = nice_seconds(usual * 2), nice_seconds(usual * 4)
    keys = (
        "kind: latency",
        f"histogram: {histogram}",
        f"warn: {{p99: {duration_text(timedelta(seconds=warn))}, for: 5m}}",
        f"page: {{p99: {duration_text(timedelta(seconds=page))}, for: 5m}}",
    )
    why = f"its p99 is usually at most {duration_text(timedelta(seconds=usual))}"
    return Proposal(slug(histogram).removesuffix("-seconds") + "-latency", keys, why)


def drop_for(drops: Sequence[float], days: float) -> float:
    """Return the smallest change that would have warned at most once in 30 days."""
    for candidate in (0.1, 0.15, 0.2, 0.3, 0.4, 0.5):
        if sum(drop >= candidate for drop in drops) <= max(1.0, days / 30):
            return candidate
    return 0.6


def nice(span: timedelta) -> timedelta:
    """Round up to a duration that people write."""
    return next((one for one in _NICE if one >= span), timedelta(days=math.ceil(span.days / 7) * 7))


def nice_seconds(seconds: float) -> float:
    """Round up to one significant digit, or to 1.5 and 2.5 of a power of ten."""
    power: float = 10.0 ** math.floor(math.log10(seconds))
    steps = (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)
    return next(step * power for step in steps if step * power >= seconds * 0.999)


def slug(name: str) -> str:
    """Make an id of a name."""
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-").lower()
