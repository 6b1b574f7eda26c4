from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from monitor.api import NoData, NotYet, Sample, Table, labels_of
from monitor.kinds.experiment import Experiment

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
CHECK = Experiment(
    id="ranker-v3",
    query="select * from ranker_v3",
    split={"A": 0.5, "B": 0.5},
    control="A",
    metrics={
        "opt_outs": {"bad": "up"},
        "revenue": {"bad": "down", "squares": "revenue_sq"},
    },
)
HARM = labels_of({"metric": "opt_outs", "variant": "B"})


def table(*rows: tuple[object, ...]) -> Table:
    """Return rows of t, variant, users, opt_outs, revenue, revenue_sq."""
    names = ("t", "variant", "users", "opt_outs", "revenue", "revenue_sq")
    columns = zip(*rows, strict=True) if rows else ((),) * len(names)
    return Table(observed_at=NOW, columns=dict(zip(names, columns, strict=True)))


def days(
    opt_outs: float = 0.01, users_b: int = 20_000, revenue: float = 2.0, count: int = 5
) -> Table:
    rows: list[tuple[object, ...]] = []
    for day in range(count):
        at = NOW - timedelta(days=count - day)
        rows.append((at, "A", 20_000, 200, 40_000.0, 160_000.0))
        square = users_b * (revenue**2 + 4.0)
        rows.append((at, "B", users_b, users_b * opt_outs, users_b * revenue, square))
    return table(*rows)


def by_slice(answer: Table) -> dict[object, Sample | NotYet | NoData]:
    return {one.slice: one for one in CHECK.measure([answer], NOW)}


def test_a_sound_experiment_breaches_nothing_and_says_how_long_it_still_takes() -> None:
    found = by_slice(days(count=1))
    assert all(isinstance(one, Sample) and one.is_noise for one in found.values())
    harm = found[HARM]
    assert isinstance(harm, Sample)
    assert harm.evidence["verdict"] == "undecided"
    assert 0 < harm.evidence["days_left"] < 60


def test_more_opt_outs_in_a_variant_are_harm_with_a_band() -> None:
    found = by_slice(days(opt_outs=0.013))[HARM]
    assert isinstance(found, Sample)
    assert not found.is_noise
    assert found.value == pytest.approx(0.3)
    assert 0 < found.evidence["low"] < 0.3 < found.evidence["high"]


def test_less_revenue_is_harm_and_more_is_not() -> None:
    slice_ = labels_of({"metric": "revenue", "variant": "B"})
    less, more = (by_slice(days(revenue=value))[slice_] for value in (1.8, 2.2))
    assert isinstance(less, Sample)
    assert isinstance(more, Sample)
    assert (less.is_noise, more.is_noise) == (False, True)
    assert less.value == pytest.approx(0.1)
    assert more.evidence["verdict"] == "better than control"


@pytest.mark.parametrize("revenue", [1.9, 1.8, 1.5, 1.0, 0.5, 0.01])
def test_harm_of_any_size_is_harm(revenue: float) -> None:
    found = by_slice(days(revenue=revenue))[labels_of({"metric": "revenue", "variant": "B"})]
    assert isinstance(found, Sample)
    assert found.evidence["verdict"] == "worse than control"
    assert not found.is_noise
    better = by_slice(days(opt_outs=0.01 * revenue / 2.0))[HARM]
    assert isinstance(better, Sample)
    assert better.is_noise


def test_no_metric_is_decided_on_a_broken_split() -> None:
    found = by_slice(days(opt_outs=0.02, users_b=18_000))
    mismatch = found[()]
    assert isinstance(mismatch, Sample)
    assert not mismatch.is_noise
    assert mismatch.evidence["verdict"] == "the split is broken"
    harm = found[HARM]
    assert isinstance(harm, NotYet)
    assert "the split is broken" in harm.reason


def test_a_split_that_was_broken_once_stays_broken() -> None:
    early = [(NOW - timedelta(days=9), "A", 1000, 10, 2000, 8000)]
    broken = [(NOW - timedelta(days=9), "B", 2000, 20, 4000, 16000)]
    mended = [(NOW - timedelta(days=8), "A", 1000, 10, 2000, 8000)]
    found = by_slice(table(*early, *broken, *mended))
    mismatch = found[()]
    assert isinstance(mismatch, Sample)
    assert not mismatch.is_noise
    assert mismatch.value == pytest.approx(0.0)


@pytest.mark.parametrize("bad", [None, float("nan"), float("inf"), -5])
def test_units_that_are_no_count_are_left_out(bad: object) -> None:
    rows = [(NOW, "A", bad, 1, 1, 1), (NOW, "B", bad, 1, 1, 1), (NOW, "C", 5, 1, 1, 1)]
    assert list(CHECK.measure([table(*rows)], NOW)) == [NoData("no units in any variant")]


def edited(answer: Table, column: str, *cells: object) -> Table:
    """Return an answer with other first cells of a column."""
    kept = answer.columns[column][len(cells) :]
    return Table(observed_at=NOW, columns={**answer.columns, column: (*cells, *kept)})


