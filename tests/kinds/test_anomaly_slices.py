from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from pydantic import ValidationError

from monitor.anomaly.model import Settings
from monitor.anomaly.ready import Sighting
from monitor.anomaly.series import bucket_number
from monitor.api import Buckets, Measured, NoData, NotYet, Sample, Slices, labels_of
from monitor.kinds.anomaly import Anomaly
from tests.often import often

CASES = often(60, 1000)
HOUR = timedelta(hours=1)
DAYS = 30
NOW = datetime(2026, 11, 24, 3, 30, tzinfo=UTC)
CHECK = Anomaly(
    id="impressions-drop",
    query="select ...",
    value="impressions",
    bad="down",
    false_alarms_per_month=0.2,
)
SLICES = [labels_of({"model": m, "variant": v}) for m in ("ctr", "cvr", "watch") for v in "AB"]
FIRST = bucket_number(NOW, Settings(HOUR, "UTC", "down", 1.0, 0.0)) - DAYS * 24


def usual() -> np.ndarray:
    rng = np.random.default_rng(11)
    hours = np.arange(FIRST, FIRST + DAYS * 24)
    rate = 6000 * np.exp(0.5 * np.cos(2 * np.pi * hours / 24))
    return rng.poisson(rate * np.exp(rng.normal(0, 0.02, (len(SLICES), len(hours))))).astype(float)


def buckets(values: np.ndarray, **more: object) -> Buckets:
    """Return all buckets up to the one that ended at 03:00."""
    made = Buckets(observed_at=NOW, labels=tuple(SLICES), first=FIRST, values=values)
    return replace(made, **more)  # type: ignore[arg-type]  # fields by name


def measured(given: Buckets, now: datetime = NOW) -> list[Measured]:
    return list(CHECK.measure([given], now))


def alarms(found: list[Measured]) -> dict[object, Sample]:
    return {one.slice: one for one in found if isinstance(one, Sample) and not one.is_noise}


def dropped(share: float, *rows: int) -> np.ndarray:
    values = usual()
    values[list(rows), -1] = np.round(values[list(rows), -1] * (1 - share))
    return values


def test_a_drop_of_one_model_is_told_once_as_that_model_with_its_evidence() -> None:
    found = alarms(measured(buckets(dropped(0.4, 2, 3))))
    assert set(found) == {labels_of({"model": "cvr"})}
    (sample,) = found.values()
    assert sample.value == pytest.approx(0.4, abs=0.05)
    assert sample.evidence["since"] == "2026-11-24T02:00:00+00:00"
    assert sample.evidence["share"] == pytest.approx(1.0, abs=0.1)
    assert sample.evidence["slices"] == "broad"
    assert len(sample.evidence["chart"]["value"]) == 28 * 24
    assert sample.evidence["chart"]["mark"] == 28 * 24 - 1
    assert sample.evidence["last_week"] > 0


@pytest.mark.long
def test_a_drop_everywhere_is_the_total() -> None:
    assert set(alarms(measured(buckets(dropped(0.3, *range(6)))))) == {()}


@pytest.mark.long
def test_slices_and_roll_ups_are_all_told_so_that_alerts_can_end() -> None:
    told = {one.slice for one in measured(buckets(usual()))}
    wanted = {(), labels_of({"model": "ctr"}), labels_of({"variant": "B"}), *SLICES}
    assert wanted <= told


def test_a_bucket_that_the_source_has_not_finished_is_pending_whatever_is_in_it() -> None:
    rng = np.random.default_rng(5)
    memory: dict[str, object] = {}
    for _ in range(CASES):
        share = float(rng.uniform(0, 1))
        behind = NOW.replace(minute=0) - timedelta(minutes=float(rng.uniform(0.1, 59)))
        found = measured(buckets(dropped(share, *range(6)), watermark=behind, memory=memory))
        assert all(isinstance(one, NotYet) for one in found)
        assert not alarms(found)


def test_a_bucket_whose_data_used_to_come_later_is_pending() -> None:
    late = (Sighting(timedelta(minutes=20), 0.8),) * 40
    found = measured(buckets(dropped(0.2, *range(6)), sightings=late))
    assert all(isinstance(one, NotYet) for one in found)
    assert "used to be incomplete" in found[0].reason  # type: ignore[union-attr]  # NotYet


@pytest.mark.long
def test_a_dead_pipeline_is_no_data_everywhere_and_no_drop() -> None:
    values = usual()
    values[:, -3:] = np.nan
    found = measured(buckets(values))
    assert found
    assert all(isinstance(one, NoData) for one in found)


@pytest.mark.long
def test_a_slice_without_rows_does_not_pull_its_total_down() -> None:
    values = usual()
    values[3, -1] = np.nan
    values[3] *= 0.2
    found = {one.slice: one for one in measured(buckets(values))}
    assert isinstance(found[SLICES[3]], NoData)
    total = found[()]
    assert isinstance(total, Sample)
    assert total.is_noise
    assert total.value < 0.05


