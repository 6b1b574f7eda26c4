"""Arrays with one row per slice that grow, and are copied row by row, together."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from monitor.anomaly.arrays import Ints


class Rowwise:
    """A state made of named arrays; the first axis of each is the slice.

    A subclass declares each with `rows` and may bind a new array to the same name later.
    """

    def __init__(self, slices: int) -> None:
        """Begin with so many slices."""
        self.count = slices
        self._fills: dict[str, Any] = {}

    def rows(self, name: str, shape: tuple[int, ...], fill: Any, kind: Any = np.float64) -> Any:
        """Declare an array of shape (slices, *shape); `fill` is what a new slice starts with."""
        self._fills[name] = fill
        return np.full((self.count, *shape), fill, dtype=kind)

    def grow(self, more: int) -> None:
        """Add slices about which nothing is known."""
        for name, fill in self._fills.items():
            old = getattr(self, name)
            new = np.full((more, *old.shape[1:]), fill, dtype=old.dtype)
            setattr(self, name, np.concatenate([old, new]))
        self.count += more

    def take(self, rows: Ints, other: Self, theirs: Ints) -> None:
        """Take over these slices of `other` for these rows."""
        for name in self._fills:
            getattr(self, name)[rows] = getattr(other, name)[theirs]

    @property
    def nbytes(self) -> int:
        """Return the memory of all arrays."""
        return sum(getattr(self, name).nbytes for name in self._fills)
