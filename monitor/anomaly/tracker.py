"""What is expected of each slice, bucket by bucket, from earlier buckets only.

All values are logarithms. The expectation of a bucket is

    level (mean of the cleaned last 7 days) + profile (season) + drift (fast level) + echo

where the echo is the part of the previous bucket's surprise that usually repeats (an
autoregression of order 1). Learning happens once per UTC day, in a block; within a block only
drift and echo move.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from monitor.anomaly.calendar import Calendar
from monitor.anomaly.model import WEEKLY, Bools, Floats, Ints
from monitor.anomaly.profile import first_week, seasonal

# Buckets that surprise by more spreads than this teach nothing and leave no echo.
WILD, NO_ECHO = 5.0, 3.5
# Half-life of the drift: fast enough for a launch (a 15 % shift is normal after two days),
# slow enough to still show a drop of six hours as a drop.
DRIFT_HALF_LIFE_DAYS = 0.6
DRIFT_STEP = 3.0
# Memory of spread, echo and prior errors: weight of a day after so many days is 1/e.
MEMORY_DAYS = 21.0
# Local spreads count as much as the overall one after this many values.
BLEND = 6.0
MEAN_TO_SPREAD = 1.2533  # sqrt(pi / 2): mean absolute deviation to standard deviation
LEAST_SPREAD = 0.01
HOLIDAY_WIDTH = 3.0
SEASON_GAIN = 0.95  # a season must cut the error by 5 % to be used
WEAK_GAIN = 0.6  # and by 40 % to do without the guard over the last 30 days
ERROR_CAP = 0.7  # a factor 2; one outage must not choose the season
WINDOW = 6
STILL_OFF = 2.0  # a window scores at most so many times the distance of its last bucket
GUARD_DAYS = 30


@dataclass
class Tracker:
    """The state of all slices; arrays have one row per slice.

    y: (slices, buckets) logarithms, NaN unknown. counts: (slices,) whole numbers.
    """

    y: Floats
    counts: Bools
    calendar: Calendar
    first: Ints
    cleaned: Floats = field(init=False)
    shape: Floats = field(init=False)
    center: Floats = field(init=False)
    surprise: Floats = field(init=False)
    spread: Floats = field(init=False)
    season: Ints = field(init=False)
    z_one: Floats = field(init=False)
    z_window: Floats = field(init=False)
    phi_then: Floats = field(init=False)

    def __post_init__(self) -> None:
        """Start with nothing known."""
        slices, buckets = self.y.shape
        unknown = np.full((slices, buckets), np.nan)
        self.cleaned, self.shape, self.center = unknown.copy(), unknown.copy(), unknown.copy()
        self.surprise, self.spread, self.phi_then = unknown.copy(), unknown.copy(), unknown.copy()
        self.z_one, self.z_window = unknown.copy(), unknown.copy()
        self.season = np.zeros((slices, buckets), dtype=np.int64)
        self.season_now = np.zeros(slices, dtype=np.int64)
        self.ready = np.zeros(slices, dtype=np.bool_)
        self.weak = np.ones(slices, dtype=np.bool_)
        self.drift = np.zeros(slices)
        self.echo = np.zeros(slices)
        self.phi = np.full(slices, 0.3)
        self.pairs = np.zeros((2, slices))
        self.deviations = np.zeros((2, slices, self.calendar.slots))
        self.errors = np.zeros((3, slices))
        self.gain = 1.0 - 0.5 ** (1.0 / max(3.0, DRIFT_HALF_LIFE_DAYS * self.calendar.day))
        self.fade = float(np.exp(-1.0 / MEMORY_DAYS))

    def advance(self, block: tuple[int, int]) -> None:
        """Forecast and score one block from what came before it."""
        lo, hi = block
        self._start(lo)
        if not self.ready.any():
            return
        level = np.where(self.ready, self._level(lo), np.nan)[:, None]
        spread = self._spread(self.calendar.slot[lo:hi])
        self._choose()
        shapes = self._profiles(lo, hi, np.nan_to_num(spread))
        base = level + np.choose(self.season_now[:, None], shapes)
        self.season[:, lo:hi] = self.season_now[:, None]
        floor = np.where(self.counts[:, None], np.exp(-0.5 * base), 0.0)
        spread = np.maximum(spread, np.maximum(floor, LEAST_SPREAD))
        spread = np.where(self.calendar.holiday[lo:hi], HOLIDAY_WIDTH * spread, spread)
        self.spread[:, lo:hi] = spread
        self.phi_then[:, lo:hi] = self.phi[:, None]
        self._follow(base, lo, hi)
        self._score(lo, hi)
        self._learn(level, shapes, lo, hi)
        self._guard(lo, hi)

    def _start(self, lo: int) -> None:
        """Take in slices that have just completed their first week."""
        week = self.calendar.week
        new = ~self.ready & (self.first + week <= lo)
        if lo < week or not new.any():
            return
        y = self.y[:, lo - week : lo]
        new &= np.sum(np.isfinite(y), axis=1) >= week // 2
        rows = np.flatnonzero(new)
        if not len(rows):
            return
        level, cleaned, teaches = first_week(y[rows], self.calendar.day)
        teaches &= ~self.calendar.holiday[lo - week : lo]
        self.cleaned[rows, lo - week : lo] = cleaned
        self.shape[rows, lo - week : lo] = np.where(teaches, cleaned - level[:, None], np.nan)
        self.ready[rows] = True

    def _level(self, lo: int) -> Floats:
        level: Floats = np.mean(self.cleaned[:, lo - self.calendar.week : lo], axis=1)
        return level

    def _spread(self, slot: Ints) -> Floats:
        """Spread of the surprise in each bucket's local hour, drawn towards the overall one."""
        total, count = self.deviations
        all_count = np.sum(count, axis=1)
        overall = np.sum(total, axis=1) / np.where(all_count > 0, all_count, np.nan)
        if self.calendar.slots > 1:
            near = [0.5 * a + 0.25 * (np.roll(a, 1, 1) + np.roll(a, -1, 1)) for a in (total, count)]
            total, count = near[0], near[1]
        local: Floats = (total + BLEND * overall[:, None]) / (count + BLEND)
        spread: Floats = MEAN_TO_SPREAD * local[:, slot]
        return spread

    def _choose(self) -> None:
        """Let the season be earned by the error it had so far."""
        none, daily, weekly = self.errors
        best = np.where(daily < SEASON_GAIN * none, 1, 0)
        error = np.where(best == 1, daily, none)
        use_weekly = weekly < SEASON_GAIN * error
        self.season_now = np.where(use_weekly, WEEKLY, best)
        error = np.where(use_weekly, weekly, error)
        self.weak = (self.season_now == 0) | (error > WEAK_GAIN * none)

    def _profiles(self, lo: int, hi: int, spread: Floats) -> list[Floats]:
        """Shape of the block for each season; where one is unknown, that of the shorter one."""
        shapes = [np.zeros((len(self.y), hi - lo))]
        for lags in (self.calendar.daily, self.calendar.weekly):
            if lags is None:
                shapes.append(shapes[-1])
                continue
            found = seasonal(self.shape, lags[:, lo:hi], lo, spread)
            shapes.append(np.where(np.isfinite(found), found, shapes[-1]))
        return shapes

    def _follow(self, base: Floats, lo: int, hi: int) -> None:
        """Let drift and echo follow the values through the block."""
        for i in range(lo, hi):
            center = base[:, i - lo] + self.drift
            self.center[:, i] = center
            spread = self.spread[:, i]
            away = self.y[:, i] - center
            forecast = self.phi * self.echo
            surprise = away - forecast
            # Small counts are skewed in logarithms and nearly even in square roots (Anscombe
            # 1948); the two agree for small surprises.
            surprise = np.where(self.counts, 2.0 * np.expm1(0.5 * surprise), surprise)
            self.surprise[:, i] = surprise
            calm = (np.abs(surprise) <= NO_ECHO * spread) & (not self.calendar.holiday[i])
            self.echo = np.where(calm, away, forecast)
            if not self.calendar.holiday[i]:
                step = np.clip(away, -DRIFT_STEP * spread, DRIFT_STEP * spread)
                self.drift = self.drift + self.gain * np.where(np.isfinite(step), step, 0.0)
        self.echo = np.where(np.isfinite(self.echo), self.echo, 0.0)

    def _score(self, lo: int, hi: int) -> None:
        """Signed scores in spreads: of the bucket alone, and of a shift 6 buckets ago.

        The second is the least-squares estimate of a step in an autoregression, divided by
        its own spread: a step shows fully in the first surprise and by (1 - phi) after it.
        """
        z = (
            self.surprise / self.spread
            if lo == 0
            else self.surprise[:, lo:hi] / self.spread[:, lo:hi]
        )
        self.z_one[:, lo:hi] = z
        total = np.zeros(z.shape)
        weight = np.zeros(z.shape)
        for back in range(min(WINDOW, lo + 1)):
            part = self.surprise[:, lo - back : hi - back]
            spread = self.spread[:, lo - back : hi - back]
            share = np.ones(len(z)) if back == WINDOW - 1 else 1.0 - self.phi
            known = np.isfinite(part) & np.isfinite(spread)
            # A holiday and a working day have no common surprise: a window holds one kind only.
            known &= self.calendar.holiday[lo - back : hi - back] == self.calendar.holiday[lo:hi]
            total += np.where(known, share[:, None] * part / spread**2, 0.0)
            weight += np.where(known, share[:, None] ** 2 / spread**2, 0.0)
        window = total / np.sqrt(np.where(weight > 0, weight, np.nan))
        # A shift that is over is not told again: the bucket itself must still be off.
        away = (self.y[:, lo:hi] - self.center[:, lo:hi]) / self.spread[:, lo:hi]
        most = STILL_OFF * np.maximum(away * np.sign(window), 0.0)
        window = np.sign(window) * np.minimum(np.abs(window), most)
        self.z_window[:, lo:hi] = np.where(np.isfinite(z), window, np.nan)

    def _guard(self, lo: int, hi: int) -> None:
        """Without a strong season, a score is at most the distance from the last 30 days.

        A structureless series wanders; what is a surprise after the last hours may be quite
        usual for the month. A distance in the other direction leaves nothing of the score.
        """
        rows = np.flatnonzero(self.weak & self.ready)
        if not len(rows):
            return
        known = self.cleaned[rows, max(0, lo - GUARD_DAYS * self.calendar.day) : lo]
        mean = np.nanmean(known, axis=1, keepdims=True)
        usual = np.maximum(np.nanstd(known, axis=1, keepdims=True), self.spread[rows, lo:hi])
        far = (self.y[rows, lo:hi] - mean) / usual
        for z in (self.z_one, self.z_window):
            part = z[rows, lo:hi]
            same = np.sign(part) == np.sign(far)
            least = np.where(same, np.minimum(np.abs(part), np.abs(far)), 0.0)
            z[rows, lo:hi] = np.where(np.isfinite(part), np.sign(part) * least, np.nan)

    def _learn(self, level: Floats, shapes: list[Floats], lo: int, hi: int) -> None:
        """Take the finished block into level, shape, spread, echo and prior errors."""
        y, center, spread = self.y[:, lo:hi], self.center[:, lo:hi], self.spread[:, lo:hi]
        z = np.maximum(np.abs(self.z_one[:, lo:hi]), np.abs(self.z_window[:, lo:hi]))
        first_time = ~np.isfinite(spread)
        plain = np.isfinite(y) & ~self.calendar.holiday[lo:hi]
        teaches = plain & ((z <= WILD) | first_time)
        cleaned = np.where(teaches, y, center)
        self.cleaned[:, lo:hi] = np.where(self.ready[:, None], cleaned, np.nan)
        self.shape[:, lo:hi] = np.where(teaches, y - level, np.nan)
        self._learn_spread(plain, lo, hi)
        away = np.where(plain & (z <= WILD), y - center, np.nan)
        before, after = away[:, :-1], away[:, 1:]
        if hi - lo == 1 and lo > 0:
            before, after = (self.y - self.center)[:, lo - 1 : lo], away
        both = np.isfinite(before) & np.isfinite(after)
        self.pairs *= self.fade
        self.pairs[0] += np.sum(np.where(both, before * after, 0.0), axis=1)
        self.pairs[1] += np.sum(np.where(both, 0.5 * (before**2 + after**2), 0.0), axis=1)
        product, square = self.pairs
        self.phi = np.clip(product / np.where(square > 0, square, 1.0), 0.0, 0.9)
        for season, shape in enumerate(shapes):
            error = np.minimum(np.abs(y - level - shape), ERROR_CAP)
            self.errors[season] *= self.fade
            self.errors[season] += np.sum(np.where(plain, np.nan_to_num(error), 0.0), axis=1)

    def _learn_spread(self, plain: Bools, lo: int, hi: int) -> None:
        surprise = np.where(plain, np.abs(self.surprise[:, lo:hi]), np.nan)
        spread = self.spread[:, lo:hi]
        cap = np.where(np.isfinite(spread), 4.0 * spread, np.inf)
        size = np.minimum(surprise, cap)
        known = np.isfinite(size)
        member = np.eye(self.calendar.slots)[self.calendar.slot[lo:hi]]
        self.deviations *= self.fade
        self.deviations[0] += np.where(known, size, 0.0) @ member
        self.deviations[1] += known.astype(np.float64) @ member
