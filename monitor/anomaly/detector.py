"""The detector of one check: takes buckets in the order of time, judges each from its past only.

A bucket never takes part in its own verdict, and the threshold of a day comes from the days
before it. A replay of history and a tick in production are the same call on more or fewer
buckets, so that they agree to the last bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

import numpy as np

from monitor.anomaly import leaks
from monitor.anomaly.arrays import Floats, Ints
from monitor.anomaly.calendar import Calendar
from monitor.anomaly.judged import Judged, Runs
from monitor.anomaly.model import DAY, Settings
from monitor.anomaly.part import Part
from monitor.anomaly.pool import Pool
from monitor.anomaly.shared import LEAST_SLICES, Common, Shared
from monitor.anomaly.tails import LEAK_SHARE, Tails

# Slices of a part: arrays of a day of so many fit a cache, and temporary ones stay small.
PART = 2048


class Detector:
    """All slices of one check."""

    def __init__(self, settings: Settings, slices: int) -> None:
        """Know nothing of so many slices."""
        self.settings = settings
        self.calendar = Calendar(settings)
        self.parts = [Part(settings, min(PART, slices - at)) for at in range(0, slices, PART)]
        days = max(1.0, settings.bucket / DAY)
        budget = settings.false_alarms_per_month
        self.pool = Pool(budget * (1.0 - LEAK_SHARE), days)
        self.leak_pool = Pool(budget * LEAK_SHARE, days, leaks.ENOUGH, leaks.DEPENDENT)
        self.tails = Tails(settings, None, None)
        self.shared = Shared(self.calendar)
        self._common: Common | None = None
        self._block = -1
        self.next: int | None = None

    @property
    def slices(self) -> int:
        """The number of slices."""
        return sum(part.count for part in self.parts)

    def advance(self, lo: int, values: Floats, sizes: Floats | None = None) -> Judged:
        """Judge and learn the buckets from `lo` on, (slices, buckets), all of one block.

        Buckets must be contiguous: give NaN for those that were not seen. Unusable values (NaN,
        infinite, negative) are unknown. sizes: denominators, where the value is a rate.
        """
        judged = list(self._advance(lo, values, sizes))
        joined = {
            one.name: np.concatenate([getattr(part, one.name) for part in judged])
            for one in fields(Judged)
            if one.name not in {"holiday", "threshold"}
        }
        return Judged(**joined, holiday=judged[0].holiday, threshold=judged[0].threshold)

    def learn(self, lo: int, values: Floats, sizes: Floats | None = None) -> None:
        """Do the same without keeping the judgements: what a start from history needs."""
        for _ in self._advance(lo, values, sizes):
            pass

    def _advance(self, lo: int, values: Floats, sizes: Floats | None) -> Iterator[Judged]:
        if self.next is not None and lo != self.next:
            raise ValueError(f"bucket {lo} does not follow {self.next - 1}")
        self.next = lo + values.shape[1]
        block = self.calendar.block(lo)
        if block != self._block:
            self._block = block
            tails = self.pool.tail(), self.leak_pool.tail()
            self.tails = Tails(self.settings, *tails, is_alone=self.slices == 1)
            self._common = self.shared.open(block * self.calendar.day) if self._is_many else None
        taught: list[Runs] = []
        for rows, part in self._ranges():
            some = None if sizes is None else sizes[rows]
            judged, runs = part.advance(lo, values[rows], some, self.tails, self._common)
            taught.extend([] if runs is None else [runs])
            yield judged
        if taught:
            self.pool.add(np.concatenate([one.fast for one in taught]), self.tails.threshold)
            leak = np.concatenate([one.leak for one in taught])
            self.leak_pool.add(leak[:, None], self.tails.leak_threshold)
            if self._is_many:
                self.shared.add(block * self.calendar.day, [one.shape for one in taught])

    @property
    def _is_many(self) -> bool:
        return self.slices >= LEAST_SLICES

    def _ranges(self) -> Iterator[tuple[slice, Part]]:
        at = 0
        for part in self.parts:
            yield slice(at, at + part.count), part
            at += part.count

    def _chosen(self, rows: Ints) -> Iterator[tuple[Part, Ints, Ints]]:
        """Split rows: the part, the rows within it, and which of the given ones they are."""
        for span, part in self._ranges():
            which = np.flatnonzero((rows >= span.start) & (rows < span.stop))
            if len(which):
                yield part, rows[which] - span.start, which

    def grow(self, more: int) -> None:
        """Add slices about which nothing is known."""
        room = PART - self.parts[-1].count if self.parts else 0
        if self.parts and room > 0:
            self.parts[-1].grow(min(room, more))
            more -= min(room, more)
        for at in range(0, more, PART):
            self.parts.append(self._like(min(PART, more - at)))

    def _like(self, slices: int) -> Part:
        """Make a part that stands at the same bucket as the others."""
        part = Part(self.settings, slices)
        if self.next is not None:
            part.resume(self.next - 1, self.tails)
        return part

    def put(self, rows: Ints, other: Detector) -> None:
        """Take over what another detector of the same check knows, its slices in order.

        Both must stand at the same bucket. What is common to all slices (the tails) stays: other
        slices teach it, too.
        """
        if other.next != self.next:
            raise ValueError("the detectors stand at different buckets")
        for part, own, which in self._chosen(rows):
            for source, theirs, among in other._chosen(which):  # its own kind
                part.take(own[among], source, theirs)

    @property
    def nbytes(self) -> int:
        """Return about how much memory the state takes."""
        return sum(part.nbytes for part in self.parts)
