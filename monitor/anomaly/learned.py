"""What is learned of each slice: level, shape, spread, echo and prior errors, block by block.

Learning happens once per block (a UTC day), when the block is over, so that a tick costs the same
for a slice of any age.
"""

from __future__ import annotations

from typing import Self

import numpy as np

from monitor.anomaly.arrays import Bools, Floats, Ints
from monitor.anomaly.calendar import LAGS, Calendar
from monitor.anomaly.model import SEASONS, Settings
from monitor.anomaly.rowwise import Rowwise
from monitor.anomaly.score import WINDOW
from monitor.anomaly.shared import weighed

WILD = 5.0  # buckets that surprise by more spreads than this teach nothing
# Half-life of the drift: fast enough for a launch (a 15 % shift is normal after two days),
# slow enough to still show a drop of six hours as a drop.
DRIFT_HALF_LIFE_DAYS = 0.6
# Memory of spread, echo and prior errors: weight of a block after so many is 1/e. A day of hours
# brings 24 values, a day of one bucket only one.
MEMORY_DAYS, MEMORY_BUCKETS = 21.0, 60.0
FARTHEST = 20.0  # of a surprise: a factor of 500 million either way says it all
ERROR_CAP = 0.7  # a factor 2; one outage must not choose the season
GUARD_BLOCKS = 30
TELLING = 512
NEVER = np.iinfo(np.int64).max


