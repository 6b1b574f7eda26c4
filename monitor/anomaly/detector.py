"""Judge the newest bucket of every slice, or replay how history would have been judged.

Both read the same pass over history, so they agree to the last bit. Nothing at or after a
bucket takes part in its score, and the threshold of a day comes from the days before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np

from monitor.anomaly.history import WEEKS, WEEKS_OF_WEEKLY, History, Status, build
from monitor.anomaly.model import (
    MONTH,
    SEASONS,
    Floats,
    Learning,
    Missing,
    Point,
    Replay,
    Series,
    Settings,
)
from monitor.anomaly.series import bucket_number
from monitor.anomaly.tail import ENOUGH, LEAST_THRESHOLD
from monitor.anomaly.tracker import WINDOW

# Rarer than this is more than a few months of scores can tell.
RAREST = timedelta(days=3650)
LARGEST_LOG = 700.0  # its exponential is still a float


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
    history = build(series, settings, number + 1)
    column = history.values.shape[1] - 1
    if column < 0:
        return [Missing(at, "there is no value") for _ in series]
    judged = _replay(history, column)
    return [_answer(history, judged, one, row, at) for row, one in enumerate(series)]


def replay(series: Sequence[Series], settings: Settings, since: datetime | None = None) -> Replay:
    """Judge every bucket from `since` to the end of the series, each from its past only."""
    history = build(series, settings)
    start = 0 if since is None else bucket_number(since, settings) - history.first_bucket
    return _replay(history, min(max(start, 0), history.values.shape[1]))


def _replay(history: History, start: int) -> Replay:
    status = history.status[:, start:]
    known = status >= Status.SMALL
    judged = status == Status.JUDGED
    tracker = history.tracker
    threshold = history.threshold[start:]
    low, high = _band(history, start)
    score = history.score[:, start:]
    rate = history.per_month(start)
    days = np.minimum(MONTH.days / np.maximum(rate, 1e-9), RAREST.days)
    return Replay(
        starts=history.calendar.starts[start:],
        value=history.values[:, start:],
        score=np.where(judged, score, np.nan),
        expected=np.where(known, history.expected(start, status.shape[1] + start), np.nan),
        low=np.where(known, low, np.nan),
        high=np.where(known, high, np.nan),
        is_anomaly=judged & (score > threshold),
        once_in_days=np.where(judged, days, np.nan),
        season=tracker.season[:, start:],
        threshold=threshold,
    )


def _band(history: History, start: int) -> tuple[Floats, Floats]:
    """Bound one bucket: threshold times the spread of its distance, echo included."""
    tracker = history.tracker
    center = tracker.center[:, start:]
    wide = tracker.spread[:, start:] / np.sqrt(1.0 - tracker.phi_then[:, start:] ** 2)
    # Without a tail only buckets too small to be judged are shown.
    threshold = np.nan_to_num(history.threshold[start:], nan=LEAST_THRESHOLD)
    reach = threshold * wide
    offset = history.offset[:, None]
    low = np.maximum(np.exp(center - reach) - offset, 0.0)
    high = np.maximum(np.exp(np.minimum(center + reach, LARGEST_LOG)) - offset, 0.0)
    return low, high


def _answer(
    history: History, judged: Replay, one: Series, row: int, at: datetime
) -> Point | Learning | Missing:
    column = history.values.shape[1] - 1
    status = Status(int(history.status[row, column]))
    if not np.isfinite(history.values[row, column]):
        return Missing(at, _why_missing(one, history, column))
    if status < Status.SMALL:
        return Learning(at, _why_learning(status, history, row, column))
    value, expected = float(judged.value[row, 0]), float(judged.expected[row, 0])
    once = judged.once_in_days[row, 0]
    return Point(
        at=at,
        value=value,
        expected=expected,
        low=float(judged.low[row, 0]),
        high=float(judged.high[row, 0]),
        deviation=_deviation(value, expected),
        score=float(np.nan_to_num(judged.score[row, 0])),
        is_anomaly=bool(judged.is_anomaly[row, 0]),
        once_in=timedelta(days=float(once)) if np.isfinite(once) else None,
        season=SEASONS[int(judged.season[row, 0])],
        note=_note(history, row, float(judged.expected[row, 0]), judged.is_anomaly[row, 0]),
    )


def _deviation(value: float, expected: float) -> float:
    if expected > 0:
        return value / expected - 1.0
    return float("inf") if value > 0 else 0.0


def _why_missing(one: Series, history: History, column: int) -> str:
    index = history.first_bucket + column - bucket_number(one.start, history.settings)
    if 0 <= index < len(one.values) and not np.isnan(one.values[index]):
        return f"the value {one.values[index]} is infinite or negative"
    return "there is no value"


def _why_learning(status: Status, history: History, row: int, column: int) -> str:
    settings, week = history.settings, history.calendar.week
    age = column - int(history.first[row])
    has = f"has {settings.bucket * age / timedelta(days=1):.0f} days of history"
    if status == Status.YOUNG_FOR_WEEKLY:
        need = settings.bucket * (WEEKS_OF_WEEKLY * week)
        return f"{has}; a weekly season needs {need.days}"
    if status == Status.YOUNG:
        need = settings.bucket * (WEEKS * week)
        return f"{has}; needs {need.days} (a weekly season {need.days * 3 // 2})"
    if status == Status.NO_TAIL:
        return f"{has}; the check needs {ENOUGH} runs of scores to know how rare one is"
    return f"{has}, but less than half of the buckets of the last {WEEKS} weeks have a value"


def _note(history: History, row: int, expected: float, is_anomaly: np.bool_) -> str:
    column = history.values.shape[1] - 1
    notes = []
    if history.status[row, column] == Status.SMALL:
        least = history.settings.min_value
        notes.append(f"expected {expected:.3g} is below min_value {least:.3g}: not judged")
    if is_anomaly and history.by_window[row, column]:
        notes.append(f"unusual as a shift over the last {WINDOW} buckets")
    if history.calendar.holiday[column]:
        notes.append("holiday: judged with a wider band")
    return "; ".join(notes)
