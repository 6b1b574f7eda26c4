"""Keep a watch in step with the buckets that are known: ticks, restatements, acceptances."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from monitor.anomaly.absence import Gap, is_usual, usual_gaps
from monitor.anomaly.arrays import Bools, Floats
from monitor.anomaly.cube import Labels
from monitor.anomaly.explain import Cell
from monitor.anomaly.layer import AGAINST
from monitor.anomaly.model import Learning, Missing, Point, Settings
from monitor.anomaly.replay import NO_ROW, answers
from monitor.anomaly.series import bucket_number, bucket_start
from monitor.anomaly.watch import Watch

# A restatement of less than this share teaches nothing new.
MATERIAL = 0.02
USUALLY = "there are no rows, as there never are at this time of the day or week"
NOTHING_TO_COMPARE = "there is nothing to compare with"
FORGET_AFTER = timedelta(days=7)
"""A slice that has been silent for longer is gone, and no longer missing."""


@dataclass(frozen=True)
class Known:
    """All buckets up to the one that is judged: (slices, buckets), the first one's number."""

    slices: Sequence[Labels]
    first: int
    values: Floats
    sizes: Floats | None
    rebased: Mapping[Labels, datetime]

    @property
    def number(self) -> int:
        """The bucket that is judged."""
        return self.first + int(self.values.shape[1]) - 1

    def until(self, number: int) -> Known:
        """Cut or fill (NaN) to this bucket; slices without any row are left out."""
        width = max(number + 1 - self.first, 0)
        sizes = None if self.sizes is None else _cut(self.sizes, width)
        return replace(self, values=_cut(self.values, width), sizes=sizes).of_last(width)

    def without_silent(self, settings: Settings) -> Known:
        """Leave out slices that have been silent for long."""
        return self.of_last(int(FORGET_AFTER / settings.bucket) + 1)

    def of_last(self, buckets: int) -> Known:
        """Return the slices that have a row in so many last buckets."""
        has_row = ~np.isnan(self.values[:, max(0, self.values.shape[1] - buckets) :])
        rows = np.flatnonzero(has_row.any(axis=1))
        sizes = None if self.sizes is None else self.sizes[rows]
        slices = tuple(self.slices[row] for row in rows.tolist())
        return replace(self, slices=slices, values=self.values[rows], sizes=sizes)


@dataclass(frozen=True)
class Told:
    """What was said of a bucket when it was judged first: values and alarms of all cells."""

    number: int
    values: Floats
    alarms: Bools


@dataclass(frozen=True)
class Kept:
    """A watch, the buckets that it has learned, and what was told of the newest of them.

    causes: the cells that were told as causes at the last look; None before the first.
    """

    settings: Settings
    watch: Watch
    known: Known
    told: Told
    is_restated: bool = False
    causes: frozenset[Labels] | None = None

    def sizes_of(self, cell: Cell, first: int) -> Floats:
        """Return what a cell's values are multiplied by to be units, for each bucket from `first`.

        Of a rate its denominators, 0 where there is none; of counts 1.
        """
        count = self.known.number + 1 - first
        sizes = self.known.sizes
        if sizes is None:
            return np.ones(count)
        begin = max(0, self.known.first - first)
        mine = sizes[cell.leaves, first + begin - self.known.first :][:, : count - begin]
        return np.concatenate([np.zeros(begin), np.nansum(mine, axis=0)])

    def is_late_alarm(self, index: int) -> bool:
        """Whether a restatement made a bucket bad that was told to be good: nobody is paged."""
        return self.is_restated and not bool(self.told.alarms[index])

    def size_of(self, cell: Cell) -> float:
        """Return the same of the newest bucket."""
        return float(self.sizes_of(cell, self.known.number)[-1])


def caught_up(kept: Kept | None, settings: Settings, known: Known) -> Kept:
    """Bring the watch to the newest bucket; build it anew where the past has changed.

    A start from history and a tick give the same verdicts, so building anew is always right and
    only costs time.
    """
    if kept is None or not _goes_on(kept, settings, known):
        watch = _started(settings, known)
    else:
        watch = kept.watch
        done = kept.known.number + 1 - known.first
        if done < known.values.shape[1]:
            watch.advance(known.first + done, known.values[:, done:], _part(known, done))
    values, alarms = _newest(watch)
    if kept is None or kept.told.number != known.number:
        causes = None if kept is None else kept.causes
        return Kept(settings, watch, known, Told(known.number, values, alarms), causes=causes)
    is_restated = kept.is_restated or _differs(kept, known)
    return Kept(settings, watch, known, kept.told, is_restated, kept.causes)


