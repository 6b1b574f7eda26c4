"""``--peer``: other detectors on the same data, each from an extra of its own.

A peer forecasts each day from the days before it, as its users run it once a night, and gives a
band; the score is the distance from the middle in half widths. Its alarms are what its own
documentation calls unusual: no peer takes a number of false alarms.
"""

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from monitor.anomaly.arrays import Bools, Floats
from monitor.anomaly.model import DAY, Series, Settings
from monitor.api.errors import MissingExtraError

WIDTH = 0.99
"""The band of the best-known rule, a Prophet forecast at 99 %."""

HISTORY_DAYS, LEAST_DAYS = 42, 14


@dataclass(frozen=True)
class Judgement:
    """What a peer says: each (slices, buckets), NaN where it has no forecast."""

    expected: Floats
    low: Floats
    high: Floats
    score: Floats
    is_anomaly: Bools


Band = tuple[Floats, Floats, Floats]


@dataclass(frozen=True)
class Night:
    """One forecast: the past of a series, and the buckets to tell."""

    past: Floats
    before: list[datetime]
    ahead: list[datetime]
    day: int


Forecast = Callable[[Any, Night], Band]


def peers() -> tuple[str, ...]:
    """Return the names."""
    return tuple(_PEERS)


def judge(
    name: str, series: Sequence[Series], settings: Settings, least_days: int = LEAST_DAYS
) -> Judgement:
    """Let a peer judge all buckets, a day at a time, after so many days.

    Raise MissingExtraError without its package.
    """
    forecast, module, extra = _PEERS[name]
    try:
        package = importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"--peer {name}", extra) from error
    day = max(1, round(DAY / settings.bucket))
    shape = len(series), max((len(one.values) for one in series), default=0)
    expected, low, high = (np.full(shape, np.nan) for _ in range(3))
    for row, one in enumerate(series):
        for at in range(least_days * day, len(one.values), day):
            past = one.values[max(0, at - HISTORY_DAYS * day) : at]
            if np.isfinite(past).sum() < LEAST_DAYS * day // 2:
                continue
            ahead = min(day, len(one.values) - at)
            before = _moments(one, settings, at - len(past), len(past))
            band = forecast(package, Night(past, before, _moments(one, settings, at, ahead), day))
            for kept, line in zip((expected, low, high), band, strict=True):
                kept[row, at : at + ahead] = line
    return _judged(series, settings, (expected, low, high))


def _judged(series: Sequence[Series], settings: Settings, band: Band) -> Judgement:
    expected, low, high = band
    values = np.full(expected.shape, np.nan)
    for row, one in enumerate(series):
        values[row, : len(one.values)] = one.values
    half = np.maximum(0.5 * (high - low), 1e-9)
    away = (values - expected) / half
    sign = {"down": -away, "up": away, "both": np.abs(away)}[settings.bad]
    score = np.where(np.isfinite(values), np.maximum(sign, 0.0), np.nan)
    with np.errstate(invalid="ignore"):
        return Judgement(expected, low, high, score, score > 1.0)


def _moments(one: Series, settings: Settings, begin: int, count: int) -> list[datetime]:
    return [(one.start + settings.bucket * (begin + i)).replace(tzinfo=None) for i in range(count)]


def _prophet(package: Any, night: Night) -> Band:
    frame = importlib.import_module("pandas").DataFrame
    model = package.Prophet(interval_width=WIDTH, daily_seasonality=night.day > 1)
    model.fit(frame({"ds": night.before, "y": night.past}))
    found = model.predict(frame({"ds": night.ahead}))
    return found["yhat"].values, found["yhat_lower"].values, found["yhat_upper"].values  # arrays


def _statsforecast(_package: Any, night: Night) -> Band:
    models = importlib.import_module("statsforecast.models")
    seasons = [night.day, 7 * night.day] if night.day > 1 else [7]
    known = np.flatnonzero(np.isfinite(night.past))
    filled = np.interp(np.arange(len(night.past)), known, night.past[known])
    model = models.MSTL(season_length=seasons, trend_forecaster=models.AutoETS(model="ZZN"))
    level = round(100 * WIDTH)
    found = model.forecast(y=filled, h=len(night.ahead), level=[level])
    return found["mean"], found[f"lo-{level}"], found[f"hi-{level}"]


_PEERS: dict[str, tuple[Forecast, str, str]] = {
    "prophet": (_prophet, "prophet", "prophet"),
    "statsforecast": (_statsforecast, "statsforecast", "statsforecast"),
}
