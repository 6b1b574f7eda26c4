"""What is expected of each slice, bucket by bucket, from earlier buckets only.

All values are logarithms. The expectation of a bucket is

    level (mean of the cleaned last 7 days) + profile (season) + drift (fast level) + echo

where the echo is the part of the previous bucket's surprise that usually repeats (an
autoregression of order 1). Learning happens once per block (a UTC day), when the block is over;
within a block only drift and echo move, so a tick costs the same for a slice of any age.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from monitor.anomaly import score
from monitor.anomaly.arrays import Bools, Floats, Ints
from monitor.anomaly.calendar import LAGS, Calendar, Span
from monitor.anomaly.model import SEASONS, WEEKLY, Settings
from monitor.anomaly.profile import first_week, seasonal
from monitor.anomaly.rowwise import Rowwise
from monitor.anomaly.score import WINDOW
from monitor.anomaly.series import offsets

# Buckets that surprise by more spreads than this teach nothing and leave no echo.
WILD, NO_ECHO = 5.0, 3.5
# Half-life of the drift: fast enough for a launch (a 15 % shift is normal after two days),
# slow enough to still show a drop of six hours as a drop.
DRIFT_HALF_LIFE_DAYS = 0.6
DRIFT_STEP = 3.0
# Memory of spread, echo and prior errors: weight of a block after so many is 1/e. A day of hours
# brings 24 values, a day of one bucket only one.
MEMORY_DAYS, MEMORY_BUCKETS = 21.0, 60.0
# Local spreads count as much as the overall one after this many values.
BLEND = 6.0
MEAN_TO_SPREAD = 1.2533  # sqrt(pi / 2): mean absolute deviation to standard deviation
LEAST_SPREAD = 0.01
FARTHEST = 20.0  # of a surprise: a factor of 500 million either way says it all
# A holiday is judged within three times the usual spread, and within what holidays usually do:
# half or twice the traffic is no news on one.
HOLIDAY_WIDTH, HOLIDAY_SPREAD = 3.0, 0.3
SEASON_GAIN = 0.95  # a season must cut the error by 5 % to be used
WEAK_GAIN = 0.6  # and by 40 % to do without the guard over the last 30 days
ERROR_CAP = 0.7  # a factor 2; one outage must not choose the season
LEVEL_BLOCKS, GUARD_BLOCKS = 7, 30
# Cells of a profile that are gathered at once: bounds the memory of a check of any size.
PROFILE_CELLS = 1_000_000
NEVER = np.iinfo(np.int64).max
LARGEST = 1e37  # what a first week can hold; no metric has more


@dataclass(frozen=True)
class Forecast:
    """What was expected of some buckets and how far off they were; all (slices, buckets).

    center: logarithm of what was expected, echo left out. fast: the part of it that is the level,
    as the drift has followed it. spread: of the surprise. wide: of the whole distance, echo
    included. one, window: signed scores in spreads, of the bucket alone and
    of a shift over the last buckets.
    """

    center: Floats
    fast: Floats
    spread: Floats
    wide: Floats
    one: Floats
    window: Floats


class Tracker(Rowwise):
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

    def forecast(self, lo: int, values: Floats, sizes: Floats | None = None) -> Forecast:
        """Forecast and score the buckets from `lo` on, all of one block; NaN where unknown.

        sizes: the denominators of a rate, whose binomial variance bounds the spread from below.
        """
        count = values.shape[1]
        if self.calendar.block(lo) != self._block():
            self._open(lo)
        self.number = lo + count - 1
        self._meet(lo, values)
        at = lo - self._block() * self.calendar.day
        columns = slice(WINDOW + at, WINDOW + at + count)
        span = self.calendar.span(lo, lo + count)
        self.holiday[columns] = span.holiday
        self.slot[at : at + count] = span.slot
        usable = np.where(self.ready[:, None], values, np.nan)
        with np.errstate(divide="ignore"):
            self.y[:, columns] = np.log(usable + self.offset[:, None])
        local = self.local[:, span.slot].astype(np.float64)
        self.shapes[:, :, at : at + count] = self._profiles(span, np.nan_to_num(local))
        base = self.level[:, None] + self._chosen(at, count)
        spread = np.maximum(local, np.maximum(self._floor(base, sizes), LEAST_SPREAD))
        wider = np.maximum(HOLIDAY_WIDTH * spread, HOLIDAY_SPREAD)
        spread = np.where(span.holiday, wider, spread)
        self.spread[:, columns] = np.where(self.ready[:, None], spread, np.nan)
        self._follow(base, columns)
        return self._scored(columns, base - self.level[:, None])

    def _block(self) -> int:
        return self.calendar.block(self.number) if self.number >= 0 else -1

    def _meet(self, lo: int, values: Floats) -> None:
        """Note the first value of new slices, and keep the week that they start from."""
        fresh = (self.first == NEVER) & np.isfinite(values).any(axis=1)
        self.first[fresh] = lo + np.argmax(np.isfinite(values[fresh]), axis=1)
        rows = np.flatnonzero(~self.ready)
        if len(rows):
            if not self.young.shape[1]:
                shape = (self.count, self.calendar.week)
                self.young = np.full(shape, np.nan, dtype=np.float32)
            places = np.arange(lo, lo + values.shape[1]) % self.calendar.week
            self.young[rows[:, None], places] = np.minimum(values[rows], LARGEST)

    def _open(self, lo: int) -> None:
        """Begin a block: take in new slices, fix level, spread and season for it."""
        day = self.calendar.day
        for buffer in (self.y, self.center, self.surprise, self.spread):
            buffer[:, :WINDOW] = buffer[:, day : day + WINDOW].copy()
            buffer[:, WINDOW:] = np.nan
        self.holiday[:WINDOW] = self.holiday[day : day + WINDOW].copy()
        self.holiday[WINDOW:] = False
        self.wildness[:] = np.nan
        self.shapes[:] = np.nan
        self._start(lo)
        block = self.calendar.block(lo)
        blocks = np.arange(block - LEVEL_BLOCKS, block) % GUARD_BLOCKS
        recent = self.means[:, blocks].astype(np.float64)
        level = np.where(self.ready, np.mean(recent, axis=1), np.nan)
        moved = level - self.level
        # What the level has learned of a shift, the drift need not carry any longer.
        self.drift -= np.where(np.isfinite(moved), moved, 0.0)
        self.level = level
        self.local = self._spread_by_slot().astype(np.float32)
        self._choose()

    def _start(self, lo: int) -> None:
        """Take in slices that have completed their first week."""
        week, day = self.calendar.week, self.calendar.day
        rows = np.flatnonzero(~self.ready & (self.first <= lo - week))
        places = np.arange(lo - week, lo)
        known = np.sum(np.isfinite(self.young[rows]), axis=1)
        rows = rows[known >= week // 2]
        if not len(rows):
            return
        values = self.young[rows[:, None], places % week].astype(np.float64)
        self.offset[rows], self.counts[rows] = offsets(values)
        with np.errstate(divide="ignore"):
            y = np.log(values + self.offset[rows, None])
        level, cleaned, teaches = first_week(y, day)
        holiday = self.calendar.span(lo - week, lo).holiday
        shape = np.where(teaches & ~holiday, cleaned - level[:, None], np.nan)
        self.ring[rows[:, None], places % self.ring.shape[1]] = shape
        by_block = cleaned.reshape(len(rows), -1, day)
        blocks = places[::day] // day % GUARD_BLOCKS
        self.means[rows[:, None], blocks] = np.mean(by_block, axis=2)
        self.variances[rows[:, None], blocks] = np.var(by_block, axis=2)
        self.ready[rows] = True
        if self.ready.all():
            self.young = np.empty((self.count, 0), dtype=np.float32)

    def _spread_by_slot(self) -> Floats:
        """Spread of the surprise in each local hour, drawn towards the overall one."""
        total, count = self.deviations.astype(np.float64).transpose(1, 0, 2)
        all_count = np.sum(count, axis=1)
        overall = np.sum(total, axis=1) / np.where(all_count > 0, all_count, np.nan)
        if self.calendar.day > 1:
            total, count = (
                0.5 * a + 0.25 * (np.roll(a, 1, 1) + np.roll(a, -1, 1)) for a in (total, count)
            )
        local: Floats = (total + BLEND * overall[:, None]) / (count + BLEND)
        return MEAN_TO_SPREAD * local

    def _choose(self) -> None:
        """Let the season be earned by the error it had so far."""
        none, daily, weekly = self.errors.T
        best = np.where(daily < SEASON_GAIN * none, 1, 0)
        error = np.where(best == 1, daily, none)
        use_weekly = weekly < SEASON_GAIN * error
        self.season = np.where(use_weekly, WEEKLY, best)
        error = np.where(use_weekly, weekly, error)
        self.weak = (self.season == 0) | (error > WEAK_GAIN * none)
        self.weak &= not self.is_steady

    def _profiles(self, span: Span, spread: Floats) -> Floats:
        """Shape for each season, (slices, 3, buckets); an unknown one is that of the shorter."""
        count = spread.shape[1]
        shapes = np.zeros((self.count, 3, count))
        before = self._block() * self.calendar.day
        step = max(1, PROFILE_CELLS // max(1, self.count * LAGS))
        for season, lags in ((1, span.daily), (2, span.weekly)):
            if lags is None:
                shapes[:, season] = shapes[:, season - 1]
                continue
            for a in range(0, count, step):
                part = slice(a, a + step)
                found = seasonal(self.ring, lags[:, part], before, spread[:, part])
                shorter = shapes[:, season - 1, part]
                shapes[:, season, part] = np.where(np.isfinite(found), found, shorter)
        return shapes

    def _chosen(self, at: int, count: int) -> Floats:
        chosen: Floats = np.take_along_axis(
            self.shapes[:, :, at : at + count], self.season[:, None, None], axis=1
        )[:, 0].astype(np.float64)
        return chosen

    def _floor(self, base: Floats, sizes: Floats | None) -> Floats:
        """Return the spread that counting alone makes: Poisson, or binomial for a rate."""
        floor = np.where(self.counts[:, None], np.exp(-0.5 * base), 0.0)
        if sizes is None:
            return floor
        share = np.clip(np.exp(np.minimum(base, 0.0)), 1e-9, 1.0)
        binomial = np.sqrt((1.0 - share) / (share * np.maximum(sizes, 1.0)))
        return np.where(np.isfinite(binomial), binomial, floor)

    def _follow(self, base: Floats, columns: slice) -> None:
        """Let drift and echo follow the values through the buckets."""
        for i, column in enumerate(range(columns.start, columns.stop)):
            holiday = bool(self.holiday[column])
            center = base[:, i] + self.drift
            self.center[:, column] = center
            spread = self.spread[:, column].astype(np.float64)
            away = self.y[:, column] - center
            forecast = self.phi * self.echo
            surprise = np.clip(away - forecast, -FARTHEST, FARTHEST)
            # Small counts are skewed in logarithms and nearly even in square roots (Anscombe
            # 1948); the two agree for small surprises.
            surprise = np.where(self.counts, 2.0 * np.expm1(0.5 * surprise), surprise)
            self.surprise[:, column] = surprise
            calm = (np.abs(surprise) <= NO_ECHO * spread) & (not holiday)
            echo = np.where(calm, away, forecast)
            self.echo = np.where(np.isfinite(echo), echo, 0.0)
            if not holiday:
                step = np.clip(away, -DRIFT_STEP * spread, DRIFT_STEP * spread)
                self.drift = self.drift + self.gain * np.where(np.isfinite(step), step, 0.0)

    def _scored(self, columns: slice, season: Floats) -> Forecast:
        spread = self.spread[:, columns].astype(np.float64)
        surprise = self.surprise[:, columns].astype(np.float64)
        one = surprise / spread
        before = slice(columns.start - WINDOW + 1, columns.stop)
        away = self.y[:, columns].astype(np.float64) - self.center[:, columns]
        window = score.windowed(
            self.surprise[:, before].astype(np.float64),
            self.spread[:, before].astype(np.float64),
            self.holiday[before],
            away,
            self.phi,
        )
        window = np.where(np.isfinite(one), window, np.nan)
        rows = np.flatnonzero(self.weak & self.ready)
        if len(rows):
            mean, usual = self._month(rows)
            far = (self.y[rows, columns] - mean) / np.maximum(usual, spread[rows])
            for z in (one, window):
                z[rows] = score.guarded(z[rows], far)
        self.wildness[:, columns] = np.fmax(np.abs(one), np.abs(window))
        center = self.center[:, columns].astype(np.float64)
        wide = spread / np.sqrt(1.0 - self.phi[:, None] ** 2)
        return Forecast(center, center - season, spread, wide, one, window)

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
        self.means[:, block % GUARD_BLOCKS] = np.mean(cleaned, axis=1)
        self.variances[:, block % GUARD_BLOCKS] = np.var(cleaned, axis=1)
        numbers = np.arange(block * day, (block + 1) * day) % self.ring.shape[1]
        self.ring[:, numbers] = np.where(teaches, y - self.level[:, None], np.nan)
        self._learn_spread(plain, own)
        self._learn_echo(calm, own)
        self.errors *= self.fade
        shape = np.where(plain, y - self.level[:, None], np.nan)
        for season in range(len(SEASONS)):
            error = np.minimum(np.abs(shape - self.shapes[:, season]), ERROR_CAP)
            self.errors[:, season] += np.nansum(error, axis=1)

    def _learn_spread(self, plain: Bools, own: slice) -> None:
        size = np.abs(self.surprise[:, own].astype(np.float64))
        # An unknown spread caps nothing.
        size = np.fmin(size, 4.0 * self.spread[:, own])
        known = plain & np.isfinite(size)
        # Buckets of one slot are added up. A product of matrices would do it, too, with threads
        # that wait for one another for longer than it takes.
        order = np.argsort(self.slot, kind="stable")
        slots, first = np.unique(self.slot[order], return_index=True)
        self.deviations *= self.fade
        for place, part in ((0, np.where(known, size, 0.0)), (1, known.astype(np.float64))):
            self.deviations[:, place, slots] += np.add.reduceat(part[:, order], first, axis=1)

    def _learn_echo(self, calm: Bools, own: slice) -> None:
        away = np.where(calm, (self.y - self.center)[:, own].astype(np.float64), np.nan)
        before, after = away[:, :-1], away[:, 1:]
        if away.shape[1] == 1:
            last = slice(own.start - 1, own.stop - 1)
            before, after = (self.y - self.center)[:, last].astype(np.float64), away
        both = np.isfinite(before) & np.isfinite(after)
        self.pairs *= self.fade
        self.pairs[:, 0] += np.sum(np.where(both, before * after, 0.0), axis=1)
        self.pairs[:, 1] += np.sum(np.where(both, 0.5 * (before**2 + after**2), 0.0), axis=1)
        product, square = self.pairs.T
        self.phi = np.clip(product / np.where(square > 0, square, 1.0), 0.0, 0.9)

    def day_level(self) -> Floats:
        """Return the level of the finished block, season taken out; NaN where half is missing.

        A ratio of sums over the known buckets: small counts weigh little, gaps do not matter.
        """
        own = slice(WINDOW, WINDOW + self.calendar.day)
        y = self.y[:, own].astype(np.float64)
        base = self.level[:, None] + self._chosen(0, self.calendar.day)
        known = np.isfinite(y) & np.isfinite(base)
        value, usual = (
            np.sum(np.where(known, np.exp(np.clip(part, -FARTHEST, FARTHEST)), 0.0), axis=1)
            for part in (y - self.level[:, None], base - self.level[:, None])
        )
        enough = np.sum(known, axis=1) * 2 > self.calendar.day
        with np.errstate(divide="ignore", invalid="ignore"):
            level: Floats = self.level + np.log(value / usual)
        return np.where(enough & np.isfinite(level), level, np.nan)

    def shift(self, by: Floats, until: int) -> None:
        """Move what was learned before block `until` by so much: a step is the new normal."""
        blocks = np.arange(self._block() - GUARD_BLOCKS + 1, self._block() + 1)
        old = blocks[blocks < until] % GUARD_BLOCKS
        self.means[:, old] += by[:, None]
