"""Numbers over time: what charts and the night's story are made of."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from monitor.core.labels import Labels
from monitor.core.model import Evidence, Unit
from monitor.core.value import value
from monitor.core.whole import INFINITE_AS_TEXT


@value(frozen=True, slots=True)
class Point:
    """One number, and what was expected of it where something was."""

    __pydantic_config__: ClassVar = INFINITE_AS_TEXT

    at: datetime
    value: float
    low: float | None = None
    high: float | None = None
    expected: float | None = None


@dataclass(frozen=True, slots=True)
class Peak:
    """The largest number of an hour, with the evidence that was kept of it."""

    __pydantic_config__: ClassVar = INFINITE_AS_TEXT

    at: datetime
    value: float
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Series:
    """One measure of one slice of one check over time, oldest first.

    ``mark`` is the moment since when something is odd, where that is known.
    """

    check: str
    slice: Labels
    measure: str
    unit: Unit
    points: tuple[Point, ...]
    peaks: tuple[Peak, ...] = ()
    mark: datetime | None = None

    @property
    def has_band(self) -> bool:
        """Whether something was expected of its numbers."""
        return any(point.low is not None for point in self.points)


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value below which a share of all lies: the nearest rank, of at least one value."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
