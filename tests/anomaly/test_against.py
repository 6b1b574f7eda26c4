"""Variants against control: what moves both is nobody's alarm, what moves one shows earlier."""

from dataclasses import replace

import numpy as np
import pytest

from monitor.anomaly.arrays import Floats
from monitor.anomaly.cube import Labels
from monitor.anomaly.model import Settings
from monitor.anomaly.series import bucket_number
from monitor.anomaly.watch import Watch
from tests.anomaly.world import START, settings
from tests.platform.stack.available import must_have_all

SEEDS = range(3 if must_have_all() else 1)
DAYS = 30
HOUR = 28 * 24 + 9
SLICES: list[Labels] = [
    (("model", f"m{m}"), ("variant", variant)) for m in range(3) for variant in "AB"
]
OF_B = [i for i, labels in enumerate(SLICES) if dict(labels)["variant"] == "B"]
PLAIN = settings(budget=0.5)
ASKED = replace(PLAIN, control=("variant", "A"))
B: Labels = (("variant", "B"),)
AGAINST: Labels = (("against", "A"), ("variant", "B"))


def shared(seed: int) -> Floats:
    """Draw slices that share a noise of 4 % with memory, and have 1 % of their own."""
    rng = np.random.default_rng(seed)
    hours = np.arange(DAYS * 24)
    common = np.zeros(len(hours))
    for n in hours[1:]:
        common[n] = 0.7 * common[n - 1] + rng.normal(0, 0.028)
    own = rng.normal(0, 0.01, (len(SLICES), len(hours)))
    wave = 0.5 * np.cos(2 * np.pi * hours / 24)
    return rng.poisson(20_000 * np.exp(wave + common + own)).astype(np.float64)


def causes(values: Floats, asked: Settings, hours: int = 6, **more: Floats) -> set[Labels]:
    """Return all that is told as a cause within some hours."""
    watch = Watch(asked, SLICES)
    first = bucket_number(START, asked)
    sizes = more.get("sizes")
    watch.advance(first, values[:, :HOUR], None if sizes is None else sizes[:, :HOUR])
    found: set[Labels] = set()
    for hour in range(HOUR, HOUR + hours):
        now = slice(hour, hour + 1)
        watch.advance(first + hour, values[:, now], None if sizes is None else sizes[:, now])
        cells = watch.cells()
        found.update(cells[i].labels for i in watch.causes(cells, 5))
    return found


def fallen(values: Floats, rows: list[int], share: float) -> Floats:
    changed = values.copy()
    changed[rows, HOUR : HOUR + 6] = np.round((1 - share) * changed[rows, HOUR : HOUR + 6])
    return changed


@pytest.mark.long
@pytest.mark.parametrize("seed", SEEDS)
def test_a_small_fall_of_one_variant_is_found_against_control_only(seed: int) -> None:
    values = fallen(shared(seed), OF_B, 0.07)
    assert AGAINST in causes(values, ASKED)
    assert B not in causes(values, PLAIN)


@pytest.mark.long
@pytest.mark.parametrize("seed", SEEDS)
def test_what_moves_both_is_no_alarm_of_the_variant(seed: int) -> None:
    values = fallen(shared(seed), list(range(len(SLICES))), 0.3)
    assert causes(values, ASKED) == {()}


@pytest.mark.long
def test_a_fall_of_control_is_no_rise_of_the_variant() -> None:
    of_a = [i for i in range(len(SLICES)) if i not in OF_B]
    values = shared(1)
    values[of_a, HOUR:] = np.round(0.7 * values[of_a, HOUR:])
    for bad in ("both", "up"):
        assert AGAINST not in causes(values, replace(ASKED, bad=bad), hours=40)


@pytest.mark.long
def test_what_is_told_are_the_numbers_of_the_variant() -> None:
    values = fallen(shared(0), OF_B, 0.2)
    watch = Watch(ASKED, SLICES)
    watch.advance(bucket_number(START, ASKED), values[:, : HOUR + 3])
    (cell,) = [one for one in watch.cells() if one.labels == AGAINST]
    assert cell.value == values[OF_B, HOUR + 2].sum()
    assert cell.value / cell.expected == pytest.approx(0.8, abs=0.03)
    assert cell.leaves.tolist() == OF_B


@pytest.mark.long
def test_two_variants_without_any_roll_up_are_compared_all_the_same() -> None:
    values = shared(0)[:2]
    values[1, HOUR:] = np.round(0.9 * values[1, HOUR:])
    watch = Watch(ASKED, [(("variant", "A"),), (("variant", "B"),)])
    watch.advance(bucket_number(START, ASKED), values[:, : HOUR + 3])
    cells = watch.cells()
    assert [cells[i].labels for i in watch.causes(cells, 5)] == [AGAINST]


@pytest.mark.long
def test_an_accepted_variant_moves_its_slices() -> None:
    values = fallen(shared(0), OF_B, 0.2)
    watch = Watch(ASKED, SLICES)
    watch.advance(bucket_number(START, ASKED), values[:, : HOUR + 3])
    shift = watch.shift_of(AGAINST)
    assert shift is not None
    assert shift.leaves.tolist() == OF_B
    assert shift.by == pytest.approx(np.log(0.8), abs=0.04)


@pytest.mark.long
def test_a_rate_is_compared_as_a_rate() -> None:
    sizes = shared(2)
    opted = np.random.default_rng(4).binomial(sizes.astype(int), 0.1).astype(float)
    opted[OF_B, HOUR : HOUR + 6] = np.round(1.3 * opted[OF_B, HOUR : HOUR + 6])
    asked = replace(ASKED, bad="up", min_value=500)
    assert AGAINST in causes(opted, asked, sizes=sizes)
    assert AGAINST not in causes(opted, replace(asked, min_value=1e9), sizes=sizes)


@pytest.mark.long
def test_a_variant_below_the_least_value_is_not_judged() -> None:
    values = fallen(shared(0), OF_B, 0.5)
    assert AGAINST not in causes(values, replace(ASKED, min_value=1e9))


def test_without_the_dimension_there_is_nothing_to_compare() -> None:
    watch = Watch(replace(PLAIN, control=("arm", "A")), SLICES)
    assert len(watch.layers) == 2
