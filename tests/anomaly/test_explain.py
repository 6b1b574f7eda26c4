import numpy as np
import pytest

from monitor.anomaly.arrays import Floats
from monitor.anomaly.cube import Cube, Labels, cube
from monitor.anomaly.explain import Cell, causes, members

SLICES: list[Labels] = [
    (("model", f"m{m}"), ("region", f"r{r}"), ("variant", "AB"[v]))
    for m in range(6)
    for r in range(5)
    for v in range(2)
]
EXPECTED = np.array([1000.0 * (1 + i % 7) for i in range(len(SLICES))])


def told(values: Floats, alarm_from: float = 0.05) -> list[Labels]:
    """Name the causes when every cell that is this far below its expectation alarms."""
    tree = cube(SLICES)
    rolled = sums(tree, values), sums(tree, EXPECTED)
    groups = (
        (tree.labels, [tree.members(i) for i in range(len(tree.labels))], *rolled),
        (SLICES, [np.array([i]) for i in range(len(SLICES))], values, EXPECTED),
    )
    cells = [
        Cell(labels, leaves, value, usual, bool(value < (1 - alarm_from) * usual))
        for group in groups
        for labels, leaves, value, usual in zip(*group, strict=True)
    ]
    return [cells[i].labels for i in causes(cells, values, EXPECTED)]


def sums(tree: Cube, values: Floats) -> Floats:
    return tree.sums(values[:, None], np.zeros((len(values), 1)))[:, 0]


def dropped(share: float, **where: str) -> Floats:
    hit = np.array([set(where.items()) <= set(labels) for labels in SLICES])
    noise = np.random.default_rng(3).normal(1, 0.01, len(SLICES))
    return EXPECTED * noise * np.where(hit, 1 - share, 1.0)


@pytest.mark.parametrize(
    "where",
    [
        {"model": "m3"},
        {"variant": "B"},
        {"model": "m3", "variant": "B"},
        {"model": "m3", "region": "r1", "variant": "A"},
    ],
)
def test_one_cause_is_named_alone_at_its_own_level(where: dict[str, str]) -> None:
    assert told(dropped(0.3, **where)) == [tuple(sorted(where.items()))]


def test_what_falls_everywhere_is_the_total() -> None:
    assert told(dropped(0.2)) == [()]


def test_two_causes_are_both_named() -> None:
    values = np.minimum(dropped(0.3, model="m3"), dropped(0.3, model="m5"))
    assert sorted(told(values)) == [(("model", "m3"),), (("model", "m5"),)]


def test_nothing_alarming_has_no_cause() -> None:
    assert told(EXPECTED) == []


def test_the_slices_that_carry_a_gap_are_told_with_their_shares() -> None:
    values = dropped(0.5, model="m3", region="r1")
    found = members(SLICES, np.arange(len(SLICES)), values, EXPECTED)
    assert {dict(one.labels)["model"] for one in found} == {"m3"}
    assert sum(one.share for one in found) > 0.8


def test_a_gap_of_everybody_is_broad() -> None:
    assert members(SLICES, np.arange(len(SLICES)), dropped(0.2), EXPECTED) == []


def test_a_sum_of_which_much_is_missing_is_unknown_and_a_little_is_filled() -> None:
    tree = cube(SLICES)
    values = EXPECTED.copy()[:, None]
    values[0] = np.nan
    total = tree.sums(values, EXPECTED[:, None])[0, 0]
    assert total == pytest.approx(EXPECTED.sum())
    values[:20] = np.nan
    assert np.isnan(tree.sums(values, EXPECTED[:, None])[0, 0])


def test_two_slices_have_no_roll_ups() -> None:
    assert cube(SLICES[:2]).labels == ()


@pytest.mark.parametrize("values", [[7700.0, 6000.0], [7700.0, 0.0], [0.0, 0.0], [6000.0, 7900.0]])
def test_of_two_slices_that_fall_neither_hides_the_other(values: list[float]) -> None:
    """There is no total over two; what one of them has is nothing that all share."""
    usual, value = np.array([13_000.0, 13_600.0]), np.array(values)
    cells = [
        Cell((("model", name),), np.array([i]), value[i], usual[i], is_anomaly=True)
        for i, name in enumerate(("ctr", "cvr"))
    ]
    assert sorted(causes(cells, value, usual)) == [0, 1]


def test_slices_that_fall_are_told_where_another_makes_up_for_them_in_the_total() -> None:
    usual, value = np.full(3, 1000.0), np.array([440.0, 590.0, 1970.0])
    whole = Cell((), np.arange(3), 3000.0, 3000.0, is_anomaly=False)
    slices = [
        Cell((("model", str(i)),), np.array([i]), value[i], usual[i], bool(value[i] < 900))
        for i in range(3)
    ]
    assert sorted(causes([whole, *slices], value, usual)) == [1, 2]
