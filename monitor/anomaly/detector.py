"""The detector of one check: takes buckets in the order of time, judges each from its past only.

A bucket never takes part in its own verdict, and the threshold of a day comes from the days
before it. A replay of history and a tick in production are the same call on more or fewer
buckets, so that they agree to the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import IntEnum

import numpy as np

from monitor.anomaly.leaks import LONG_AGO, SETTLE, Leaks, Line
from monitor.anomaly.model import DAY, WEEKLY, Bools, Floats, Ints, Settings
from monitor.anomaly.pool import Pool, highest
from monitor.anomaly.series import bucket_number
from monitor.anomaly.tail import LEAST_THRESHOLD, Tail
from monitor.anomaly.tracker import Forecast, Tracker

# Weeks of history before a slice is judged: without a weekly season, and with one. Its scores
# count for the tail some days earlier, so that the tail is there when judging begins.
WEEKS, WEEKS_OF_WEEKLY = 2, 3
TAIL_EARLIER_DAYS = 5
# The part of the budget that the daily test for leaks may spend.
LEAK_SHARE = 0.4
# A launch is the new normal when its first whole day is over.
LAUNCH_BLOCKS = 1
LARGEST_LOG = 700.0  # its exponential is still a float
LEAK_WIDTH = 2.0  # spreads of a day that the band of a leak spans to each side


class Status(IntEnum):
    """Why a bucket was judged or not."""

    MISSING = 0
    YOUNG = 1
    YOUNG_FOR_WEEKLY = 2
    SPARSE = 3
    NO_TAIL = 4
    SMALL = 5
    JUDGED = 6


class By(IntEnum):
    """Which test gave the score."""

    BUCKET = 0
    WINDOW = 1
    LEAK = 2


@dataclass(frozen=True)
class Judged:
    """Judgements of some buckets, (slices, buckets); NaN where unknown.

    score: in the bad direction, 0 or more; comparable over time and slices. rate: how often chance
    reaches it in 30 days in the whole check. threshold: (buckets,), the score that the budget
    allows. age: (slices,) buckets since the first value.
    """

    value: Floats
    status: Ints
    score: Floats
    expected: Floats
    low: Floats
    high: Floats
    is_anomaly: Bools
    rate: Floats
    by: Ints
    season: Ints
    holiday: Bools
    threshold: Floats
    age: Ints

    def last(self) -> Judged:
        """Return the newest bucket alone."""
        kept = {
            one.name: getattr(self, one.name)[..., -1:] for one in fields(self) if one.name != "age"
        }
        return Judged(**kept, age=self.age)


class Detector:
    """All slices of one check."""

    def __init__(self, settings: Settings, slices: int) -> None:
        """Know nothing of so many slices."""
        self.settings = settings
        self.tracker = Tracker(settings, slices)
        self.leaks = Leaks(slices)
        days = max(1.0, settings.bucket / DAY)
        budget = settings.false_alarms_per_month
        self.pool = Pool(budget * (1.0 - LEAK_SHARE), days)
        self.leak_pool = Pool(budget * LEAK_SHARE, days)
        self.tail: Tail | None = None
        self.leak_tail: Tail | None = None
        self.scores = np.full((slices, self.tracker.calendar.day), np.nan, dtype=np.float32)
        self.alarmed = np.zeros(slices, dtype=np.bool_)
        self.known = np.zeros((slices, WEEKS * 7), dtype=np.int64)
        self.block = -1
        launches = {self._block(bucket_number(at, settings)) for at in settings.events}
        self._launches = frozenset(launches)

    def _block(self, number: int) -> int:
        return self.tracker.calendar.block(number)

    @property
    def next(self) -> int:
        """The number of the bucket that must come next; -1 when any may come."""
        return self.tracker.number + 1 if self.tracker.number >= 0 else -1

    def advance(self, lo: int, values: Floats, sizes: Floats | None = None) -> Judged:
        """Judge and learn the buckets from `lo` on, (slices, buckets), all of one block.

        Blocks must be contiguous: give NaN for buckets that were not seen. Unusable values (NaN,
        infinite, negative) are unknown.
        """
        usable = np.isfinite(values) & (values >= 0)
        values = np.where(usable, values, np.nan)
        block = self._block(lo)
        if block != self.block:
            self._open(block)
        count = values.shape[1]
        day = self.tracker.calendar.day
        at = lo - block * day
        forecast = self.tracker.forecast(lo, values, sizes)
        self.known[:, block % self.known.shape[1]] += np.sum(usable, axis=1)
        judged = self._judge(lo, values, forecast)
        self.scores[:, at : at + count] = judged.score
        # A step in the good direction is a new level, too, and must not bend the line of leaks.
        far = np.fmax(np.abs(forecast.one), np.abs(forecast.window)) > judged.threshold
        self.alarmed |= (judged.is_anomaly | far).any(axis=1)
        if at + count == day:
            judged = self._close(block, judged)
        known = judged.status == Status.JUDGED
        judged.score[~known] = np.nan
        return judged

    def _open(self, block: int) -> None:
        self.block = block
        self.tail, self.leak_tail = self.pool.tail(), self.leak_pool.tail()
        self.scores[:] = np.nan
        self.alarmed[:] = False
        self.known[:, block % self.known.shape[1]] = 0

    def _judge(self, lo: int, values: Floats, forecast: Forecast) -> Judged:
        """Judge by the hour; the score stays where it teaches the tail though it is not judged."""
        by_window, score = in_bad_direction(forecast, self.settings.bad)
        offset = self.tracker.offset[:, None]
        expected = np.maximum(np.exp(np.minimum(forecast.center, LARGEST_LOG)) - offset, 0.0)
        budget = self.pool.budget
        threshold = self.tail.threshold(budget) if self.tail else np.nan
        age = lo - self.tracker.first
        big = ~(expected < self.settings.min_value)
        status = self._status(age, values, score, big)
        reach = (threshold if self.tail else LEAST_THRESHOLD) * forecast.wide
        low = np.maximum(np.exp(forecast.center - reach) - offset, 0.0)
        high = np.maximum(np.exp(np.minimum(forecast.center + reach, LARGEST_LOG)) - offset, 0.0)
        shown = status >= Status.SMALL
        effect = np.abs(values - expected) >= self.settings.min_effect * expected
        rate = self.tail.rate(score) if self.tail else np.full(score.shape, np.nan)
        return Judged(
            value=values,
            status=status,
            score=np.where(big, score, np.nan),
            expected=np.where(shown, expected, np.nan),
            low=np.where(shown, low, np.nan),
            high=np.where(shown, high, np.nan),
            is_anomaly=(status == Status.JUDGED) & (score > threshold) & effect,
            rate=np.where(status == Status.JUDGED, rate, np.nan),
            by=np.where(by_window, By.WINDOW, By.BUCKET),
            season=np.broadcast_to(self.tracker.season[:, None], values.shape).copy(),
            holiday=self._holiday(lo, values.shape[1]),
            threshold=np.full(values.shape[1], threshold),
            age=age,
        )

    def _holiday(self, lo: int, count: int) -> Bools:
        return self.tracker.calendar.span(lo, lo + count).holiday

    def _status(self, age: Ints, values: Floats, score: Floats, big: Bools) -> Ints:
        week = self.tracker.calendar.week
        young = age < WEEKS * week
        young_weekly = (age < WEEKS_OF_WEEKLY * week) & (self.tracker.season == WEEKLY)
        sparse = np.sum(self.known, axis=1) < WEEKS * week // 2
        scored = np.isfinite(score)
        conditions = (
            (Status.MISSING, ~np.isfinite(values)),
            (Status.YOUNG, np.broadcast_to(young[:, None], scored.shape)),
            (Status.SPARSE, (sparse | ~self.tracker.ready)[:, None] | ~scored),
            (Status.YOUNG_FOR_WEEKLY, np.broadcast_to(young_weekly[:, None], scored.shape)),
            (Status.SMALL, ~big),
            (Status.NO_TAIL, np.full(scored.shape, self.tail is None)),
        )
        status: Ints = np.select(
            [which for _, which in conditions],
            [int(name) for name, _ in conditions],
            int(Status.JUDGED),
        )
        return status

    def _close(self, block: int, judged: Judged) -> Judged:
        """Learn from the finished block; look for leaks with its last bucket."""
        day = self.tracker.calendar.day
        is_holiday = self._holiday(block * day, day).any()
        level = np.full(self.tracker.count, np.nan) if is_holiday else self.tracker.day_level()
        self.leaks.add(block, level)
        line = self.leaks.line(block)
        by = self.leaks.settle(block, line)
        if by.any():
            line = self.leaks.line(block)
        judged = self._look_for_leaks(block, judged, line)
        self.leaks.mark(block, self.alarmed)
        self.tracker.close()
        self.tracker.shift(by, block - SETTLE + 1)
        if block - LAUNCH_BLOCKS in self._launches:
            self._settle_launch(block, level)
        return judged

    def _look_for_leaks(self, block: int, judged: Judged, line: Line) -> Judged:
        runs = highest(self.scores.astype(np.float64), self.tracker.calendar.cluster)
        self.pool.add(np.where(self._teaches(judged.age)[:, None], runs, np.nan), self._threshold())
        leak, sign = self._leak_scores(block, line)
        budget = self.leak_pool.budget
        threshold = self.leak_tail.threshold(budget) if self.leak_tail else np.nan
        self.leak_pool.add(leak[:, None], threshold)
        if self.leak_tail is None or self.tail is None:
            return judged
        found = (leak > threshold) & (judged.status[:, -1] == Status.JUDGED)
        # The fast score that is as rare, each within its own share of the budget.
        rate = self.leak_tail.rate(leak) * (self.pool.budget / budget)
        rate = np.where(found, rate, 1.0)
        score = np.array([self.tail.threshold(max(one, 1e-9)) for one in rate[found]])
        rows = np.flatnonzero(found)[score > judged.score[found, -1]] if len(score) else []
        if len(rows):
            self._tell_leaks(judged, np.asarray(rows), line, score[score > judged.score[found, -1]])
            judged.rate[rows, -1] = self.leak_tail.rate(leak[rows]) / LEAK_SHARE
            judged.is_anomaly[rows, -1] |= self._is_large(sign, line, np.asarray(rows))
        self.alarmed |= judged.is_anomaly[:, -1]
        return judged

    def _leak_scores(self, block: int, line: Line) -> tuple[Floats, Floats]:
        """Return the scores in the bad direction, (slices,), and which direction it is."""
        down, up = (self.leaks.score(line, sign) for sign in (-1.0, 1.0))
        loud = self.alarmed | ~self.leaks.is_quiet(block)
        down[loud] = up[loud] = np.nan
        if self.settings.bad == "down":
            return down, np.full(down.shape, -1.0)
        if self.settings.bad == "up":
            return up, np.full(up.shape, 1.0)
        return np.fmax(down, up), np.where(up > down, 1.0, -1.0)

    def _is_large(self, sign: Floats, line: Line, rows: Ints) -> Bools:
        large: Bools = (
            np.expm1(np.abs(line.distance[rows, -1])) * np.abs(sign[rows])
            >= self.settings.min_effect
        )
        return large

    def _tell_leaks(self, judged: Judged, rows: Ints, line: Line, score: Floats) -> None:
        """Show what the last bucket would have been without the leak."""
        offset = self.tracker.offset[rows]
        center = np.log(judged.expected[rows, -1] + offset) - line.distance[rows, -1]
        reach = LEAK_WIDTH * line.spread[rows]
        judged.score[rows, -1] = score
        judged.by[rows, -1] = By.LEAK
        judged.expected[rows, -1] = np.maximum(np.exp(center) - offset, 0.0)
        judged.low[rows, -1] = np.maximum(np.exp(center - reach) - offset, 0.0)
        judged.high[rows, -1] = np.maximum(np.exp(center + reach) - offset, 0.0)

    def _threshold(self) -> float:
        return self.tail.threshold(self.pool.budget) if self.tail else np.nan

    def _teaches(self, age: Ints) -> Bools:
        week, day = self.tracker.calendar.week, self.tracker.calendar.day
        early = np.where(self.tracker.season == WEEKLY, 0, TAIL_EARLIER_DAYS * day)
        teaches: Bools = self.tracker.ready & (age >= WEEKS * week - early)
        return teaches

    def _settle_launch(self, block: int, level: Floats) -> None:
        """Take the level of the day after an announced launch for the new normal."""
        before = self.leaks.before(block - LAUNCH_BLOCKS)
        by = np.nan_to_num(level - before)
        self.leaks.shift(by, block, block)
        self.tracker.shift(by, block)
        self.leaks.told[:] = LONG_AGO

    def accept(self, rows: Ints) -> None:
        """Take the present level of these slices for normal, at once ("accept as new normal")."""
        self.leaks.accept(rows, self.tracker.accept(rows))

    def grow(self, more: int) -> None:
        """Add slices about which nothing is known."""
        self.tracker.grow(more)
        self.leaks.grow(more)
        width = self.scores.shape[1]
        empty = np.full((more, width), np.nan, dtype=np.float32)
        self.scores = np.concatenate([self.scores, empty])
        self.alarmed = np.concatenate([self.alarmed, np.zeros(more, dtype=np.bool_)])
        known = np.zeros((more, self.known.shape[1]), dtype=np.int64)
        self.known = np.concatenate([self.known, known])

    def put(self, rows: Ints, other: Detector) -> None:
        """Take over what another detector of the same check knows, slices in order.

        What is common to all slices (the tails) stays: other slices teach it, too.
        """
        self.tracker.put(rows, other.tracker)
        self.leaks.put(rows, other.leaks)
        self.scores[rows], self.alarmed[rows] = other.scores, other.alarmed
        self.known[rows] = other.known

    @property
    def nbytes(self) -> int:
        """Return about how much memory the state takes."""
        return self.tracker.nbytes + self.leaks.nbytes + self.scores.nbytes + self.known.nbytes


def in_bad_direction(forecast: Forecast, bad: str) -> tuple[Bools, Floats]:
    """Return which scores come from the window, and the scores: 0 or more, NaN unknown."""
    one, window = forecast.one, forecast.window
    if bad == "both":
        one, window = np.abs(one), np.abs(window)
    elif bad == "down":
        one, window = -one, -window
    return window > one, np.maximum(np.fmax(one, window), 0.0)