@pytest.mark.parametrize("bad", [None, float("nan"), float("inf"), -5, 1e300])
def test_a_row_without_a_count_lets_nothing_be_decided(bad: float | None) -> None:
    """Left out, it would look like a split that is broken."""
    found = by_slice(edited(days(opt_outs=0.013), "users", 20_000, bad))
    assert set(map(type, found.values())) == {NotYet}
    reasons = {one.reason for one in found.values() if isinstance(one, NotYet)}
    assert reasons == {"no decision: column 'users' holds no usable number in 1 rows of B"}


@pytest.mark.parametrize("bad", [None, float("nan"), float("inf")])
def test_a_number_that_is_missing_is_no_number_that_fell(bad: float | None) -> None:
    found = by_slice(edited(days(revenue=2.0), "revenue", 40_000.0, bad, 40_000.0, bad))
    revenue = found[labels_of({"metric": "revenue", "variant": "B"})]
    says = "no decision: column 'revenue' holds no usable number in 2 rows of B"
    assert revenue == NotYet(says, labels_of({"metric": "revenue", "variant": "B"}))
    assert isinstance(found[HARM], Sample)


@pytest.mark.parametrize(
    ("column", "cell", "says"),
    [
        ("opt_outs", 2e6, "2.0008e+06 opt_outs of 100000 units of A are no share; a mean needs"),
        ("opt_outs", -900, "-100 opt_outs of 100000 units of A are no share; a mean needs"),
        ("revenue_sq", -6e5, "column 'revenue_sq' is too small for sums of squares of A"),
    ],
)
def test_sums_that_cannot_be_are_said_and_decide_nothing(
    column: str, cell: float, says: str
) -> None:
    found = by_slice(edited(days(), column, cell))
    (said,) = [one.reason for one in found.values() if isinstance(one, NotYet)]
    assert said.startswith(f"no decision: {says}")


def test_units_of_a_variant_that_is_not_planned_are_in_the_evidence() -> None:
    found = by_slice(edited(days(), "variant", "A", "B", "C", "D"))[()]
    assert isinstance(found, Sample)
    assert found.evidence["not_planned"] == {"C": 20_000, "D": 20_000}
    many = [(NOW, f"X{n}", n, 0, 0.0, 0.0) for n in range(99)]
    found = by_slice(table((NOW, "A", 50, 1, 1, 1), (NOW, "B", 50, 1, 1, 1), *many))[()]
    assert isinstance(found, Sample)
    assert list(found.evidence["not_planned"]) == [f"X{n}" for n in range(98, 88, -1)]


def test_harm_of_which_control_has_nothing_is_found() -> None:
    nothing = edited(days(opt_outs=0.01), "opt_outs", *(0, 200) * 5)
    found = by_slice(nothing)[HARM]
    assert isinstance(found, Sample)
    assert (found.value, found.is_noise) == (1.0, False)
    assert found.evidence["standing"].startswith("opt_outs of B +100.0% against A (+")
    neither = by_slice(edited(nothing, "opt_outs", *(0, 0) * 5))[HARM]
    assert isinstance(neither, NotYet)


def test_no_units_at_all_are_no_data() -> None:
    rows = [(NOW, "A", 0, 0, 0, 0), (NOW, "B", 0, 0, 0, 0)]
    assert list(CHECK.measure([table(*rows)], NOW)) == [NoData("no units in any variant")]


def test_few_units_are_not_compared() -> None:
    found = by_slice(table((NOW, "A", 10, 1, 1, 1), (NOW, "B", 10, 1, 1, 1)))[HARM]
    assert isinstance(found, NotYet)


def test_a_ratio_of_two_numbers_uses_the_delta_method() -> None:
    ratio = {
        "bad": "down", "squares": "d2", "per": "sessions", "per_squares": "s2", "products": "ds",
    }  # fmt: skip
    check = CHECK.model_copy(
        update={
            "metrics": Experiment.model_validate(
                {**CHECK.model_dump(), "metrics": {"duration": ratio}}
            ).metrics
        }
    )
    columns = {
        "t": (NOW - timedelta(days=1),) * 2,
        "variant": ("A", "B"),
        "users": (10_000.0, 10_000.0),
        "duration": (90_000.0, 80_000.0),
        "d2": (1_000_000.0, 800_000.0),
        "sessions": (30_000.0, 30_000.0),
        "s2": (100_000.0, 100_000.0),
        "ds": (290_000.0, 260_000.0),
    }
    found = list(check.measure([Table(observed_at=NOW, columns=columns)], NOW))[1]
    assert isinstance(found, Sample)
    assert found.value == pytest.approx(1 / 9)
    assert not found.is_noise


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"split": {"A": 0.5, "B": 0.4}}, "adds up to 0.9"),
        ({"control": "C"}, "not in `split`"),
        ({"metrics": {"x": {"bad": "up", "per": "y"}}}, "needs `squares`"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(change: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Experiment.model_validate({**CHECK.model_dump(), **change})
