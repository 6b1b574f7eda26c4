"""``--inject 20%x6h``: put drops (or rises) into the data, and say how many are found."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import click
import numpy as np

from monitor.anomaly.arrays import Bools, Floats
from monitor.anomaly.model import Series, Settings
from monitor.anomaly.replay import replay
from monitor.api.fields import parse_duration, parse_share

ENOUGH, MOST_ROUNDS = 60, 12
"""Injections are made until there are about so many, in at most so many replays."""

SEED = 20261124


@dataclass(frozen=True)
class Injection:
    """So large a change over so long a time. share: 0.2 is 20 %."""

    share: float
    width: timedelta

    @classmethod
    def of(cls, text: str, settings: Settings) -> "Injection":
        """Read ``20%x6h``; raise click.BadParameter for anything else, and for less than nothing.

        Where both directions are bad, drops are put in.
        """
        share, cross, width = text.partition("x")
        try:
            made = cls(parse_share(share), parse_duration(width))
        except ValueError as error:
            raise click.BadParameter(f"--inject {text}: {error}; write it as 20%x6h") from error
        if not cross or not made.share > 0 or made.width <= timedelta(0):
            raise click.BadParameter(f"--inject {text}: write it as 20%x6h")
        if made.share > 1 and settings.bad != "up":
            raise click.BadParameter(
                f"--inject {text}: nothing falls by more than 100%; for rises say --bad up"
            )
        return made


def power(
    series: Sequence[Series], settings: Settings, what: Injection, judged: Bools
) -> dict[str, Any]:
    """Replay with one injection in each slice at a time; return counts and the share found.

    judged: (slices, buckets) where a bucket could be judged. An injection is found by an alarm
    inside it; places that alarm without it are left out.
    """
    rng = np.random.default_rng(SEED)
    width = max(1, math.ceil(what.width / settings.bucket))
    clean = replay(series, settings).is_anomaly
    places = [_places(judged[row] & ~clean[row], width) for row in range(len(series))]
    usable = sum(len(place) > 0 for place in places)
    rounds = min(MOST_ROUNDS, math.ceil(ENOUGH / usable)) if usable else 0
    injected = found = 0
    for _ in range(rounds):
        at = [int(rng.choice(place)) if len(place) else -1 for place in places]
        changed = [
            replace(one, values=_changed(one.values, slice(begin, begin + width), what, settings))
            if begin >= 0
            else one
            for one, begin in zip(series, at, strict=True)
        ]
        alarms = replay(changed, settings).is_anomaly
        for row, begin in enumerate(at):
            if begin >= 0:
                injected += 1
                found += bool(alarms[row, begin : begin + width].any())
    return {
        "change": what.share,
        "buckets": width,
        "injected": injected,
        "found": found,
        "power": found / injected if injected else None,
    }


def _places(free: Bools, width: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return where a whole injection fits."""
    if len(free) < width:
        return np.zeros(0, dtype=np.int64)
    windows = np.lib.stride_tricks.sliding_window_view(free, width)
    return np.flatnonzero(windows.all(axis=1))


def _changed(values: Floats, part: slice, what: Injection, settings: Settings) -> Floats:
    changed = values.copy()
    factor = 1.0 + what.share if settings.bad == "up" else 1.0 - what.share
    moved = changed[part] * factor
    whole = changed[part] == np.round(changed[part])
    changed[part] = np.where(whole, np.round(moved), moved)
    return changed
