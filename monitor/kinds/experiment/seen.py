"""What the rows of an experiment add up to, and what in them cannot be used."""

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from monitor.api import Table

LARGEST = 2.0**53
"""More units than floats can count one by one are a mistake."""


@dataclass(frozen=True)
class Columns:
    """Which columns hold the moment, the variant, its units, and what else is added up."""

    time: str
    variant: str
    units: str
    sums: tuple[str, ...]


@dataclass(frozen=True)
class Seen:
    """Sums of each variant up to one moment, the moments in order.

    ``unusable`` counts rows without a usable number, by variant and column: nothing that such a
    column takes part in can be decided. ``others`` are the units of variants that are not planned.
    """

    times: tuple[datetime, ...]
    units: Mapping[str, Sequence[float]]
    sums: Mapping[str, Mapping[str, float]]
    unusable: Mapping[tuple[str, str], int]
    others: Mapping[str, float]

    @property
    def is_empty(self) -> bool:
        """Whether no unit entered any variant."""
        return not any(path and path[-1] > 0 for path in self.units.values())

    def fault(self, variants: Collection[str], columns: Collection[str]) -> str | None:
        """Say which of these columns cannot be used in these variants; None where all can."""
        found = [
            f"column '{column}' holds no usable number in {count} rows of {variant}"
            for (variant, column), count in self.unusable.items()
            if variant in variants and column in columns
        ]
        return found[0] if found else None


def seen(table: Table, variants: Collection[str], columns: Columns) -> Seen:
    """Add the rows up."""
    moments: dict[datetime, dict[str, float]] = {}
    sums: dict[str, dict[str, float]] = {variant: {} for variant in variants}
    unusable: Counter[tuple[str, str]] = Counter()
    others: dict[str, float] = {}
    has_time = columns.time in table.columns
    for row in table.rows:
        variant = str(row.cells.get(columns.variant))
        entered = _count(row.number(columns.units))
        at = row.moment(columns.time) if has_time else table.observed_at
        if variant not in sums:
            others[variant] = others.get(variant, 0.0) + (entered or 0.0)
            continue
        if at is None:
            unusable[variant, columns.time] += 1
            continue
        if entered is None:
            unusable[variant, columns.units] += 1
            continue
        moments.setdefault(at, {}).setdefault(variant, 0.0)
        moments[at][variant] += entered
        for column in columns.sums:
            number = row.number(column)
            if number is None or not math.isfinite(number):
                unusable[variant, column] += 1
            else:
                sums[variant][column] = sums[variant].get(column, 0.0) + number
    times = tuple(sorted(moments))
    units = {variant: _path(moments, times, variant) for variant in variants}
    return Seen(times, units, sums, unusable, others)


def _path(
    moments: Mapping[datetime, Mapping[str, float]], times: Sequence[datetime], variant: str
) -> list[float]:
    total, path = 0.0, []
    for at in times:
        total += moments[at].get(variant, 0.0)
        path.append(total)
    return path


def _count(value: float | None) -> float | None:
    return value if value is not None and 0 <= value < LARGEST else None
