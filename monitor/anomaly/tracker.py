"""What is expected of each slice, bucket by bucket, from earlier buckets only.

All values are logarithms. The expectation of a bucket is

    level (mean of the cleaned last 7 days) + profile (season) + drift (fast level) + echo

where the echo is the part of the previous bucket's surprise that usually repeats (an
autoregression of order 1). Learning happens once per block (`learned`); within a block only drift
and echo move.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from monitor.anomaly import score
from monitor.anomaly.arrays import Bools, Floats
from monitor.anomaly.calendar import LAGS, Span
from monitor.anomaly.learned import ERROR_CAP, FARTHEST, GUARD_BLOCKS, NEVER, Learned
from monitor.anomaly.model import WEEKLY
from monitor.anomaly.profile import first_week, seasonal
from monitor.anomaly.score import WINDOW
from monitor.anomaly.series import offsets
from monitor.anomaly.shared import Common, share, unlikeness

NO_ECHO = 3.5  # buckets that surprise by more spreads than this leave no echo
DRIFT_STEP = 3.0
# Local spreads count as much as the overall one after this many values.
BLEND = 6.0
MEAN_TO_SPREAD = 1.2533  # sqrt(pi / 2): mean absolute deviation to standard deviation
LEAST_SPREAD = 0.01
# A holiday is judged within three times the usual spread, and within what holidays usually do:
# half or twice the traffic is no news on one.
HOLIDAY_WIDTH, HOLIDAY_SPREAD = 3.0, 0.3
SEASON_GAIN = 0.95  # a season must cut the error by 5 % to be used
WEAK_GAIN = 0.5  # and halve it to do without the guard over the last 30 days
LEVEL_BLOCKS = 7
# Cells of a profile that are gathered at once: bounds the memory of a check of any size.
PROFILE_CELLS = 1_000_000
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


class Tracker(Learned):
    """Forecasts and scores the buckets of all slices from what was learned of them."""

    def forecast(
        self,
        lo: int,
        values: Floats,
        sizes: Floats | None = None,
        common: Common | None = None,
        *,
        is_alone: bool,
    ) -> Forecast:
        """Forecast and score the buckets from `lo` on, all of one block; NaN where unknown.

        sizes: the denominators of a rate, whose binomial variance bounds the spread from below.
        common: the shape that all slices have in common, if it is known. is_alone: see `Tails`.
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
        if common is not None:
            self._draw(at, count, common)
        base = self.level[:, None] + self._chosen(at, count)
        floor = self._floor(base, sizes)
        self._note(3, 4, floor**2, np.isfinite(self.y[:, columns]) & np.isfinite(floor))
        spread = np.maximum(local, np.maximum(floor, LEAST_SPREAD))
        wider = np.maximum(HOLIDAY_WIDTH * spread, HOLIDAY_SPREAD)
        spread = np.where(span.holiday, wider, spread)
        self.spread[:, columns] = np.where(self.ready[:, None], spread, np.nan)
        self._follow(base, columns)
        return self._scored(columns, base - self.level[:, None], is_alone=is_alone)

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
        weeks = np.clip((lo - self.first) // self.calendar.week, 1, LAGS).astype(np.float64)
        own, their, count = (self.pooled[:, i] for i in range(3))
        count = np.where(count > 0, count, np.nan)
        blur = self._noise() / weeks
        self.unlike = unlikeness(blur, own / count, their / count)
        self.share = share(blur, self.unlike)

    def _draw(self, at: int, count: int, common: Common) -> None:
        """Draw the weekly shape of small slices towards the common one; note how both did."""
        place = slice(at, at + count)
        their = common.shape(self.level, self.counts, at, count)
        own = self.shapes[:, WEEKLY, place].astype(np.float64)
        columns = slice(WINDOW + at, WINDOW + at + count)
        seen = self.y[:, columns] - self.level[:, None]
        known = np.isfinite(seen) & ~self.holiday[columns]
        for i, shape in enumerate((own, their)):
            error = np.minimum(np.abs(seen - shape), ERROR_CAP) ** 2
            self._note(i, 2 if i else None, error, known)
        rows = np.flatnonzero(self.share)
        drawn = own[rows] + self.share[rows, None] * (their[rows] - own[rows])
        self.shapes[rows, WEEKLY, place] = drawn

    def _note(self, what: int, number: int | None, value: Floats, known: Bools) -> None:
        """Add to `pooled`, bucket by bucket: a tick and a start must agree to the last bit."""
        for value_at, known_at in zip(value.T, known.T, strict=True):
            self.pooled[:, what] += np.where(known_at, value_at, 0.0)
            if number is not None:
                self.pooled[:, number] += known_at

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
        # What counting makes no season can explain: small counts would all look structureless.
        counting = np.sqrt(self._noise()) / MEAN_TO_SPREAD * self.pooled[:, 4]
        error, none = (np.sqrt(np.maximum(one**2 - counting**2, 0.0)) for one in (error, none))
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
            surprise = np.minimum(np.maximum(away - forecast, -FARTHEST), FARTHEST)
            # Small counts are skewed in logarithms and nearly even in square roots (Anscombe
            # 1948); the two agree for small surprises.
            surprise = np.where(self.counts, 2.0 * np.expm1(0.5 * surprise), surprise)
            self.surprise[:, column] = surprise
            calm = (np.abs(surprise) <= NO_ECHO * spread) & (not holiday)
            echo = np.where(calm, away, forecast)
            self.echo = np.where(np.isfinite(echo), echo, 0.0)
            if not holiday:
                farthest = DRIFT_STEP * spread
                step = np.minimum(np.maximum(away, -farthest), farthest)
                self.drift = self.drift + self.gain * np.where(np.isfinite(step), step, 0.0)

    def _scored(self, columns: slice, season: Floats, *, is_alone: bool) -> Forecast:
        spread = self.spread[:, columns].astype(np.float64)
        wide = spread / np.sqrt(1.0 - self.phi[:, None] ** 2)
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
        # What surprises teaches nothing, whether it is bad or not.
        self.wildness[:, columns] = np.fmax(np.abs(one), np.abs(window))
        # A jump back to what is usual is no anomaly.
        one = score.guarded(one, away / wide if is_alone else score.AWAY * away / spread)
        rows = np.flatnonzero(self.weak & self.ready)
        if len(rows):
            mean, usual = self._month(rows)
            far = (self.y[rows, columns] - mean) / np.maximum(usual, spread[rows])
            for z in (one, window):
                z[rows] = score.guarded(z[rows], far)
        center = self.center[:, columns].astype(np.float64)
        return Forecast(center, center - season, spread, wide, one, window)
