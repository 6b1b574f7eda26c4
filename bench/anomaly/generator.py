"""Realistic business series, drawn from a seed: the noise model of these benches, not of your data.

The rate of a series of mean volume v (per hour) is, with independent parts and h = 0, 1, ...
hours since Monday 2026-01-05 00:00 UTC,

    v * exp(day(h) + weekend(h) + trend(h) + noise(h) + day_effect(day of h) + launch(h)
            + holiday(day of h))

and the value is a Poisson draw of it.

| part | how |
|---|---|
| day | two harmonics of the hour, amplitudes 0.3..0.8 and 0.05..0.3, random phases |
| weekend | a level of -0.4..0.2 and another shape (a first harmonic of 0..0.25) |
| trend | log of 0.9..1.3 per 90 days, straight |
| noise | AR(1), coefficient 0.7, standard deviation 3 %; normal, or Student t with 5 degrees |
| day effect | normal, 2 %, one a day |
| launches | 30 % of series have one: a shift of +-15 % that stays |
| holidays | three days in common, each series at -30 %..-50 % |
| gaps | 0.5 % of buckets are missing, and one run of 8 hours in each series |
| late data | `arrival`: the share of a bucket that is there at each age |

`hourly` gives a matrix of independent series, `daily` the same world in whole days (the sum of its
hours, without gaps inside a day), `crossed` the slices of one metric (models x variants x regions)
that share most of their noise. `drop`, `spike` and `leak` return changed copies of values. The same
seed gives the same numbers; nothing reads a clock.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import numpy as np

from monitor.anomaly.arrays import Floats, Ints
from monitor.anomaly.model import Series

START = datetime(2026, 1, 5, tzinfo=UTC)
VOLUMES = (50.0, 500.0, 5_000.0, 50_000.0)
DAY = 24
WARM_UP_DAYS = 45
LEAK_DAYS = 10
PHI, NOISE_SD, DAY_SD = 0.7, 0.03, 0.02


@dataclass(frozen=True)
class World:
    """One metric of many slices.

    values: (slices, buckets), NaN missing. volume: (slices,) mean per hour. launch: (slices,)
    bucket of the launch, the number of buckets without one. holidays: indices of days. labels: one
    set per slice. per_day: buckets in a day.
    """

    values: Floats
    volume: Floats
    launch: Ints
    holidays: tuple[int, ...]
    labels: tuple[tuple[tuple[str, str], ...], ...]
    per_day: int = DAY

    @property
    def dates(self) -> frozenset[date]:
        """The holidays as dates."""
        return frozenset((START + timedelta(days=int(day))).date() for day in self.holidays)

    def series(self, values: Floats | None = None) -> list[Series]:
        """Return the slices as the detector takes them, with other values if given."""
        matrix = self.values if values is None else values
        return [Series(one, START, row) for one, row in zip(self.labels, matrix, strict=True)]


@dataclass(frozen=True)
class Recipe:
    """What a world is made of.

    tail: degrees of freedom of Student's t, None for normal noise. alike: the first so many of each
    volume live the same week.
    """

    each: int = 10
    days: int = 126
    volumes: tuple[float, ...] = VOLUMES
    tail: int | None = None
    holidays: int = 3
    launches: float = 0.3
    missing: float = 0.005
    gap: int = 8
    warm_up: int = WARM_UP_DAYS
    alike: int = 0


def hourly(seed: int, recipe: Recipe = Recipe()) -> World:
    """Draw `each` independent series of each volume."""
    rng = np.random.default_rng(seed)
    days = np.arange(recipe.warm_up + 2, recipe.days - 2)
    holidays = tuple(sorted(int(d) for d in rng.choice(days, recipe.holidays, replace=False)))
    volume = np.repeat(recipe.volumes, recipe.each)
    count, hours = len(volume), recipe.days * DAY
    shape = season(rng, count, hours)
    shape[np.arange(count) % recipe.each < recipe.alike] = shape[0]
    log_rate = np.log(volume)[:, None] + shape + trend(rng, count, hours)
    log_rate += noise(rng, count, hours, recipe.tail)
    log_rate += np.repeat(rng.normal(0, DAY_SD, (count, recipe.days)), DAY, axis=1)
    for day in holidays:
        effect = np.log(rng.uniform(0.5, 0.7, count))
        log_rate[:, day * DAY : (day + 1) * DAY] += effect[:, None]
    launch = _launches(rng, count, hours, recipe.launches)
    shift = np.log(rng.choice([0.85, 1.15], count))
    log_rate += np.where(np.arange(hours) >= launch[:, None], shift[:, None], 0.0)
    values = rng.poisson(np.exp(log_rate)).astype(np.float64)
    values[rng.random(values.shape) < recipe.missing] = np.nan
    if recipe.gap:
        for row, at in enumerate(rng.integers(30 * DAY, hours - DAY, count)):
            values[row, at : at + recipe.gap] = np.nan
    labels = tuple((("slice", f"{row:04d}"),) for row in range(count))
    return World(values, volume, launch, holidays, labels)


def daily(seed: int, recipe: Recipe = Recipe(each=50, days=182)) -> World:
    """Draw the same world in whole days; a missing day is a whole one."""
    world = hourly(seed, replace(recipe, missing=0.0, gap=0))
    values = world.values.reshape(len(world.values), -1, DAY).sum(axis=2)
    rng = np.random.default_rng([seed, 1])
    values[rng.random(values.shape) < recipe.missing] = np.nan
    return replace(world, values=values, launch=world.launch // DAY, per_day=1)


def crossed(seed: int, sizes: tuple[int, int, int] = (20, 4, 25), days: int = 84) -> World:
    """Draw models x variants x regions of one metric.

    All slices share season, trend and a common noise of 2 %; each model, variant and region adds
    1 % of its own, each slice 2 % and its Poisson noise. Models differ by a factor up to ten,
    regions by up to twenty.
    """
    rng = np.random.default_rng(seed)
    hours = days * DAY
    names = [(m, v, r) for m in range(sizes[0]) for v in range(sizes[1]) for r in range(sizes[2])]
    member = np.array(names)
    size = [
        np.exp(rng.uniform(0, np.log(most), n)) for most, n in zip((10, 1, 20), sizes, strict=True)
    ]
    volume = 40.0 * np.prod([size[k][member[:, k]] for k in range(3)], axis=0)
    common = season(rng, 1, hours) + trend(rng, 1, hours) + noise(rng, 1, hours, None) * (2 / 3)
    log_rate = np.log(volume)[:, None] + common
    for k in range(3):
        log_rate += (noise(rng, sizes[k], hours, None) / 3)[member[:, k]]
    log_rate += noise(rng, len(names), hours, 5) * (2 / 3)
    values = rng.poisson(np.exp(log_rate)).astype(np.float64)
    labels = tuple(
        (("model", f"m{m:02d}"), ("region", f"r{r:02d}"), ("variant", "ABCDEFGH"[v]))
        for m, v, r in names
    )
    return World(values, volume, np.full(len(names), hours), (), labels)


def season(rng: np.random.Generator, count: int, hours: int) -> Floats:
    """Draw the logarithm of the weekly shape, (count, hours)."""
    hour = np.arange(hours)
    angle = 2 * np.pi * (hour % DAY) / DAY

    def wave(k: int, low: float, high: float) -> Floats:
        size, phase = rng.uniform(low, high, (count, 1)), rng.uniform(0, 2 * np.pi, (count, 1))
        drawn: Floats = size * np.cos(k * angle - phase)
        return drawn

    weekend = (hour // DAY) % 7 >= 5
    level = rng.uniform(-0.4, 0.2, (count, 1))
    shape: Floats = wave(1, 0.3, 0.8) + wave(2, 0.05, 0.3) + weekend * (level + wave(1, 0.0, 0.25))
    return shape


def trend(rng: np.random.Generator, count: int, hours: int) -> Floats:
    """Draw a straight trend, (count, hours)."""
    slope: Floats = np.log(rng.uniform(0.9, 1.3, (count, 1))) * np.arange(hours) / (90 * DAY)
    return slope


def noise(rng: np.random.Generator, count: int, hours: int, tail: int | None) -> Floats:
    """Draw AR(1) noise of standard deviation NOISE_SD, (count, hours)."""
    sd = NOISE_SD * np.sqrt(1 - PHI**2)
    if tail is None:
        steps = rng.normal(0, sd, (count, hours))
    else:
        steps = rng.standard_t(tail, (count, hours)) * sd / np.sqrt(tail / (tail - 2))
    drawn = np.empty((count, hours))
    state = rng.normal(0, NOISE_SD, count)
    for i in range(hours):
        state = PHI * state + steps[:, i]
        drawn[:, i] = state
    return drawn


def _launches(rng: np.random.Generator, count: int, hours: int, share: float) -> Ints:
    at = rng.integers(30 * DAY, hours - 14 * DAY, count)
    return np.where(rng.random(count) < share, at, hours).astype(np.int64)


def drop(values: Floats, rows: Ints, at: Ints, width: int, share: float) -> Floats:
    """Take away a share of `width` buckets from `at` on, one place for each row in `rows`."""
    changed = values.copy()
    span = at[:, None] + np.arange(width)
    changed[rows[:, None], span] = np.round(changed[rows[:, None], span] * (1 - share))
    return changed


def spike(values: Floats, rows: Ints, at: Ints, share: float) -> Floats:
    """Add a share to one bucket of each row."""
    return drop(values, rows, at, 1, -share)


def leak(values: Floats, rows: Ints, at: Ints, per_day: int, share: float) -> Floats:
    """Take away `share` more every day, for LEAK_DAYS days; nothing comes back."""
    changed = values.copy()
    for row, start in zip(rows, at, strict=True):
        age = np.arange(values.shape[1] - start) // per_day + 1
        factor = (1 - share) ** np.minimum(age, LEAK_DAYS)
        changed[row, start:] = np.round(changed[row, start:] * factor)
    return changed


def arrival(age_hours: Floats | float, slow: float = 3.0) -> Floats:
    """Return the share of a bucket that has arrived so long after its end.

    Half is there at once, the rest decays with a time constant of `slow` / 5 hours; after 15
    minutes 61 %, after `slow` hours 99.7 %.
    """
    age = np.asarray(age_hours, dtype=np.float64)
    share: Floats = np.where(age < 0, 0.0, 1.0 - 0.5 * np.exp(-age / (slow / 5)))
    return share
