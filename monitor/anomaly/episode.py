"""An alarm that lasts: how far a row is from what was usual before it began, and when it is over.

The detector follows whatever lasts: after some hours a lasting shift is no surprise any more, and
near its threshold it would be told, ended and told again. People want to know of a metric that is
still down. So from its first bad bucket on a row is compared with the level from before it, until
it has come more than half of the way back, or until the detector has taken the new level for
normal. Tails, levels and leaks learn nothing of it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np

from monitor.anomaly.arrays import Floats, Ints
from monitor.anomaly.judged import By, Judged
from monitor.anomaly.leaks import LONG_AGO
from monitor.anomaly.model import Direction, Settings
from monitor.anomaly.score import WINDOW

BACK = 0.5
"""A row that is nearer to usual than this share of its farthest is back."""

LASTS = timedelta(days=2)
"""The detector has followed a shift by nine tenths after this time: it is the new normal."""

LEAST = 0.05
"""A change of less than this share is no alarm that lasts, whatever it was at its farthest."""

FARTHEST = 1000.0
"""How far, as a share, is something from nothing."""


class Episodes:
    """The running alarm of each row; -1 and NaN where there is none.

    since, ended: numbers of the first bad bucket, and of the bucket in which the last alarm was
    over. level: logarithm of the level before it. sign: -1 down,
    1 up. depth: how far the row is away now, as a share of what is expected: the bucket, or two in
    a row within the last WINDOW, whichever is more; one bucket near a limit decides nothing.
    is_own: which rows the detector alarms of at the newest bucket by itself.
    """

    def __init__(self, settings: Settings, rows: int) -> None:
        """Begin without any alarm."""
        self.bad: Direction = settings.bad
        self.lasts = max(2, round(LASTS / settings.bucket))
        self.since = np.full(rows, -1, dtype=np.int64)
        self.level, self.farthest, self.depth, self.rate = (np.full(rows, np.nan) for _ in "1234")
        self.ended = np.full(rows, LONG_AGO, dtype=np.int64)
        self.sign = np.full(rows, -1.0)
        self.is_own = np.zeros(rows, dtype=np.bool_)
        self._last = np.full(rows, np.nan)
        self._pairs = np.full((rows, WINDOW), np.nan)

    def follow(self, at: int, judged: Judged) -> Judged:
        """Go through buckets from `at` on; judge rows with an alarm by the level before it."""
        rows = np.flatnonzero(judged.is_anomaly.any(axis=1) | (self.since >= 0))
        if not len(rows):
            self.is_own = judged.is_anomaly[:, -1]
            return judged
        names = ("is_anomaly", "expected", "low", "high", "rate")
        told = replace(judged, **{name: getattr(judged, name).copy() for name in names})
        for i in range(judged.value.shape[1]):
            # A window that reaches back into an alarm that is over would tell it again.
            is_echo = (judged.by[rows, i] == By.WINDOW) & (at + i - self.ended[rows] < WINDOW)
            told.is_anomaly[rows[is_echo & (self.since[rows] < 0)], i] = False
            self.is_own = told.is_anomaly[:, i].copy()
            running = rows[(self.since[rows] >= 0) | self.is_own[rows]]
            self._begin(at + i, running[self.since[running] < 0], judged, i)
            self._go_on(at + i, running, told, i)
        return told

    def _begin(self, number: int, rows: Ints, judged: Judged, i: int) -> None:
        value, expected, usual = (
            one[rows, i] for one in (judged.value, judged.expected, judged.usual)
        )
        self.since[rows] = number
        # A slow leak is told against the line of the weeks before it, not against the fast level.
        gone = np.log(expected / np.where(usual > 0, usual, np.nan))
        self.level[rows] = judged.fast[rows, i] + np.nan_to_num(gone)
        sign = np.where(value < expected, -1.0, 1.0)
        self.sign[rows] = {"down": -1.0, "up": 1.0}.get(self.bad, sign)
        self.farthest[rows] = self.rate[rows] = self._last[rows] = np.nan
        self._pairs[rows] = np.nan

    def _go_on(self, number: int, rows: Ints, told: Judged, i: int) -> None:
        """Measure the distance of one bucket; where it is not over, tell it by the old level."""
        own = told.is_anomaly[rows, i]
        back = np.exp(self.level[rows] - told.fast[rows, i])
        usual = told.usual[rows, i] * back
        ratio = told.value[rows, i] / np.where(usual > 0, usual, np.nan)
        from_nothing = np.where(told.value[rows, i] > 0, FARTHEST, 0.0)
        away = self.sign[rows] * np.where(usual > 0, ratio - 1.0, from_nothing)
        away = np.where(np.isfinite(told.value[rows, i] + usual), away, np.nan)
        pair = np.where(np.isfinite(self._last[rows]), 0.5 * (away + self._last[rows]), away)
        self._pairs[rows, number % WINDOW] = pair
        self._last[rows] = np.where(np.isfinite(away), away, self._last[rows])
        self.farthest[rows] = np.fmax(self.farthest[rows], pair)
        self.depth[rows] = np.fmax(away, np.fmax.reduce(self._pairs[rows], axis=1))
        self.rate[rows] = np.fmin(self.rate[rows], np.where(own, told.rate[rows, i], np.nan))
        is_back = pair < np.maximum(BACK * self.farthest[rows], LEAST)
        is_over = ~own & (is_back | (number - self.since[rows] >= self.lasts))
        self.ended[rows[is_over]] = number
        self._end(rows[is_over])
        # What the detector alarms of by itself is an alarm, however far it was before.
        self.farthest[rows] = np.where(own & is_back, pair, self.farthest[rows])
        self._tell(rows[~is_over], back[~is_over], told, i)

    def _tell(self, rows: Ints, back: Floats, told: Judged, i: int) -> None:
        usual, expected = told.usual[rows, i] * back, told.expected[rows, i]
        # Of a leak that is told at this very bucket the line is in `expected` already.
        more = np.where(expected > 0, usual / np.where(expected > 0, expected, 1.0), 1.0)
        for name in ("expected", "low", "high"):
            getattr(told, name)[rows, i] *= more
        told.is_anomaly[rows, i] = np.isfinite(told.value[rows, i] + expected)
        told.rate[rows, i] = self.rate[rows]

    def _end(self, rows: Ints) -> None:
        self.since[rows] = -1
        for one in (self.level, self.farthest, self.depth, self.rate, self._last):
            one[rows] = np.nan
        self._pairs[rows] = np.nan
