"""What the detector would have said of many buckets of the past: one pass over history."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from monitor.anomaly.model import SEASONS, Learning, Missing, Point, Replay, Series, Settings
from monitor.anomaly.replay import replay


def judge_past(
    series: Sequence[Series], settings: Settings, buckets: Sequence[datetime]
) -> Iterator[list[Point | Learning | Missing]]:
    """Judge buckets, oldest first, each from its own past; the order of `series` in each list."""
    if not series or not buckets:
        yield from ([] for _ in buckets)
        return
    past = replay(series, settings, buckets[0])
    columns = {start: number for number, start in enumerate(past.starts)}
    for at in buckets:
        yield [_at(past, row, columns.get(at), at) for row in range(len(series))]


def _at(past: Replay, row: int, column: int | None, at: datetime) -> Point | Learning | Missing:
    if column is None or math.isnan(past.value[row, column]):
        return Missing(at, "there is no value")
    value, score = float(past.value[row, column]), float(past.score[row, column])
    if math.isnan(score):
        return Learning(at, "not enough history before it")
    expected = float(past.expected[row, column])
    days = float(past.once_in_days[row, column])
    return Point(
        at=at,
        value=value,
        expected=expected,
        low=float(past.low[row, column]),
        high=float(past.high[row, column]),
        deviation=_deviation(value, expected),
        score=score,
        is_anomaly=bool(past.is_anomaly[row, column]),
        once_in=None if math.isnan(days) else timedelta(days=days),
        season=SEASONS[int(past.season[row, column])],
        note="",
    )


def _deviation(value: float, expected: float) -> float:
    if expected:
        return value / expected - 1
    return math.inf if value else 0.0
