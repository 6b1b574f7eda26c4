"""Roll-ups: the total, each member of each dimension, and their combinations, above the slices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TypeAlias

import numpy as np

from monitor.anomaly.arrays import Floats, Ints

Labels: TypeAlias = tuple[tuple[str, str], ...]

# Fewer slices than this have nothing to roll up that people would not see.
LEAST_SLICES = 3
# A combination of dimensions is tested where it has at most half as many members as there are
# slices: the others are nearly the slices themselves.
LARGEST_SHARE = 0.5
# A sum of which more than this is missing is unknown; less is filled with what was expected.
MOST_MISSING = 0.1


@dataclass(frozen=True)
class Cube:
    """The roll-ups of some slices.

    labels: of each roll-up, the total () first. owner: pairs (roll-up, slice) as two arrays.
    """

    labels: tuple[Labels, ...]
    cell: Ints
    leaf: Ints

    def sums(self, values: Floats, expected: Floats) -> Floats:
        """Add slices up, (roll-ups, buckets); missing ones by what was expected of them.

        A roll-up of which too much is missing, or nothing is known, is NaN: it never looks small.
        """
        known = np.isfinite(values)
        filled = np.where(known, values, np.nan_to_num(expected))
        missing = np.where(known, 0.0, np.nan_to_num(expected))
        total, absent = self._added(filled), self._added(missing)
        seen = self._added(known.astype(np.float64))
        whole = (absent <= MOST_MISSING * total) & (seen > 0)
        return np.where(whole, total, np.nan)

    def _added(self, values: Floats) -> Floats:
        result = np.zeros((len(self.labels), values.shape[1]))
        np.add.at(result, self.cell, values[self.leaf])
        return result

    def members(self, cell: int) -> Ints:
        """Return the slices below a roll-up."""
        below: Ints = self.leaf[self.cell == cell]
        return below


def cube(slices: Sequence[Labels]) -> Cube:
    """Find the roll-ups of slices that all have the same dimensions; none for a few slices."""
    names = [name for name, _ in slices[0]] if slices else []
    groups: dict[Labels, list[int]] = {}
    if len(slices) >= LEAST_SLICES:
        groups[()] = list(range(len(slices)))
        for width in range(1, len(names)):
            for chosen in combinations(names, width):
                groups.update(_grouped(slices, chosen))
    cells = [index for index, members in enumerate(groups.values()) for _ in members]
    leaves = [leaf for members in groups.values() for leaf in members]
    cell, leaf = (np.array(one, dtype=np.int64) for one in (cells, leaves))
    return Cube(tuple(groups), cell, leaf)


def _grouped(slices: Sequence[Labels], chosen: tuple[str, ...]) -> dict[Labels, list[int]]:
    groups: dict[Labels, list[int]] = {}
    for leaf, labels in enumerate(slices):
        cell = tuple((name, value) for name, value in labels if name in chosen)
        groups.setdefault(cell, []).append(leaf)
    # One member is the level above once more; too many are the slices themselves.
    if len(groups) == 1 or len(groups) > LARGEST_SHARE * len(slices):
        return {}
    return groups
