"""One check over time: its slices and their roll-ups, each judged once, explained together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np

from monitor.anomaly import explain
from monitor.anomaly.arrays import Bools, Floats, Ints
from monitor.anomaly.cube import Cube, Labels, cube
from monitor.anomaly.detector import Detector
from monitor.anomaly.episode import Episodes
from monitor.anomaly.explain import Cell, Member
from monitor.anomaly.model import Settings
from monitor.anomaly.part import Judged
from monitor.anomaly.score import WINDOW

# The part of the budget that roll-ups may spend, where there are any.
ROLLUP_SHARE = 0.5
LARGEST = 1e37
"""About as much as the numbers of a trail can hold."""


TRAIL = timedelta(weeks=4)
MOST_TRAILS = 2000
"""Checks with more rows keep no trail for charts: it would be most of their memory."""


@dataclass(frozen=True)
class Seen:
    """One judged bucket: the number, the slices, the roll-ups (None without any), denominators."""

    number: int
    leaves: Judged
    rolled: Judged | None
    sizes: Floats | None


@dataclass(frozen=True)
class Trail:
    """The last four weeks of a row: value, expected, low, high, each (buckets,), NaN unknown."""

    first: int
    lines: Floats


@dataclass(frozen=True)
class Shift:
    """A step: the first bucket after it, the slices that took it, its size as a logarithm."""

    since: int
    leaves: Ints
    by: float


class Watch:
    """The state of one check. Feed it buckets in the order of time."""

    def __init__(self, settings: Settings, slices: Sequence[Labels]) -> None:
        """Know nothing of these slices."""
        self.settings = settings
        self.slices: tuple[Labels, ...] = tuple(slices)
        self.tree: Cube = cube(self.slices)
        share = ROLLUP_SHARE if self.tree.labels else 0.0
        budget = settings.false_alarms_per_month
        self.leaves = Detector(
            replace(settings, false_alarms_per_month=budget * (1.0 - share)), len(self.slices)
        )
        self.rolled: Detector | None = None
        if self.tree.labels:
            asked = replace(settings, false_alarms_per_month=budget * share)
            self.rolled = Detector(asked, len(self.tree.labels))
        self.seen: Seen | None = None
        rows = len(self.slices) + len(self.tree.labels)
        length = max(1, int(TRAIL / settings.bucket)) if rows <= MOST_TRAILS else 0
        self._trail = np.full((4, rows, length), np.nan, dtype=np.float32)
        self.alarms = Episodes(settings, len(self.slices))
        self.rolled_alarms = Episodes(settings, len(self.tree.labels))

    @property
    def next(self) -> int | None:
        """The number of the bucket that must come next; None when any may."""
        return self.leaves.next

    def advance(self, lo: int, values: Floats, sizes: Floats | None = None) -> Seen:
        """Judge buckets from `lo` on, (slices, buckets); any number of blocks.

        sizes: denominators of a rate; then the values are its numerators.
        """
        day = self.leaves.calendar.day
        end, at = lo + values.shape[1], lo
        while at < end:
            stop = min(end, (at // day + 1) * day)
            part = slice(at - lo, stop - lo)
            self._step(at, values[:, part], None if sizes is None else sizes[:, part])
            at = stop
        assert self.seen is not None
        return self.seen

    def _step(self, at: int, values: Floats, sizes: Floats | None) -> None:
        judged = self.leaves.advance(at, rate_of(values, sizes), sizes)
        rolled = None
        if self.rolled is not None:
            usual = judged.usual if sizes is None else judged.usual * sizes
            sums = self.tree.sums(values, usual)
            below = None if sizes is None else self.tree.sums(sizes, np.zeros(sizes.shape))
            rolled = self.rolled.advance(at, rate_of(sums, below), below)
            rolled = self.rolled_alarms.follow(at, rolled)
        judged = self.alarms.follow(at, judged)
        self._remember(at, [judged] if rolled is None else [rolled, judged])
        number = at + values.shape[1] - 1
        newest = None if rolled is None else rolled.last()
        self.seen = Seen(number, judged.last(), newest, None if sizes is None else sizes[:, -1])

    def _remember(self, at: int, judged: Sequence[Judged]) -> None:
        """Keep the trail for charts; roll-ups come first."""
        length = self._trail.shape[2]
        if not length:
            return
        places = np.arange(at, at + judged[0].value.shape[1]) % length
        for line, name in enumerate(("value", "expected", "low", "high")):
            joined = np.concatenate([getattr(one, name) for one in judged])
            self._trail[line][:, places] = np.minimum(joined, LARGEST)

    def trail(self, row: int) -> Trail | None:
        """Return the last four weeks of a row of `cells`; None where none is kept."""
        length = self._trail.shape[2]
        if not length or self.next is None:
            return None
        first = self.next - length
        order = np.arange(first, self.next) % length
        return Trail(first, self._trail[:, row][:, order].astype(np.float64))

    def shift_of(self, chosen: Labels) -> Shift | None:
        """Measure the step that a cell has taken since it is bad; None for an unknown cell.

        Of a cell that is not bad, the distance of the last window.
        """
        names = (*self.tree.labels, *self.slices)
        if chosen not in names or self.next is None:
            return None
        row = names.index(chosen)
        since = int(self.bad_since[row])
        since = since if since >= 0 else self.next - WINDOW
        trail = self.trail(row)
        step = self._distance(row) if trail is None else _median_distance(trail, since)
        leaves = np.array(
            [i for i, one in enumerate(self.slices) if set(chosen) <= set(one)], dtype=np.int64
        )
        return Shift(since, leaves, float(np.nan_to_num(step)))

    @property
    def bad_since(self) -> Ints:
        """The first bad bucket of the running alarm of each cell, -1 where there is none."""
        return np.concatenate([self.rolled_alarms.since, self.alarms.since])

    def changes(self) -> Floats:
        """Return how far each cell with a running alarm is away, as a share, down negative."""
        both = (self.rolled_alarms, self.alarms)
        return np.concatenate([one.sign * one.depth for one in both])

    def _distance(self, row: int) -> float:
        cell = self.cells()[row]
        known = cell.value > 0 and cell.expected > 0
        return float(np.log(cell.value / cell.expected)) if known else 0.0

    def cells(self) -> list[Cell]:
        """List roll-ups and slices as the newest bucket has them."""
        assert self.seen is not None
        leaves, rolled = self.seen.leaves, self.seen.rolled
        none = (np.zeros(0), np.zeros(0), np.zeros(0, dtype=np.bool_))
        return explain.cells_of(
            self.tree,
            self.slices,
            none if rolled is None else _column(rolled),
            _column(leaves),
        )

    def causes(
        self, cells: Sequence[Cell], most: int, before: frozenset[Labels] | None = None
    ) -> list[int]:
        """Return which cells are causes.

        before: those of the bucket before; None where they are not known. An alarm that only lasts
        goes on being told, but does not begin to be: when a model is well again, some of its
        regions are so an hour later, and nobody wants to hear of them.
        """
        assert self.seen is not None
        value, expected = self._units()
        own = np.concatenate([self.rolled_alarms.is_own, self.alarms.is_own])
        told = [
            cell
            if before is None or own[i] or cell.labels in before
            else replace(cell, is_anomaly=False)
            for i, cell in enumerate(cells)
        ]
        return explain.causes(told, value, expected, most)

    def members(self, cell: Cell, most: int) -> list[Member]:
        """Tell which slices carry the gap of a cause; empty when it is spread over most."""
        assert self.seen is not None
        value, expected = self._units()
        return explain.members(self.slices, cell.leaves, value, expected, most)

    def _units(self) -> tuple[Floats, Floats]:
        """Return what the slices had and should have had, of a rate its numerators."""
        assert self.seen is not None
        value, expected, _ = _column(self.seen.leaves)
        size = 1.0 if self.seen.sizes is None else self.seen.sizes
        return value * size, expected * size

    def total_gap(self) -> float | None:
        """Return what all slices together miss, in units; None while nothing is expected."""
        value, expected = self._units()
        known = np.isfinite(value) & np.isfinite(expected)
        return float(np.sum(expected[known] - value[known])) if known.any() else None

    def smallest_drop(self) -> tuple[Floats, Floats]:
        """Return the smallest six-hour drop that is found four times in five.

        Of slices and of roll-ups, a share of what is expected; NaN while too little is known.
        """
        nothing: Floats = np.zeros(0)
        return smallest(self.leaves), nothing if self.rolled is None else smallest(self.rolled)


def _median_distance(trail: Trail, since: int) -> float:
    """Return the median logarithm of value by expected, of the last window since then."""
    last = slice(max(0, since - trail.first, trail.lines.shape[1] - WINDOW), None)
    value, expected = trail.lines[0, last], trail.lines[1, last]
    known = (value > 0) & (expected > 0)
    return float(np.median(np.log(value[known] / expected[known]))) if known.any() else 0.0


def _column(judged: Judged) -> tuple[Floats, Floats, Bools]:
    return judged.value[:, -1], judged.expected[:, -1], judged.is_anomaly[:, -1]


def rate_of(values: Floats, sizes: Floats | None) -> Floats:
    """Divide numerators by denominators; unknown where there is no denominator."""
    if sizes is None:
        return values
    rate: Floats = np.where(sizes > 0, values, np.nan) / np.where(sizes > 0, sizes, 1.0)
    return rate


POWER_SPREADS = 0.84  # the 80 % quantile of the normal law


def smallest(detector: Detector) -> Floats:
    """Return the share of a drop over a whole window that is found four times in five."""
    parts = []
    for part in detector.parts:
        tracker = part.tracker
        spread = np.nanmean(np.where(tracker.ready[:, None], tracker.local, 1.0), axis=1)
        base = np.maximum(spread, np.where(tracker.counts, np.exp(-0.5 * tracker.level), 0.0))
        # What a whole window of a step shows: the first surprise fully, five by (1 - phi).
        sharp = np.sqrt(1.0 + 5.0 * (1.0 - tracker.phi) ** 2)
        away = (detector.tails.threshold + POWER_SPREADS) * base / sharp
        parts.append(np.where(tracker.ready, -np.expm1(-away), np.nan))
    found: Floats = np.concatenate(parts) if parts else np.zeros(0)
    return found
