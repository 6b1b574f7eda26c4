"""Judge the newest bucket of every slice, or replay how history would have been judged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import numpy as np

from monitor.anomaly.arrays import Floats
from monitor.anomaly.detector import Detector
from monitor.anomaly.judged import By, Judged, Status
from monitor.anomaly.model import MONTH, SEASONS, Learning, Missing, Point, Replay, Series, Settings
from monitor.anomaly.part import WEEKS, WEEKS_OF_WEEKLY
from monitor.anomaly.score import WINDOW
from monitor.anomaly.series import aligned, bucket_number, bucket_start
from monitor.anomaly.tail import ENOUGH

# Rarer than this is more than a few months of scores can tell.
RAREST = timedelta(days=3650)
NO_ROW, NO_NUMBER = "no rows", "no number (null, NaN, infinite or negative)"


def replay(series: Sequence[Series], settings: Settings, since: datetime | None = None) -> Replay:
    """Judge every bucket from `since` to the end of the series, each from its past only."""
    first, values = aligned(series, settings, None)
    slices, buckets = values.shape
    start = 0 if since is None else bucket_number(since, settings) - first
    start = min(max(start, 0), buckets)
    kept = _Kept(slices, buckets - start)
    for lo, judged in advance(Detector(settings, slices), first, values):
        kept.take(lo - first - start, judged)
    starts = tuple(bucket_start(first + i, settings) for i in range(start, buckets))
    return kept.result(starts, values[:, start:])


def advance(detector: Detector, first: int, values: Floats) -> Iterator[tuple[int, Judged]]:
    """Go through a matrix block by block; yields the first bucket of each and its judgements."""
    day = detector.calendar.day
    end = first + values.shape[1]
    lo = first
    while lo < end:
        hi = min(end, (lo // day + 1) * day)
        yield lo, detector.advance(lo, values[:, lo - first : hi - first])
        lo = hi


class _Kept:
    """The arrays of a replay, filled block by block."""

    def __init__(self, slices: int, buckets: int) -> None:
        shape = (slices, buckets)
        self.numbers = {
            name: np.full(shape, np.nan) for name in ("score", "expected", "low", "high", "rate")
        }
        self.is_anomaly = np.zeros(shape, dtype=np.bool_)
        self.season = np.zeros(shape, dtype=np.int64)
        self.threshold = np.full(buckets, np.nan)

    def take(self, at: int, judged: Judged) -> None:
        """Keep a block that begins at column `at`; negative columns are left out."""
        skip = max(0, -at)
        width = judged.score.shape[1]
        if skip >= width:
            return
        columns = slice(at + skip, at + width)
        for name, kept in self.numbers.items():
            kept[:, columns] = getattr(judged, name)[:, skip:]
        self.is_anomaly[:, columns] = judged.is_anomaly[:, skip:]
        self.season[:, columns] = judged.season[:, skip:]
        self.threshold[columns] = judged.threshold[skip:]

    def result(self, starts: tuple[datetime, ...], values: Floats) -> Replay:
        """Return what was kept."""
        number = self.numbers
        return Replay(
            starts=starts,
            value=values,
            score=number["score"],
            expected=number["expected"],
            low=number["low"],
            high=number["high"],
            is_anomaly=self.is_anomaly,
            once_in_days=once_in_days(number["rate"]),
            season=self.season,
            threshold=self.threshold,
        )


def once_in_days(rate: Floats) -> Floats:
    """Turn alarms by chance in 30 days into days between them, at most ten years."""
    days: Floats = np.minimum(MONTH.days / np.maximum(rate, 1e-9), float(RAREST.days))
    return days


def judge_latest(
    series: Sequence[Series], settings: Settings, at: datetime
) -> list[Point | Learning | Missing]:
    """Judge the bucket that starts at `at` for every slice, in the order of `series`.

    Values after that bucket are not looked at. Give at least 9 weeks of history where there
    is as much: 8 for the season, 1 for the level.
    """
    number = bucket_number(at, settings)
    if not series:
        return []
    first, values = aligned(series, settings, number + 1)
    if not values.shape[1]:
        return [Missing(at, NO_ROW) for _ in series]
    detector = Detector(settings, len(series))
    *_, (_, judged) = advance(detector, first, values)
    raw = [_raw(one, number, settings) for one in series]
    return answers(judged.last(), raw, settings, at)


def _raw(one: Series, number: int, settings: Settings) -> float:
    index = number - bucket_number(one.start, settings)
    return float(one.values[index]) if 0 <= index < len(one.values) else np.nan


def answers(
    judged: Judged, raw: Sequence[float], settings: Settings, at: datetime
) -> list[Point | Learning | Missing]:
    """Tell the newest bucket of every slice; raw: its values as they came."""
    return [_answer(judged, row, value, settings, at) for row, value in enumerate(raw)]


def _answer(
    judged: Judged, row: int, raw: float, settings: Settings, at: datetime
) -> Point | Learning | Missing:
    status = Status(int(judged.status[row, -1]))
    if status == Status.MISSING:
        is_bad = not np.isnan(raw)
        reason = NO_NUMBER if is_bad else NO_ROW
        return Missing(at, reason)
    if status in {Status.YOUNG, Status.YOUNG_FOR_WEEKLY, Status.SPARSE, Status.NO_TAIL}:
        return Learning(at, _why_learning(status, int(judged.age[row]), settings))
    value, expected = float(judged.value[row, -1]), float(judged.expected[row, -1])
    once = float(once_in_days(judged.rate[row, -1:])[0])
    return Point(
        at=at,
        value=value,
        expected=expected,
        low=float(judged.low[row, -1]),
        high=float(judged.high[row, -1]),
        deviation=_deviation(value, expected),
        score=float(np.nan_to_num(judged.score[row, -1])),
        is_anomaly=bool(judged.is_anomaly[row, -1]),
        once_in=timedelta(days=once) if np.isfinite(once) else None,
        season=SEASONS[int(judged.season[row, -1])],
        note=_note(judged, row, settings),
    )


def _deviation(value: float, expected: float) -> float:
    if expected > 0:
        return value / expected - 1.0
    return float("inf") if value > 0 else 0.0


def _why_learning(status: Status, age: int, settings: Settings) -> str:
    has = f"has {settings.bucket * max(age, 0) / timedelta(days=1):.0f} days of history"
    week = max(timedelta(weeks=1), 7 * settings.bucket)
    if status == Status.YOUNG_FOR_WEEKLY:
        return f"{has}; a weekly season needs {(WEEKS_OF_WEEKLY * week).days}"
    if status == Status.YOUNG:
        need, weekly = (WEEKS * week).days, (WEEKS_OF_WEEKLY * week).days
        return f"{has}; needs {need} (a weekly season {weekly})"
    if status == Status.NO_TAIL:
        return f"{has}; the check needs {ENOUGH} runs of scores to know how rare one is"
    return f"{has}, but less than half of the buckets of the last {WEEKS} weeks have a value"


def _note(judged: Judged, row: int, settings: Settings) -> str:
    notes = []
    if judged.status[row, -1] == Status.SMALL:
        notes.append(f"less than min_value {settings.min_value:.3g} is expected: not judged")
    if judged.is_anomaly[row, -1] and judged.by[row, -1] == By.WINDOW:
        notes.append(f"unusual as a shift over the last {WINDOW} buckets")
    if judged.is_anomaly[row, -1] and judged.by[row, -1] == By.LEAK:
        notes.append("a slow leak: the level of whole days goes away from the last weeks")
    if judged.holiday[-1]:
        notes.append("holiday: judged with a wider band")
    return "; ".join(notes)
