"""What is asked of a peer, with a stand-in for its package."""

import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import ModuleType

import numpy as np
import pytest

from monitor.anomaly.arrays import Floats
from monitor.anomaly.model import Series, Settings
from monitor.cli.peers import HISTORY_DAYS, judge

HOURLY = Settings(timedelta(hours=1), "UTC", "down", 1.0, 0.0)
START = datetime(2026, 1, 5, tzinfo=UTC)
forecasts: list[int] = []


@dataclass
class Yesterday:
    """Forecasts the last day once more; notes how many values it was given."""

    season_length: list[int]
    trend_forecaster: object

    def forecast(self, y: Floats, h: int, level: list[int]) -> dict[str, Floats]:
        forecasts.append(len(y))
        band = {f"{side}-{level[0]}": y[-h:] + by for side, by in (("lo", -1.0), ("hi", 1.0))}
        return {"mean": y[-h:], **band}


@pytest.fixture(autouse=True)
def _package(monkeypatch: pytest.MonkeyPatch) -> None:
    forecasts.clear()
    models = ModuleType("statsforecast.models")
    models.MSTL, models.AutoETS = Yesterday, dict  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "statsforecast", ModuleType("statsforecast"))
    monkeypatch.setitem(sys.modules, "statsforecast.models", models)


def test_a_day_alone_is_judged_as_in_its_whole_history() -> None:
    values = np.random.default_rng(1).normal(100.0, 10.0, 60 * 24)
    whole = judge("statsforecast", [Series((), START, values)], HOURLY)
    at = 50 * 24
    part = values[at - HISTORY_DAYS * 24 : at + 24]
    forecasts.clear()
    alone = judge("statsforecast", [Series((), START, part)], HOURLY, HISTORY_DAYS)
    assert forecasts == [HISTORY_DAYS * 24]
    np.testing.assert_array_equal(alone.score[0, -24:], whole.score[0, at : at + 24])