@pytest.mark.long
def test_a_restated_bucket_resolves_with_a_reason_and_a_worse_one_pages_nobody() -> None:
    memory: dict[str, object] = {}
    assert alarms(measured(buckets(dropped(0.4, 0), memory=memory)))
    again = measured(buckets(usual(), memory=memory))
    assert not alarms(again)
    notes = [one.evidence["note"] for one in again if isinstance(one, Sample)]
    assert any("restated" in str(note) for note in notes)
    worse: dict[str, object] = {}
    assert not alarms(measured(buckets(usual(), memory=worse)))
    assert not alarms(measured(buckets(dropped(0.5, 0), memory=worse)))


@pytest.mark.long
def test_an_accepted_level_is_normal_at_the_next_look() -> None:
    values = usual()
    values[2:4, -6:] = np.round(values[2:4, -6:] * 0.6)
    where = labels_of({"model": "cvr"})
    assert where in alarms(measured(buckets(values)))
    assert not alarms(measured(buckets(values, rebased={where: NOW})))


@pytest.mark.long
@pytest.mark.parametrize(
    ("min_value", "is_judged"), often([(50, True)], [(0, True), (50, True), (5000, False)])
)
def test_a_rate_is_judged_by_its_denominator_where_its_numerator_is_large_enough(
    min_value: float, *, is_judged: bool
) -> None:
    shown = usual()
    rng = np.random.default_rng(3)
    opted = rng.binomial(shown.astype(int), 0.02).astype(float)
    opted[1, -1] = np.round(2.2 * opted[1, -1])
    of_rate = {"bad": "up", "per": "impressions", "value": "opt_outs"}
    rising = CHECK.model_copy(update={**of_rate, "slices": Slices(min_value=min_value)})
    given = buckets(opted, sizes=shown)
    found = alarms(list(rising.measure([given], NOW)))
    assert set(found) == ({SLICES[1]} if is_judged else set())
    if is_judged:
        evidence = found[SLICES[1]].evidence
        assert evidence["value"] == pytest.approx(0.044, abs=0.008)
        # Of a rate, units are those of its numerator.
        usual_count = opted[1, -1] / 2.2
        assert evidence["lost"] == pytest.approx(-1.2 * usual_count, rel=0.2)
        assert evidence["lost_since"] == pytest.approx(evidence["lost"], rel=0.01)
        assert evidence["share"] == pytest.approx(1.0, abs=0.2)


@pytest.mark.long
def test_an_announced_launch_is_named_with_the_alarm() -> None:
    told = CHECK.model_copy(
        update={
            "events": Anomaly.model_validate(
                {**CHECK.model_dump(), "events": [{"at": "2026-11-24 01:00", "name": "ranker v3"}]}
            ).events
        }
    )
    found = alarms(list(told.measure([buckets(dropped(0.4, 2, 3))], NOW)))
    (sample,) = found.values()
    assert sample.evidence["launches"] == ["ranker v3 at 2026-11-24 01:00"]


AGAINST_A = CHECK.model_copy(update={"control": {"variant": "A"}, "false_alarms_per_month": 1.0})


@pytest.mark.long
def test_a_small_drop_of_one_variant_is_told_against_control() -> None:
    hours = np.arange(DAYS * 24)
    common = np.random.default_rng(8).normal(0, 0.06, len(hours))
    values = np.round(usual() * np.exp(common))
    values[1::2, -6:] = np.round(values[1::2, -6:] * 0.9)
    found = alarms(list(AGAINST_A.measure([buckets(values)], NOW)))
    against = labels_of({"against": "A", "variant": "B"})
    assert set(found) == {against}
    assert found[against].evidence["value"] == values[1::2, -1].sum()
    assert found[against].value == pytest.approx(0.1, abs=0.05)


@pytest.mark.long
def test_a_drop_of_all_variants_is_told_as_the_total_against_control_too() -> None:
    found = alarms(list(AGAINST_A.measure([buckets(dropped(0.3, *range(6)))], NOW)))
    assert set(found) == {()}


@pytest.mark.long
def test_control_without_rows_is_no_alarm_and_no_missing_data_of_the_variant() -> None:
    values = usual()
    values[0::2, -1] = np.nan
    told = {one.slice: one for one in AGAINST_A.measure([buckets(values)], NOW)}
    against = told[labels_of({"against": "A", "variant": "B"})]
    assert isinstance(against, NotYet)
    assert against.reason == "there is nothing to compare with"


def test_control_that_is_no_dimension_of_the_slices_is_refused() -> None:
    with pytest.raises(ValidationError, match="`control` names 'arm'"):
        Anomaly(id="x", query="select 1", control={"arm": "A"}, slices=Slices(by=("variant",)))
