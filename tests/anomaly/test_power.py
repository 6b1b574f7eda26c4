"""The promises of the detector, on few seeds all day and on many in CI."""

import numpy as np
import pytest

from bench.anomaly import generator, power, ratios
from tests.often import IN_CI

pytestmark = pytest.mark.long  # replays of whole worlds take seconds; test_detector has small ones
SEEDS = (701, 702, 703, 704) if IN_CI else (701,)


@pytest.fixture(scope="module")
def hourly() -> power.Found:
    found: power.Found = {}
    for seed in SEEDS:
        world = generator.hourly(seed)
        clean = power.counted(world, power.ours(world, world.values, 1.0))
        rate = float(np.mean(power.false_alarms(world, clean)))
        assert 0.5 <= rate <= 2.0, f"seed {seed}: {rate:.2f} false alarms per series and month"
        for share in (0.1, 0.2, 0.4):
            hits = power.drops(power.ours, world, clean, seed, share)
            for volume, hit in zip(world.volume, hits, strict=True):
                found.setdefault((f"{share:.0%}", float(volume)), []).append(bool(hit))
        leaks = power.leaks(power.ours, world, seed)
        for volume, hit in zip(world.volume, leaks, strict=True):
            found.setdefault(("leak", float(volume)), []).append(bool(hit))
    return found


def share(found: power.Found, what: str, least: float) -> float:
    hits = [
        hit
        for (name, volume), all_ in found.items()
        for hit in all_
        if name == what and volume >= least
    ]
    return float(np.mean(hits))


def test_large_series_show_a_drop_of_a_tenth_mostly_and_of_a_fifth_always(
    hourly: power.Found,
) -> None:
    assert share(hourly, "10%", 5000) >= 0.6
    assert share(hourly, "20%", 5000) >= 0.99


def test_a_drop_by_two_fifths_is_found_in_all_but_the_smallest_series(hourly: power.Found) -> None:
    # At 50 an hour, in the night, one of some hundred is missed: docs/explanation has the figures.
    assert share(hourly, "40%", 0) >= (0.99 if IN_CI else 1.0)
    assert share(hourly, "40%", 500) >= 0.99


def test_a_leak_of_two_percent_a_day_is_found_within_five_days(hourly: power.Found) -> None:
    assert share(hourly, "leak", 500) >= (0.9 if IN_CI else 0.8)


def test_a_drop_of_one_day_is_found_in_daily_numbers() -> None:
    recipe = generator.Recipe(each=25 if IN_CI else 10, days=160)
    world = generator.daily(705, recipe)
    clean = power.counted(world, power.ours(world, world.values, 1.0))
    assert 0.5 <= float(np.mean(power.false_alarms(world, clean))) <= 2.0
    tenth, fifth = (power.drops(power.ours, world, clean, 705, drop) for drop in (0.1, 0.2))
    assert float(np.mean(tenth)) >= 0.7
    assert float(np.mean(fifth)) >= 0.97


@pytest.mark.parametrize("seed", SEEDS)
def test_rates_and_variants_against_control_stay_within_their_budget(seed: int) -> None:
    per_series, _ = ratios.rate(seed)
    assert 0.4 <= float(np.mean(per_series)) <= 2.0
    alarms, pairs = ratios.pairs(seed)
    assert 0.25 <= alarms / pairs <= 2.0
