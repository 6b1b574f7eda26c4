"""One pass over the history of a whole check: forecast a day, score it, learn, go on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np

from monitor.anomaly.calendar import Calendar, calendar
from monitor.anomaly.model import DAY, WEEKLY, Bools, Floats, Ints, Series, Settings
from monitor.anomaly.pool import Pool, highest
from monitor.anomaly.series import aligned, first_known, offsets
from monitor.anomaly.tail import Tail
from monitor.anomaly.tracker import Tracker

# Weeks of history before a slice is judged: without a weekly season, and with one. Its scores
# count for the tail some days earlier, so that the tail is there when judging begins.
WEEKS, WEEKS_OF_WEEKLY = 2, 3
TAIL_EARLIER_DAYS = 5


class Status(IntEnum):
    """Why a bucket was judged or not."""

    MISSING = 0
    YOUNG = 1
    YOUNG_FOR_WEEKLY = 2
    SPARSE = 3
    NO_TAIL = 4
    SMALL = 5
    JUDGED = 6


@dataclass
class History:
    """Everything known about each bucket at its own time; arrays are (slices, buckets).

    threshold: (buckets,). score: in the bad direction. tails: (first bucket, end, tail) of
    the days that had one.
    """

    settings: Settings
    first_bucket: int
    values: Floats
    offset: Floats
    calendar: Calendar
    tracker: Tracker
    first: Ints
    status: Ints = field(init=False)
    score: Floats = field(init=False)
    by_window: Bools = field(init=False)
    tails: list[tuple[int, int, Tail]] = field(default_factory=list)
    threshold: Floats = field(init=False)

    def __post_init__(self) -> None:
        """Start with nothing judged."""
        self.status = np.full(self.values.shape, Status.MISSING, dtype=np.int64)
        self.by_window = np.zeros(self.values.shape, dtype=np.bool_)
        self.score = np.full(self.values.shape, np.nan)
        self.threshold = np.full(self.values.shape[1], np.nan)

    def expected(self, lo: int, hi: int) -> Floats:
        """Return what the buckets should have been, in units of the values; NaN unknown."""
        center = self.tracker.center[:, lo:hi]
        value: Floats = np.maximum(np.exp(center) - self.offset[:, None], 0.0)
        return value

    def judge(self, block: tuple[int, int], tail: Tail | None) -> Floats:
        """Judge one tracked block by the tail of the days before; return its runs of scores.

        (slices, runs), NaN where none teaches the tail.
        """
        lo, hi = block
        self.by_window[:, lo:hi], score = _in_bad_direction(
            self.tracker.z_one[:, lo:hi], self.tracker.z_window[:, lo:hi], self.settings.bad
        )
        big = self.expected(lo, hi) >= self.settings.min_value
        self.score[:, lo:hi] = score
        status = self._status(lo, hi, big, tail)
        self.status[:, lo:hi] = status
        if tail is not None:
            self.threshold[lo:hi] = tail.threshold(self.settings.false_alarms_per_month)
            self.tails.append((lo, hi, tail))
        lasting = np.where(big & self._teaches_tail(lo), score, np.nan)
        return highest(lasting, self.calendar.cluster)

    def per_month(self, start: int) -> Floats:
        """Return the runs by chance per 30 days of the whole check at each score from `start`."""
        rate = np.full_like(self.score, np.nan)
        for lo, hi, tail in self.tails:
            if hi > start:
                rate[:, max(lo, start) : hi] = tail.rate(self.score[:, max(lo, start) : hi])
        return rate[:, start:]

    def _age(self, lo: int) -> Ints:
        return lo - self.first

    def _teaches_tail(self, lo: int) -> Bools:
        week, day = self.calendar.week, self.calendar.day
        least = WEEKS * week - np.where(
            self.tracker.season_now == WEEKLY, 0, TAIL_EARLIER_DAYS * day
        )
        teaches: Bools = self.tracker.ready & (self._age(lo) >= least)
        return teaches[:, None]

    def _status(self, lo: int, hi: int, big: Bools, tail: Tail | None) -> Ints:
        week = self.calendar.week
        recent = np.isfinite(self.values[:, max(0, lo - WEEKS * week) : lo])
        sparse = np.sum(recent, axis=1) < WEEKS * week // 2
        young = self._age(lo) < WEEKS * week
        young_weekly = (self._age(lo) < WEEKS_OF_WEEKLY * week) & (
            self.tracker.season_now == WEEKLY
        )
        scored = np.isfinite(self.score[:, lo:hi])
        conditions = [
            ~np.isfinite(self.values[:, lo:hi]),
            young[:, None] & np.ones_like(scored),
            (sparse | ~self.tracker.ready)[:, None] | ~scored,
            young_weekly[:, None] & np.ones_like(scored),
            ~big,
            np.full(scored.shape, tail is None),
        ]
        order = [
            Status.MISSING,
            Status.YOUNG,
            Status.SPARSE,
            Status.YOUNG_FOR_WEEKLY,
            Status.SMALL,
            Status.NO_TAIL,
        ]
        status: Ints = np.select(conditions, [int(o) for o in order], int(Status.JUDGED))
        return status


def build(series: Sequence[Series], settings: Settings, end: int | None = None) -> History:
    """Run the whole pass; `end` is the number of the first bucket to leave out."""
    first_bucket, values = aligned(series, settings, end)
    table = calendar(first_bucket, values.shape[1], settings)
    offset, counts = offsets(values, table.week)
    with np.errstate(divide="ignore"):
        y = np.log(values + offset[:, None])
    first = first_known(values)
    tracker = Tracker(y, counts, table, first)
    history = History(settings, first_bucket, values, offset, table, tracker, first)
    pool = Pool(settings.false_alarms_per_month, max(1.0, settings.bucket / DAY))
    for block in table.blocks:
        tail = pool.tail()
        tracker.advance(block)
        if tracker.ready.any():
            pool.add(history.judge(block, tail), history.threshold[block[0]])
    return history


def _in_bad_direction(one: Floats, window: Floats, bad: str) -> tuple[Bools, Floats]:
    """Return which scores come from the window, and the scores: 0 or more, NaN unknown."""
    if bad == "both":
        one, window = np.abs(one), np.abs(window)
    elif bad == "down":
        one, window = -one, -window
    return window > one, np.maximum(np.fmax(one, window), 0.0)