class Learned(Rowwise):
    """The state of all slices of a check; every array has one row per slice."""

    def __init__(self, settings: Settings, slices: int) -> None:
        """Know nothing of so many slices."""
        super().__init__(slices)
        self.calendar = calendar = Calendar(settings)
        self.is_steady = settings.is_steady
        day, slots = calendar.day, calendar.slots
        width = WINDOW + day
        self.number = -1
        self.first = self.rows("first", (), NEVER, np.int64)
        self.ready = self.rows("ready", (), fill=False, kind=np.bool_)
        self.offset = self.rows("offset", (), 1.0)
        self.counts = self.rows("counts", (), fill=False, kind=np.bool_)
        self.ring = self.rows("ring", (LAGS * calendar.week + day,), np.nan, np.float16)
        self.young = self.rows("young", (calendar.week,), np.nan, np.float32)
        self.means = self.rows("means", (GUARD_BLOCKS,), np.nan, np.float32)
        self.variances = self.rows("variances", (GUARD_BLOCKS,), np.nan, np.float32)
        self.level = self.rows("level", (), np.nan)
        self.season = self.rows("season", (), 0, np.int64)
        self.weak = self.rows("weak", (), fill=True, kind=np.bool_)
        self.drift = self.rows("drift", (), 0.0)
        self.echo = self.rows("echo", (), 0.0)
        self.phi = self.rows("phi", (), 0.3)
        self.pairs = self.rows("pairs", (2,), 0.0)
        self.deviations = self.rows("deviations", (2, slots), 0.0, np.float32)
        self.local = self.rows("local", (slots,), np.nan, np.float32)
        self.errors = self.rows("errors", (3,), 0.0)
        # Squared errors of the own and of the common shape and their number, then the variance
        # that counting makes and the number of that.
        self.pooled = self.rows("pooled", (5,), 0.0)
        self.share = self.rows("share", (), 0.0)
        self.unlike = self.rows("unlike", (), np.nan)
        # The last WINDOW buckets of the block before, then those of this block.
        self.y = self.rows("y", (width,), np.nan, np.float32)
        self.center = self.rows("center", (width,), np.nan, np.float32)
        self.surprise = self.rows("surprise", (width,), np.nan, np.float32)
        self.spread = self.rows("spread", (width,), np.nan, np.float32)
        self.wildness = self.rows("wildness", (width,), np.nan, np.float32)
        self.shapes = self.rows("shapes", (3, day), np.nan, np.float32)
        self.holiday = np.zeros(width, dtype=np.bool_)
        self.slot = np.zeros(day, dtype=np.int64)
        half_life = max(3.0, DRIFT_HALF_LIFE_DAYS * day)
        self.gain = 1.0 - 0.5 ** (1.0 / half_life)
        self.fade = float(np.exp(-1.0 / (MEMORY_DAYS if day > 1 else MEMORY_BUCKETS)))

    def _block(self) -> int:
        return self.calendar.block(self.number) if self.number >= 0 else -1

    def _chosen(self, at: int, count: int) -> Floats:
        rows = np.arange(self.count)
        chosen: Floats = self.shapes[rows, self.season, at : at + count].astype(np.float64)
        return chosen

    def _month(self, rows: Ints) -> tuple[Floats, Floats]:
        """Mean and spread of the cleaned values of the last 30 blocks, (rows, 1)."""
        means, variances = (a[rows].astype(np.float64) for a in (self.means, self.variances))
        mean = np.nanmean(means, axis=1)
        spread = np.sqrt(np.nanmean(variances + (means - mean[:, None]) ** 2, axis=1))
        return mean[:, None], spread[:, None]

    def take(self, rows: Ints, other: Self, theirs: Ints) -> None:
        """Take over what another tracker, at the same bucket, knows of these slices."""
        # A week that nobody needs any longer is not kept.
        width = self.calendar.week
        for one in (self, other):
            if not one.young.shape[1]:
                one.young = np.full((one.count, width), np.nan, dtype=np.float32)
        super().take(rows, other, theirs)

    def close(self) -> None:
        """Take the finished block into level, shape, spread, echo and prior errors."""
        day, block = self.calendar.day, self._block()
        own = slice(WINDOW, WINDOW + day)
        y, center = self.y[:, own].astype(np.float64), self.center[:, own].astype(np.float64)
        plain = np.isfinite(y) & ~self.holiday[own]
        first_time = ~np.isfinite(self.spread[:, own])
        calm = plain & (self.wildness[:, own] <= WILD)
        teaches = calm | (plain & first_time)
        cleaned = np.where(teaches, y, center)
        mean = np.einsum("ij->i", cleaned) / day
        self.means[:, block % GUARD_BLOCKS] = mean
        cleaned -= mean[:, None]
        self.variances[:, block % GUARD_BLOCKS] = np.einsum("ij,ij->i", cleaned, cleaned) / day
        at = block * day % self.ring.shape[1]  # the ring is whole days long
        self.ring[:, at : at + day] = np.where(teaches, y - self.level[:, None], np.nan)
        self._learn_spread(plain, own)
        self._learn_echo(calm, own)
        self.errors *= self.fade
        self.pooled *= self.fade
        shape = (y - self.level[:, None]).astype(np.float32)
        for season in range(len(SEASONS)):
            error = np.minimum(np.abs(shape - self.shapes[:, season]), ERROR_CAP)
            self.errors[:, season] += np.einsum("ij->i", np.where(plain, error, 0.0))

    def _learn_spread(self, plain: Bools, own: slice) -> None:
        # An unknown spread caps nothing.
        size = np.fmin(np.abs(self.surprise[:, own]), 4.0 * self.spread[:, own])
        known = plain & np.isfinite(size)
        # Buckets of one slot are added up. A product of matrices would do it, too, with threads
        # that wait for one another for longer than it takes.
        order = np.argsort(self.slot, kind="stable")
        slots, first = np.unique(self.slot[order], return_index=True)
        self.deviations *= self.fade
        for place, part in ((0, np.where(known, size, 0.0)), (1, known.astype(np.float32))):
            added = np.take(part, order, axis=1)
            if len(slots) < len(order):
                added = np.add.reduceat(added, first, axis=1, dtype=np.float64)
            if len(slots) == self.deviations.shape[2]:
                self.deviations[:, place] += added
            else:
                self.deviations[:, place, slots] += added

    def _learn_echo(self, calm: Bools, own: slice) -> None:
        distance = self.y - self.center
        away = distance[:, own]
        known = calm & np.isfinite(away)
        away = np.where(known, away, 0.0)
        if away.shape[1] > 1:
            before, both, after = away[:, :-1], known[:, :-1] & known[:, 1:], away[:, 1:]
        else:
            last = distance[:, own.start - 1 : own.stop - 1]
            before, both, after = np.nan_to_num(last), known & np.isfinite(last), away
        self.pairs *= self.fade
        self.pairs[:, 0] += np.einsum("ij,ij->i", before, after)
        square = np.where(both, before**2 + after**2, 0.0)
        self.pairs[:, 1] += 0.5 * np.einsum("ij->i", square)
        product, square = self.pairs.T
        self.phi = np.clip(product / np.where(square > 0, square, 1.0), 0.0, 0.9)

    def weighed(self) -> Floats:
        """Return what the finished block tells of the shape of all slices, see `shared`.

        Of many slices some hundred tell as much as all.
        """
        rows = slice(None, None, max(1, self.count // TELLING))
        own = slice(WINDOW, WINDOW + self.calendar.day)
        y, level = self.y[rows, own].astype(np.float64), self.level[rows]
        calm = np.isfinite(y) & ~self.holiday[own] & ~(self.wildness[rows, own] > WILD)
        # Both relative to the level: large values stay numbers.
        offset = self.offset[rows] * np.exp(-level)
        value = np.exp(np.clip(y - level[:, None], -FARTHEST, FARTHEST)) - offset[:, None]
        ratio = value / np.maximum(1.0 - offset, offset)[:, None]
        return weighed(ratio, calm, self._noise()[rows], np.nan_to_num(self.unlike[rows]))

    def _noise(self) -> Floats:
        """Return the variance that counting makes in one bucket; 0 where nothing is counted."""
        total, count = self.pooled[:, 3], self.pooled[:, 4]
        noise: Floats = total / np.where(count > 0, count, 1.0)
        return noise

    def day_level(self) -> Floats:
        """Return the level of the finished block, season taken out; NaN where half is missing.

        A ratio of sums over the known buckets: small counts weigh little, gaps do not matter. In
        single precision, as levels are kept: exponentials take a third of the time.
        """
        own = slice(WINDOW, WINDOW + self.calendar.day)
        seen = (self.y[:, own] - self.level[:, None]).astype(np.float32)
        season = self._chosen(0, self.calendar.day).astype(np.float32)
        known = np.isfinite(seen) & np.isfinite(season)
        value, usual = (
            np.sum(np.where(known, np.exp(np.clip(part, -FARTHEST, FARTHEST)), 0.0), axis=1)
            for part in (seen, season)
        )
        enough = np.sum(known, axis=1) * 2 > self.calendar.day
        with np.errstate(divide="ignore", invalid="ignore"):
            level: Floats = self.level + np.log(value / usual)
        return np.where(enough & np.isfinite(level), level, np.nan)

    def shift(self, by: Floats, until: int) -> None:
        """Move what was learned before block `until` by so much: a step is the new normal."""
        blocks = np.arange(self._block() - GUARD_BLOCKS + 1, self._block() + 1)
        old = blocks[blocks < until] % GUARD_BLOCKS
        rows = np.flatnonzero(by)
        self.means[np.ix_(rows, old)] += by[rows, None]
