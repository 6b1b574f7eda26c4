"""Seeded synthetic series for the tests of this folder."""

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Literal

import numpy as np

from monitor.anomaly.arrays import Floats
from monitor.anomaly.model import Replay, Series, Settings
from monitor.anomaly.replay import replay

START = datetime(2026, 1, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)


def settings(
    bad: Literal["down", "up", "both"] = "down",
    *,
    budget: float = 1.0,
    min_value: float = 0.0,
    bucket: timedelta = HOUR,
    timezone: str = "UTC",
) -> Settings:
    """Return settings with the defaults of the tests."""
    return Settings(bucket, timezone, bad, budget, min_value)


def business(slices: int, days: int, volume: float = 5000.0, seed: int = 7) -> Floats:
    """Draw hourly counts with a day, a weekend and 3 % noise; shape (slices, days * 24)."""
    rng = np.random.default_rng(seed)
    hours = np.arange(days * 24)
    wave = 0.6 * np.cos(2 * np.pi * (hours % 24) / 24 + rng.uniform(0, 6, (slices, 1)))
    weekend = -0.3 * ((hours // 24 % 7) >= 5)
    rate = volume * np.exp(wave + weekend + rng.normal(0, 0.03, (slices, len(hours))))
    return rng.poisson(rate).astype(np.float64)


def series(values: Floats) -> list[Series]:
    """Turn rows of a matrix into slices that start at START."""
    return [Series((("slice", str(i)),), START, row) for i, row in enumerate(values)]


def at(hour: int) -> datetime:
    """Return the start of the bucket with this number."""
    return START + hour * HOUR


@cache
def undisturbed(slices: int, days: int, bad: Literal["down", "up", "both"] = "down") -> Replay:
    """Judge `business` as it was drawn: what several tests compare with, reckoned once."""
    return replay(series(business(slices, days)), settings(bad), START)
