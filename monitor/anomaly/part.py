"""Some slices of a check, judged by tails that are common to the whole check."""

from __future__ import annotations

from typing import Self

import numpy as np

from monitor.anomaly.arrays import Bools, Floats, Ints
from monitor.anomaly.judged import By, Judged, Runs, Status
from monitor.anomaly.leaks import SETTLE, Leaks, Line
from monitor.anomaly.model import WEEKLY, Settings
from monitor.anomaly.pool import highest
from monitor.anomaly.rowwise import Rowwise
from monitor.anomaly.series import bucket_number
from monitor.anomaly.shared import Common
from monitor.anomaly.tails import Tails
from monitor.anomaly.tracker import Forecast, Tracker

# Weeks of history before a slice is judged: without a weekly season, and with one. Its scores
# count for the tail some days earlier, so that the tail is there when judging begins.
WEEKS, WEEKS_OF_WEEKLY = 2, 3
TAIL_EARLIER_DAYS = 5
# A launch is the new normal when its first whole day is over.
LAUNCH_BLOCKS = 1
LARGEST_LOG = 700.0  # its exponential is still a float
# Spreads that a band spans to each side: of a leak those of a day; of what is too small to be
# judged before there is a tail.
LEAK_WIDTH, FIRST_WIDTH = 2.0, 2.0


