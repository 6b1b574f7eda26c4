"""One check over time: its slices and their roll-ups, each judged once, explained together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np

from monitor.anomaly import explain
from monitor.anomaly.arrays import Bools, Floats, Ints
from monitor.anomaly.cube import Cube, Labels, cube
from monitor.anomaly.detector import Detector
from monitor.anomaly.explain import Cell, Member
from monitor.anomaly.judged import Judged
from monitor.anomaly.layer import Against, Given, Layer, against, rate_of
from monitor.anomaly.model import Settings
from monitor.anomaly.score import WINDOW

# The part of the budget that roll-ups may spend, where there are any.
ROLLUP_SHARE = 0.5
LARGEST = 1e37
"""About as much as the numbers of a trail can hold."""


TRAIL = timedelta(weeks=4)
MOST_TRAILS = 2000
"""Checks with more rows keep no trail for charts: it would be most of their memory."""


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
        leaves = Cube(self.slices, np.arange(len(self.slices)), np.arange(len(self.slices)))
        above = self._above()
        share = ROLLUP_SHARE / len(above) if above else 0.0
        self.leaves = Layer(settings, ROLLUP_SHARE if above else 1.0, leaves)
        # The first of several that explain a gap alike is told: against control is the sharpest.
        self.layers = (*(make(share) for make in above), self.leaves)
        self._sizes: Floats | None = None
        rows = sum(len(layer.labels) for layer in self.layers)
        length = max(1, int(TRAIL / settings.bucket)) if rows <= MOST_TRAILS else 0
        self._trail = np.full((4, rows, length), np.nan, dtype=np.float32)

    def _above(self) -> list[Callable[[float], Layer]]:
        """Return how to make the layers above the slices, for a share of the budget."""
        found: list[Callable[[float], Layer]] = []
        if self.settings.control is not None:
            mine, theirs = against(self.slices, self.tree, self.settings.control)
            if mine.labels:
                found.append(lambda share: Against(self.settings, share, mine, theirs))
        if self.tree.labels:
            found.append(lambda share: Layer(self.settings, share, self.tree))
        return found

    @property
    def next(self) -> int | None:
        """The number of the bucket that must come next; None when any may."""
        return self.leaves.detector.next

    def advance(self, lo: int, values: Floats, sizes: Floats | None = None) -> None:
        """Judge buckets from `lo` on, (slices, buckets); any number of blocks.

        sizes: denominators of a rate; then the values are its numerators.
        """
        day = self.leaves.detector.calendar.day
        end, at = lo + values.shape[1], lo
        while at < end:
            stop = min(end, (at // day + 1) * day)
            part = slice(at - lo, stop - lo)
            self._step(at, values[:, part], None if sizes is None else sizes[:, part])
            at = stop

    def _step(self, at: int, values: Floats, sizes: Floats | None) -> None:
        judged = self.leaves.detector.advance(at, rate_of(values, sizes), sizes)
        usual = judged.usual if sizes is None else judged.usual * sizes
        given = Given(values, sizes, usual)
        above = [layer.judge(at, given) for layer in self.layers[:-1]]
        self._remember(at, [*above, self.leaves.told(at, judged)])
        self._sizes = None if sizes is None else sizes[:, -1]

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
        names = [labels for layer in self.layers for labels in layer.labels]
        if chosen not in names or self.next is None:
            return None
        row = names.index(chosen)
        since = int(self.bad_since[row])
        since = since if since >= 0 else self.next - WINDOW
        trail = self.trail(row)
        step = self._distance(row) if trail is None else _median_distance(trail, since)
        leaves = next(
            layer.members[layer.labels.index(chosen)]
            for layer in self.layers
            if chosen in layer.labels
        )
        return Shift(since, leaves, float(np.nan_to_num(step)))

    @property
    def bad_since(self) -> Ints:
        """The first bad bucket of the running alarm of each cell, -1 where there is none."""
        return np.concatenate([layer.alarms.since for layer in self.layers])

    def changes(self) -> Floats:
        """Return how far each cell with a running alarm is away, as a share, down negative."""
        return np.concatenate([one.alarms.sign * one.alarms.depth for one in self.layers])

    def _distance(self, row: int) -> float:
        cell = self.cells()[row]
        known = cell.value > 0 and cell.expected > 0
        return float(np.log(cell.value / cell.expected)) if known else 0.0

    def cells(self) -> list[Cell]:
        """List roll-ups and slices as the newest bucket has them."""
        return [cell for layer in self.layers for cell in _cells(layer)]

    def causes(
        self, cells: Sequence[Cell], most: int, before: frozenset[Labels] | None = None
    ) -> list[int]:
        """Return which cells are causes.

        before: those of the bucket before; None where they are not known. An alarm that only lasts
        goes on being told, but does not begin to be: when a model is well again, some of its
        regions are so an hour later, and nobody wants to hear of them.
        """
        value, expected = self._units()
        own = np.concatenate([layer.alarms.is_own for layer in self.layers])
        told = [
            cell
            if before is None or own[i] or cell.labels in before
            else replace(cell, is_anomaly=False)
            for i, cell in enumerate(cells)
        ]
        return explain.causes(told, value, expected, most)

    def members(self, cell: Cell, most: int) -> list[Member]:
        """Tell which slices carry the gap of a cause; empty when it is spread over most."""
        value, expected = self._units()
        return explain.members(self.slices, cell.leaves, value, expected, most)

    def _units(self) -> tuple[Floats, Floats]:
        """Return what the slices had and should have had, of a rate its numerators."""
        assert self.leaves.newest is not None
        value, expected, _ = _column(self.leaves.newest)
        size = 1.0 if self._sizes is None else self._sizes
        return value * size, expected * size

    def total_gap(self) -> float | None:
        """Return what all slices together miss, in units; None while nothing is expected."""
        value, expected = self._units()
        known = np.isfinite(value) & np.isfinite(expected)
        return float(np.sum(expected[known] - value[known])) if known.any() else None

    def smallest_drop(self) -> tuple[Floats, ...]:
        """Return the smallest six-hour drop that is found four times in five.

        Of slices and of roll-ups, a share of what is expected; NaN while too little is known.
        """
        rolled = [layer for layer in self.layers if layer.tree is self.tree]
        return smallest(self.leaves.detector), *(smallest(one.detector) for one in rolled)


def _median_distance(trail: Trail, since: int) -> float:
    """Return the median logarithm of value by expected, of the last window since then."""
    last = slice(max(0, since - trail.first, trail.lines.shape[1] - WINDOW), None)
    value, expected = trail.lines[0, last], trail.lines[1, last]
    known = (value > 0) & (expected > 0)
    return float(np.median(np.log(value[known] / expected[known]))) if known.any() else 0.0


def _cells(layer: Layer) -> list[Cell]:
    assert layer.newest is not None
    columns = (one.tolist() for one in _column(layer.newest))
    return [Cell(*one) for one in zip(layer.labels, layer.members, *columns, strict=True)]


def _column(judged: Judged) -> tuple[Floats, Floats, Bools]:
    return judged.value[:, -1], judged.expected[:, -1], judged.is_anomaly[:, -1]


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