def replayed(settings: Settings, known: Known, numbers: Sequence[int]) -> Iterator[Kept | None]:
    """Go through buckets (ascending) with one watch; None where nothing is known yet."""
    watch, done = Watch(settings, known.slices), 0
    nothing = np.zeros(0)
    for number in numbers:
        width = number + 1 - known.first
        if not known.slices or width <= 0:
            yield None
            continue
        if width > done:
            sizes = None if known.sizes is None else known.sizes[:, done:width]
            watch.advance(known.first + done, known.values[:, done:width], sizes)
            done = width
        cut = replace(known, values=known.values[:, :width])
        yield Kept(settings, watch, cut, Told(number, nothing, nothing.astype(np.bool_)))


def _cut(values: Floats, width: int) -> Floats:
    missing = max(0, width - values.shape[1])
    return np.pad(values[:, :width], ((0, 0), (0, missing)), constant_values=np.nan)


def _goes_on(kept: Kept, settings: Settings, known: Known) -> bool:
    if kept.settings != settings or kept.watch.slices != tuple(known.slices):
        return False
    if known.number < kept.known.number or dict(kept.known.rebased) != dict(known.rebased):
        return False
    return not _differs(kept, known)


def _differs(kept: Kept, known: Known) -> bool:
    """Whether a bucket that was learned has moved by more than MATERIAL, or came or went."""
    lo = max(kept.known.first, known.first)
    hi = min(kept.known.number, known.number) + 1
    old = kept.known.values[:, lo - kept.known.first : hi - kept.known.first]
    new = known.values[:, lo - known.first : hi - known.first]
    if old.shape != new.shape:
        return True
    old, new = (np.where(np.isfinite(one), one, np.nan) for one in (old, new))
    if (np.isfinite(old) != np.isfinite(new)).any():
        return True
    largest = np.maximum(np.abs(old), np.abs(new))
    return bool(np.any(np.abs(new - old) > MATERIAL * largest))


def _started(settings: Settings, known: Known) -> Watch:
    """Go through all that is known, with the past moved to the levels that were accepted."""
    values = known.values.copy() if known.rebased else known.values
    for labels, at in sorted(known.rebased.items(), key=lambda one: (one[1], one[0])):
        until = min(bucket_number(at, settings) - known.first, values.shape[1])
        if until > 0:
            _move(_through(settings, known, values[:, :until]), labels, known.first, values)
    return _through(settings, known, values)


def _through(settings: Settings, known: Known, values: Floats) -> Watch:
    watch = Watch(settings, known.slices)
    width = values.shape[1]
    if width:
        watch.advance(known.first, values, None if known.sizes is None else known.sizes[:, :width])
    return watch


def _move(watch: Watch, labels: Labels, first: int, values: Floats) -> None:
    """Bring the values before an accepted step to the level after it, in place."""
    shift = watch.shift_of(labels)
    if shift is None:
        return
    before = slice(0, max(0, shift.since - first))
    old = values[shift.leaves, before]
    moved = old * np.exp(shift.by)
    # Counts stay whole numbers: the detector knows them by it.
    whole = np.isfinite(old) & (old == np.round(old))
    values[shift.leaves, before] = np.where(whole, np.round(moved), moved)


def _part(known: Known, done: int) -> Floats | None:
    return None if known.sizes is None else known.sizes[:, done:]


def points(kept: Kept) -> list[Point | Learning | Missing]:
    """Tell the newest bucket of all roll-ups and slices, in the order of cells."""
    at = bucket_start(kept.known.number, kept.settings)
    found: list[Point | Learning | Missing] = []
    for layer in kept.watch.layers:
        assert layer.newest is not None
        is_slices = layer is kept.watch.leaves
        raw = kept.known.values[:, -1] if is_slices else np.full(len(layer.labels), np.nan)
        found.extend(answers(layer.newest, raw.tolist(), kept.settings, at))
    if not any(isinstance(one, Missing) for one in found):
        return found
    gaps = usual_gaps(kept.known.values, kept.settings.bucket)
    return [
        _missing(one, cell, gaps) if isinstance(one, Missing) else one
        for one, cell in zip(found, kept.watch.cells(), strict=True)
    ]


def _missing(found: Missing, cell: Cell, gaps: list[Gap]) -> Missing:
    """Say of what has no rows whether any were to be expected."""
    if AGAINST in dict(cell.labels):
        return Missing(found.at, NOTHING_TO_COMPARE, is_expected=True)
    if found.reason == NO_ROW and is_usual(gaps, cell.leaves):
        return Missing(found.at, USUALLY, is_expected=True)
    return found


def _newest(watch: Watch) -> tuple[Floats, Bools]:
    cells = watch.cells()
    values = np.array([cell.value for cell in cells])
    return values, np.array([cell.is_anomaly for cell in cells], dtype=np.bool_)
