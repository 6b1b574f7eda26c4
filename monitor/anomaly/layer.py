"""The layers of a check: slices, roll-ups, and roll-ups against control; a detector for each.

What a variant has is compared with what its control has at the same moment. What moves both
cancels, season and noise that they share, too, so that a smaller change of the variant alone shows.
The numbers that are told are the variant's own; expected is what control lets expect.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from monitor.anomaly.arrays import Bools, Floats, Ints
from monitor.anomaly.cube import Cube, Labels
from monitor.anomaly.detector import Detector
from monitor.anomaly.episode import Episodes
from monitor.anomaly.judged import Judged, Status
from monitor.anomaly.leaks import LONG_AGO
from monitor.anomaly.model import Settings
from monitor.anomaly.score import WINDOW

CONTROL_MOVED = 0.75
"""Where control alone makes more than this share of a distance, it is not the variant's."""

UNUSUAL, MEMORY = 4.0, 100.0
"""Farther than so many mean distances, over about so many buckets, control hardly ever is."""

AGAINST = "against"
"""The label that tells a roll-up against control from the roll-up alone."""


@dataclass(frozen=True)
class Given:
    """Some buckets: values (slices, buckets), denominators of a rate or None, what was expected."""

    values: Floats
    sizes: Floats | None
    usual: Floats

    def rates(self, tree: Cube) -> tuple[Floats, Floats | None]:
        """Return what the roll-ups of a cube have, and their denominators."""
        sums = tree.sums(self.values, self.usual)
        below = None if self.sizes is None else tree.sums(self.sizes, np.zeros(self.sizes.shape))
        return rate_of(sums, below), below


class Layer:
    """Cells of one sort: their labels, the slices below each, and how they are judged."""

    def __init__(self, settings: Settings, share: float, tree: Cube) -> None:
        """Know nothing of them yet; share: the part of the budget that they may spend."""
        budget = settings.false_alarms_per_month * share
        count = len(tree.labels)
        self.tree = tree
        self.detector = Detector(replace(settings, false_alarms_per_month=budget), count)
        self.alarms = Episodes(settings, count)
        self.members = tuple(tree.members(i) for i in range(count))
        self.newest: Judged | None = None

    @property
    def labels(self) -> tuple[Labels, ...]:
        """The labels of each cell."""
        return self.tree.labels

    def judge(self, at: int, given: Given) -> Judged:
        """Judge buckets from `at` on."""
        return self.told(at, self.detector.advance(at, *given.rates(self.tree)))

    def told(self, at: int, judged: Judged) -> Judged:
        """Take lasting alarms into what the detector says."""
        judged = self.alarms.follow(at, judged)
        self.newest = judged.last()
        return judged


class Against(Layer):
    """Roll-ups of variants, each against the same roll-up of control."""

    def __init__(self, settings: Settings, share: float, tree: Cube, control: Cube) -> None:
        """Compare the cells of two cubes, one by one."""
        super().__init__(replace(settings, min_value=0.0, is_steady=True), share, tree)
        self.control, self.min_value = control, settings.min_value
        self._swing = np.full(len(tree.labels), np.nan)
        self._blamed = np.full(len(tree.labels), LONG_AGO, dtype=np.int64)

    def judge(self, at: int, given: Given) -> Judged:
        """Judge the ratio, and tell it in the units of the variant."""
        (mine, sizes), (theirs, _) = given.rates(self.tree), given.rates(self.control)
        ratio = np.where(theirs > 0, mine, np.nan) / np.where(theirs > 0, theirs, 1.0)
        judged = self.detector.advance(at, ratio)
        names = ("value", "usual", "expected", "low", "high")
        units = replace(judged, **{name: getattr(judged, name) * theirs for name in names})
        expected = units.usual if sizes is None else units.usual * sizes
        is_small = (expected < self.min_value) & (judged.status > Status.SMALL)
        judged.status[is_small], judged.is_anomaly[is_small] = Status.SMALL, False
        own, other = self._alone(given, mine, theirs)
        for i in range(ratio.shape[1]):
            blamed = self._is_of_control(own[:, i], other[:, i])
            # Control's own level follows its move: who it was is decided when it begins.
            blamed |= at + i - self._blamed <= WINDOW
            blamed &= units.is_anomaly[:, i]
            self._blamed[blamed] = at + i
            units.is_anomaly[blamed, i] = False
        return self.told(at, units)

    def _alone(self, given: Given, mine: Floats, theirs: Floats) -> tuple[Floats, Floats]:
        """Return how far variant and control are from what was expected of each by itself."""
        alone = replace(given, values=given.usual)
        usual, their_usual = (alone.rates(tree)[0] for tree in (self.tree, self.control))
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.log(mine / usual), np.log(theirs / their_usual)

    def _is_of_control(self, own: Floats, other: Floats) -> Bools:
        """Tell where it is control that moved, farther than it ever does."""
        size = np.abs(other)
        is_large = size > UNUSUAL * self._swing
        is_most = (size > CONTROL_MOVED * np.abs(own - other)) & (other * (own - other) < 0)
        known = np.isfinite(size)
        start = np.where(np.isfinite(self._swing), self._swing, size)
        step = np.minimum(size, UNUSUAL * start) - start
        self._swing = np.where(known, start + step / MEMORY, self._swing)
        is_theirs: Bools = is_large & is_most
        return is_theirs


def against(slices: Sequence[Labels], tree: Cube, control: tuple[str, str]) -> tuple[Cube, Cube]:
    """Find the roll-ups that have a variant, and those of control; slices where none has.

    Both have the labels of the variant's, and AGAINST.
    """
    name, best = control
    cells = {one: tree.members(i) for i, one in enumerate(tree.labels) if name in dict(one)}
    if not cells:
        cells = {one: np.array([i]) for i, one in enumerate(slices) if name in dict(one)}
    pairs = [(one, _twin(one, control)) for one in cells if dict(one)[name] != best]
    known = [(one, twin) for one, twin in pairs if twin in cells]
    labels = tuple(tuple(sorted((*one, (AGAINST, best)))) for one, _ in known)
    treated, twins = ([cells[pair[side]] for pair in known] for side in (0, 1))
    return _cube(labels, treated), _cube(labels, twins)


def _twin(labels: Labels, control: tuple[str, str]) -> Labels:
    return tuple((name, control[1] if name == control[0] else value) for name, value in labels)


def _cube(labels: tuple[Labels, ...], members: list[Ints]) -> Cube:
    nothing = np.zeros(0, dtype=np.int64)
    cell = [np.full(len(one), i) for i, one in enumerate(members)]
    return Cube(labels, np.concatenate([nothing, *cell]), np.concatenate([nothing, *members]))


def rate_of(values: Floats, sizes: Floats | None) -> Floats:
    """Divide numerators by denominators; unknown where there is no denominator."""
    if sizes is None:
        return values
    rate: Floats = np.where(sizes > 0, values, np.nan) / np.where(sizes > 0, sizes, 1.0)
    return rate