class Part(Rowwise):
    """Some slices of one check: few enough that their arrays fit a processor's cache."""

    def __init__(self, settings: Settings, slices: int) -> None:
        """Know nothing of so many slices."""
        super().__init__(slices)
        self.settings = settings
        self.tracker = Tracker(settings, slices)
        self.leaks = Leaks(slices)
        day = self.tracker.calendar.day
        self.scores = self.rows("scores", (day,), np.nan, np.float32)
        self.moved = self.rows("moved", (), fill=False, kind=np.bool_)
        self.toward = self.rows("toward", (), 0, np.int8)
        self.known = self.rows("known", (WEEKS * 7,), 0, np.int32)
        self.tails = Tails(settings, None, None)
        self.block = -1
        launches = {self._block(bucket_number(at, settings)) for at in settings.events}
        self._launches = frozenset(launches)

    def _block(self, number: int) -> int:
        return self.tracker.calendar.block(number)

    def advance(
        self, lo: int, values: Floats, sizes: Floats | None, tails: Tails, common: Common | None
    ) -> tuple[Judged, Runs | None]:
        """Judge and learn buckets of one block; with its last bucket return the runs, too."""
        usable = np.isfinite(values) & (values >= 0)
        values = np.where(usable, values, np.nan)
        block = self._block(lo)
        if block != self.block:
            self._open(block, tails)
        count = values.shape[1]
        day = self.tracker.calendar.day
        at = lo - block * day
        forecast = self.tracker.forecast(lo, values, sizes, common, is_alone=self.tails.is_alone)
        self.known[:, block % self.known.shape[1]] += np.sum(usable, axis=1)
        judged = self._judge(lo, values, sizes, forecast)
        self.scores[:, at : at + count] = judged.score
        # A step in the good direction is a new level, too, and must not bend the line of leaks.
        far = np.fmax(np.abs(forecast.one), np.abs(forecast.window)) > judged.threshold
        self.moved |= (judged.is_anomaly | far).any(axis=1)
        self._note_alarms(judged)
        runs = self._close(block, judged) if at + count == day else None
        judged.score[judged.status != Status.JUDGED] = np.nan
        return judged, runs

    def _open(self, block: int, tails: Tails) -> None:
        self.block, self.tails = block, tails
        self.scores[:] = np.nan
        self.moved[:] = False
        self.toward[:] = 0
        self.known[:, block % self.known.shape[1]] = 0

    def _judge(self, lo: int, values: Floats, sizes: Floats | None, forecast: Forecast) -> Judged:
        """Judge by the hour; the score stays where it teaches the tail though it is not judged."""
        by_window, score = in_bad_direction(forecast, self.settings.bad)
        offset = self.tracker.offset[:, None]
        expected = np.maximum(np.exp(np.minimum(forecast.center, LARGEST_LOG)) - offset, 0.0)
        tail, threshold = self.tails.fast, self.tails.threshold
        age = lo - self.tracker.first
        units = expected if sizes is None else expected * sizes
        big = ~(units < self.settings.min_value)
        status = self._status(age, values, score, big)
        reach = (threshold if tail else FIRST_WIDTH) * forecast.wide
        low = np.maximum(np.exp(forecast.center - reach) - offset, 0.0)
        high = np.maximum(np.exp(np.minimum(forecast.center + reach, LARGEST_LOG)) - offset, 0.0)
        shown = status >= Status.SMALL
        effect = np.abs(values - expected) >= self.settings.min_effect * expected
        rate = tail.rate(score) if tail else np.full(score.shape, np.nan)
        return Judged(
            value=values,
            status=status,
            score=np.where(big, score, np.nan),
            usual=expected,
            fast=forecast.fast,
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
            (Status.NO_TAIL, np.full(scored.shape, self.tails.fast is None)),
        )
        status: Ints = np.select(
            [which for _, which in conditions],
            [int(name) for name, _ in conditions],
            int(Status.JUDGED),
        )
        return status

    def _close(self, block: int, judged: Judged) -> Runs:
        """Learn from the finished block; look for leaks with its last bucket."""
        day = self.tracker.calendar.day
        is_holiday = self._holiday(block * day, day).any()
        level = np.full(self.tracker.count, np.nan) if is_holiday else self.tracker.day_level()
        self.leaks.add(block, level)
        line = self.leaks.line(block)
        by = self.leaks.settle(block, line)
        if by.any():
            line = self.leaks.line(block)
        runs = self._look_for_leaks(block, judged, line, by != 0.0)
        self.leaks.mark(block, self.moved, self.toward)
        self.tracker.close()
        self.tracker.shift(by, block - SETTLE + 1)
        if block - LAUNCH_BLOCKS in self._launches:
            self._settle_launch(block, level)
        return runs

    def _look_for_leaks(self, block: int, judged: Judged, line: Line, lasts: Bools) -> Runs:
        runs = highest(self.scores.astype(np.float64), self.tracker.calendar.cluster)
        runs = np.where(self._teaches(judged.age)[:, None], runs, np.nan)
        leak, sign = self._leak_scores(block, line)
        as_fast, rate = self.tails.of_leaks(leak)
        found = (leak > self.tails.leak_threshold) & (judged.status[:, -1] == Status.JUDGED)
        rows = np.flatnonzero(found & ~(as_fast <= judged.score[:, -1]))
        if len(rows):
            self._tell_leaks(judged, rows, line, as_fast[rows])
            judged.rate[rows, -1] = rate[rows]
            judged.is_anomaly[rows, -1] |= self._is_large(sign, line, rows)
        self.moved |= judged.is_anomaly[:, -1]
        self._note_alarms(judged)
        taught = self.leaks.taught(block, leak, lasts)
        return Runs(runs, taught, self.tracker.weighed())

    def _leak_scores(self, block: int, line: Line) -> tuple[Floats, Floats]:
        """Return the scores in the bad direction, (slices,), and which direction it is."""
        signs = {"down": (-1.0,), "up": (1.0,)}.get(self.settings.bad, (-1.0, 1.0))
        scores = []
        for sign in signs:
            loud = self.leaks.is_loud(block, line, sign)
            scores.append(np.where(loud, np.nan, self.leaks.score(line, sign)))
        is_last = scores[-1] > scores[0]
        return np.fmax(scores[0], scores[-1]), np.where(is_last, signs[-1], signs[0])

    def _note_alarms(self, judged: Judged) -> None:
        """Note towards what the alarms of this block were, the last one for each slice."""
        by_value = np.where(judged.value < judged.expected, -1, 1)
        bad = {"down": -1, "up": 1}.get(self.settings.bad)
        toward = by_value if bad is None else np.full(by_value.shape, bad)
        for column in np.flatnonzero(judged.is_anomaly.any(axis=0)):
            rows = judged.is_anomaly[:, column]
            self.toward[rows] = toward[rows, column]
            self.leaks.hear(self.block, rows, toward[:, column])

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

    def _teaches(self, age: Ints) -> Bools:
        week, day = self.tracker.calendar.week, self.tracker.calendar.day
        early = np.where(self.tracker.season == WEEKLY, 0, TAIL_EARLIER_DAYS * day)
        teaches: Bools = self.tracker.ready & (age >= WEEKS * week - early)
        return teaches

    def _settle_launch(self, block: int, level: Floats) -> None:
        """Take the level of the day after an announced launch for the new normal."""
        before = self.leaks.before(block - LAUNCH_BLOCKS, np.arange(self.tracker.count))
        by = np.nan_to_num(level - before)
        self.leaks.shift(by, block, block)
        self.tracker.shift(by, block)
        self.leaks.forget()

    def grow(self, more: int) -> None:
        """Add slices about which nothing is known."""
        super().grow(more)
        self.tracker.grow(more)
        self.leaks.grow(more)

    def take(self, rows: Ints, other: Self, theirs: Ints) -> None:
        """Take over what another part, at the same bucket, knows of these slices."""
        super().take(rows, other, theirs)
        self.tracker.take(rows, other.tracker, theirs)
        self.leaks.take(rows, other.leaks, theirs)

    def resume(self, number: int, tails: Tails) -> None:
        """Stand behind a bucket without having seen any."""
        self.tracker.number, self.block, self.tails = number, self._block(number), tails

    @property
    def nbytes(self) -> int:
        """Return about how much memory the state takes."""
        return super().nbytes + self.tracker.nbytes + self.leaks.nbytes


def in_bad_direction(forecast: Forecast, bad: str) -> tuple[Bools, Floats]:
    """Return which scores come from the window, and the scores: 0 or more, NaN unknown."""
    one, window = forecast.one, forecast.window
    if bad == "both":
        one, window = np.abs(one), np.abs(window)
    elif bad == "down":
        one, window = -one, -window
    return window > one, np.maximum(np.fmax(one, window), 0.0)
