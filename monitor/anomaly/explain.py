"""Which slices carry a gap: the fewest that do, with their shares, or "broad".

Among the roll-ups and slices that alarm, the cause is the one whose own ratio explains most: a
cell of F expected and A actual units gains the deviance 2 (A ln(A / F) - (A - F)), which is
largest where the change is undiluted (too wide a cell mixes it with well slices, too narrow a one
leaves part of it out). What a cause explains is taken out, and what still alarms without it is
another cause. Within a cause, members are told by their explanatory power, their share of the gap,
as in Adtributor (Bhagwan et al., NSDI 2014).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from monitor.anomaly.arrays import Floats, Ints
from monitor.anomaly.cube import Labels

# An alarm of which less than half is left without an earlier cause belongs to that cause.
LEFT = 0.5
# Members are told until they carry so much of the gap, each at least the second number.
CARRIED, LEAST_POWER = 0.8, 0.1
# A gap that more than half of the members must carry has no smaller cause.
BROAD = 0.5


@dataclass(frozen=True)
class Cell:
    """One roll-up or slice: its labels, its slices, what it had and what it should have."""

    labels: Labels
    leaves: Ints
    value: float
    expected: float
    is_anomaly: bool


@dataclass(frozen=True)
class Member:
    """A part of a gap: labels, its share, and units lost (negative: gained)."""

    labels: Labels
    share: float
    lost: float


def causes(cells: Sequence[Cell], values: Floats, expected: Floats, most: int = 5) -> list[int]:
    """Return the indices of the cells that are causes, the largest first.

    values, expected: of the slices at one bucket, NaN unknown.
    """
    alarming = [i for i, cell in enumerate(cells) if cell.is_anomaly]
    if not alarming:
        return []
    known = np.isfinite(values) & np.isfinite(expected) & (expected > 0)
    value = np.where(known, values, 0.0)
    usual = np.where(known, expected, 0.0)
    if not any(cells[i].labels == () for i in alarming):
        usual = usual * _common(value, usual, _loud(cells, alarming))
    whole = {i: _gap(cells[i].leaves, value, usual) for i in alarming}
    found: list[int] = []
    while alarming and len(found) < most:
        best = max(alarming, key=lambda i: _gain(cells[i].leaves, value, usual))
        found.append(best)
        value = value.copy()
        value[cells[best].leaves] = usual[cells[best].leaves]
        alarming = [
            i
            for i in alarming
            if i != best and _is_left(_gap(cells[i].leaves, value, usual), whole[i])
        ]
    return found


def _is_left(gap: float, whole: float) -> bool:
    return gap > LEFT * whole if whole > 0 else gap < LEFT * whole


def _loud(cells: Sequence[Cell], alarming: Sequence[int]) -> list[int]:
    return [leaf for i in alarming if len(cells[i].leaves) == 1 for leaf in cells[i].leaves]


def _common(value: Floats, usual: Floats, loud: Sequence[int]) -> float:
    """Return the ratio that most of the volume has: what all slices share is no slice's cause.

    loud: slices that alarm themselves. They share nothing with the others, and of two that fall
    neither may hide the other.
    """
    some = usual > 0
    some[loud] = False
    if not some.any():
        return 1.0
    ratio, weight = value[some] / usual[some], usual[some]
    order = np.argsort(ratio)
    middle = np.searchsorted(np.cumsum(weight[order]), 0.5 * np.sum(weight))
    return float(max(ratio[order][min(int(middle), len(ratio) - 1)], 1e-9))


def _gap(leaves: Ints, value: Floats, usual: Floats) -> float:
    return float(np.sum(usual[leaves]) - np.sum(value[leaves]))


def _gain(leaves: Ints, value: Floats, usual: Floats) -> float:
    actual, wanted = float(np.sum(value[leaves])), float(np.sum(usual[leaves]))
    if wanted <= 0:
        return 0.0
    rest = actual - wanted
    return 2.0 * ((actual * np.log(actual / wanted) if actual > 0 else 0.0) - rest)


def members(
    slices: Sequence[Labels], leaves: Ints, values: Floats, expected: Floats, most: int = 5
) -> list[Member]:
    """Tell which slices of a cause carry its gap; empty when it is spread over most of them."""
    known = np.isfinite(values[leaves]) & np.isfinite(expected[leaves])
    some = leaves[known]
    lost = expected[some] - values[some]
    gap = float(np.sum(lost))
    if gap == 0.0 or len(some) < 2:  # noqa: PLR2004  # one slice explains itself
        return []
    power = lost / gap
    order = np.argsort(-power, kind="stable")
    needed = int(np.searchsorted(np.cumsum(power[order]), CARRIED)) + 1
    if needed > BROAD * len(some):
        return []
    return [
        Member(slices[some[i]], float(power[i]), float(lost[i]))
        for i in order[: min(needed, most)]
        if power[i] >= LEAST_POWER
    ]
