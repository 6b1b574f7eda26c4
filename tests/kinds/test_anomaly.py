import json
import math
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from monitor.api import NoData, NotYet, Sample, Slices, Table, labels_of
from monitor.kinds.anomaly import LARGEST_RISE, Anomaly

NOW = datetime(2026, 11, 24, 3, 30, tzinfo=UTC)
LAST = datetime(2026, 11, 24, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
CHECK = Anomaly(
    id="impressions-drop",
    query="select hour as t, model, sum({{ value }}) as value from kpi where hour >= {{ since }}",
    value="impressions",
    bad="down",
)


def usual(at: datetime, index: int) -> float:
    wobble = math.sin(index * 12.9898) * 43758.5453 % 1 - 0.5
    return round(20_000 * (1 + 0.4 * math.sin(at.hour / 24 * 2 * math.pi)) * (1 + 0.04 * wobble))


def table(last: float | None, *, weeks: int = 3, gap: bool = False) -> Table:
    hours = weeks * 7 * 24
    rows = []
    for index in range(hours):
        at = LAST - HOUR * (hours - 1 - index)
        value = usual(at, index)
        if at == LAST:
            if gap:
                continue
            value = value if last is None else value * last
        rows.append((at, "ctr", value))
    t, model, values = zip(*rows, strict=True)
    return Table(observed_at=NOW, columns={"t": t, "model": model, "value": values})


def test_the_query_asks_for_the_metric_and_its_season() -> None:
    (rows,) = CHECK.ask(NOW)
    assert "sum(impressions)" in rows.text  # type: ignore[attr-defined]  # Rows
    assert rows.since == LAST - timedelta(weeks=9)  # type: ignore[attr-defined]  # Rows


def test_a_usual_bucket_is_noise() -> None:
    (sample,) = CHECK.measure([table(None)], NOW)
    assert isinstance(sample, Sample)
    assert sample.is_noise
    assert abs(sample.value) < 0.1


def test_a_fall_by_half_is_a_drop_that_chance_does_not_explain() -> None:
    (sample,) = CHECK.measure([table(0.5)], NOW)
    assert isinstance(sample, Sample)
    assert not sample.is_noise
    assert 0.45 < sample.value < 0.55
    assert sample.slice == labels_of({"model": "ctr"})
    assert sample.evidence["metric"] == "impressions"


def test_a_rise_is_no_drop() -> None:
    (sample,) = CHECK.measure([table(2.0)], NOW)
    assert isinstance(sample, Sample)
    assert sample.is_noise
    assert sample.value < 0


def test_a_bucket_that_never_has_rows_at_this_hour_is_not_judged_and_no_missing_data() -> None:
    usual_rows = table(None)
    count = len(usual_rows.columns["t"])  # the last one is of the judged hour
    kept = [i for i in range(count) if (count - 1 - i) % 24]
    columns = {name: tuple(c[i] for i in kept) for name, c in usual_rows.columns.items()}
    (found,) = CHECK.measure([replace(usual_rows, columns=columns)], NOW)
    assert isinstance(found, NotYet)
    assert "there never are" in found.reason


def test_a_bucket_without_rows_is_no_data_and_never_a_drop() -> None:
    (found,) = CHECK.measure([table(None, gap=True)], NOW)
    assert isinstance(found, NoData)


def test_an_answer_from_before_a_bucket_was_complete_tells_nothing_of_it() -> None:
    early = LAST + HOUR + timedelta(minutes=19, seconds=30)
    begun = replace(table(0.1), observed_at=early)
    (sample,) = CHECK.measure([begun], early + timedelta(minutes=1))
    assert isinstance(sample, Sample)
    assert sample.is_noise
    assert sample.evidence["at"] == (LAST - HOUR).isoformat()


def test_a_short_history_is_learned_and_said_so() -> None:
    (found,) = CHECK.measure([table(0.1, weeks=1)], NOW)
    assert isinstance(found, NotYet)
    assert "history" in found.reason


def test_the_direction_decides_which_measure_a_bare_number_means() -> None:
    assert next(iter(CHECK.measures_of())) == "drop"
    rising = CHECK.model_copy(update={"bad": "up"})
    assert next(iter(rising.measures_of())) == "rise"


def rows_of(*rows: tuple[object, ...]) -> Table:
    """Return a table of t, model, value."""
    columns = zip(*rows, strict=True) if rows else ((), (), ())
    return Table(observed_at=NOW, columns=dict(zip(("t", "model", "value"), columns, strict=True)))


def with_second(silent_for: timedelta) -> Table:
    """Return ctr up to the newest bucket, and cvr that fell silent."""
    ctr = table(None)
    rows = list(zip(*ctr.columns.values(), strict=True))
    rows += [(at, "cvr", value) for at, _, value in rows if at <= LAST - silent_for]
    return rows_of(*rows)


def test_a_slice_that_fell_silent_is_no_data_of_that_slice_alone() -> None:
    ctr, cvr = CHECK.measure([with_second(3 * HOUR)], NOW)
    assert isinstance(ctr, Sample)
    assert cvr == NoData("no rows for the bucket 2026-11-24 02:00 UTC", labels_of({"model": "cvr"}))


def test_a_slice_silent_for_more_than_a_week_is_forgotten() -> None:
    found = list(CHECK.measure([with_second(timedelta(days=7, hours=1))], NOW))
    assert [one.slice for one in found] == [labels_of({"model": "ctr"})]


def test_an_unusable_value_says_what_it_is() -> None:
    (found,) = CHECK.measure([table(-1.0)], NOW)
    assert isinstance(found, NoData)
    assert found.reason == (
        "no number (null, NaN, infinite or negative) for the bucket 2026-11-24 02:00 UTC"
    )


def test_no_rows_at_all_measure_nothing() -> None:
    assert list(CHECK.measure([Table(observed_at=NOW, columns={})], NOW)) == []


def test_a_missing_column_is_named_with_those_that_are_there() -> None:
    strange = Table(observed_at=NOW, columns={"hour": (LAST,), "value": (1.0,)})
    with pytest.raises(ValueError, match="no column 't'; it has: hour, value"):
        list(CHECK.measure([strange], NOW))


def test_more_slices_than_allowed_are_an_error_that_names_both_numbers() -> None:
    few = CHECK.model_copy(update={"slices": Slices(by=("model",), max=1)})
    with pytest.raises(ValueError, match="2 slices"):
        list(few.measure([with_second(HOUR)], NOW))


def test_rows_of_one_bucket_in_any_order_and_with_gaps_in_their_values_are_read() -> None:
    rows = [(LAST, "ctr", None), (LAST - HOUR, "ctr", 5.0), (LAST, "ctr", 1.0), (None, "ctr", 2.0)]
    (found,) = CHECK.measure([rows_of(*rows)], NOW)
    assert isinstance(found, NoData)


@pytest.mark.parametrize(
    ("now", "bucket"),
    [
        ("2026-11-24T03:19:59+00:00", "01:00"),
        ("2026-11-24T03:20:00+00:00", "02:00"),
    ],
)
def test_a_bucket_is_judged_only_when_it_is_complete(now: str, bucket: str) -> None:
    at = datetime.fromisoformat(now)
    early = rows_of((LAST - 2 * HOUR, "ctr", 5.0))
    (found,) = CHECK.measure([early], at)
    assert isinstance(found, NoData)
    assert bucket in found.reason


@pytest.mark.long
def test_a_bucket_that_is_not_complete_yet_changes_nothing() -> None:
    rows = list(zip(*table(None).columns.values(), strict=True))
    partial = rows_of(*rows, (LAST + HOUR, "ctr", 3.0))
    assert list(CHECK.measure([partial], NOW)) == list(CHECK.measure([table(None)], NOW))


@pytest.mark.long
def test_all_rows_inside_the_judged_bucket_are_its_parts() -> None:
    rows = list(zip(*table(None).columns.values(), strict=True))
    halves = [
        (at + half, model, value / 2)
        for at, model, value in rows
        for half in (timedelta(0), HOUR / 2)
    ]
    (whole,), (parts,) = (CHECK.measure([given], NOW) for given in (table(None), rows_of(*halves)))
    assert isinstance(whole, Sample)
    assert isinstance(parts, Sample)
    assert parts.evidence["value"] == whole.evidence["value"]


def test_the_evidence_says_what_was_lost_and_how_rare_it_is() -> None:
    (sample,) = CHECK.measure([table(0.5)], NOW)
    assert isinstance(sample, Sample)
    seen = sample.evidence
    assert seen["at"] == "2026-11-24T02:00:00+00:00"
    assert seen["value"] < seen["low"] < seen["expected"] < seen["high"]
    assert seen["lost"] == seen["expected"] - seen["value"]
    assert seen["deviation"] == -sample.value
    assert seen["once_in_days"] > 30
    assert json.loads(json.dumps(seen, allow_nan=False)) == seen


@pytest.mark.long
def test_a_rise_from_nothing_is_large_and_still_a_number() -> None:
    hours = 9 * 7 * 24
    rows = [(LAST - HOUR * i, "ctr", 0.0 if i else 500.0) for i in range(hours)]
    rising = CHECK.model_copy(update={"bad": "up"})
    (sample,) = rising.measure([rows_of(*rows)], NOW)
    assert isinstance(sample, Sample)
    assert not sample.is_noise
    assert sample.value == LARGEST_RISE
    json.dumps(sample.evidence, allow_nan=False)


@pytest.mark.long
def test_both_directions_measure_a_drop_and_a_rise() -> None:
    both = CHECK.model_copy(update={"bad": "both"})
    drop, rise = both.measure([table(0.5)], NOW)
    assert isinstance(drop, Sample)
    assert isinstance(rise, Sample)
    assert (drop.measure, rise.measure) == ("drop", "rise")
    assert drop.value == -rise.value > 0.4


@pytest.mark.parametrize("timezone", ["Asia/Kolkata", "America/New_York", "UTC"])
def test_a_day_without_a_zone_is_a_day_of_the_check(timezone: str) -> None:
    daily = CHECK.model_copy(update={"bucket": timedelta(days=1), "timezone": timezone})
    midnight = datetime(2026, 11, 24, tzinfo=ZoneInfo(timezone))
    known = rows_of((date(2026, 11, 22), "ctr", 5.0))
    for after, judged in ((timedelta(minutes=19), "2026-11-22"), (HOUR, "2026-11-23")):
        now = midnight + after
        (found,) = daily.measure([replace(known, observed_at=now)], now)
        assert not isinstance(found, Sample)
        is_missing = judged == "2026-11-23"
        assert isinstance(found, NoData if is_missing else NotYet)
        assert not is_missing or judged in found.reason


def test_a_metric_without_a_name_is_named_like_its_check() -> None:
    unnamed = Anomaly(id="revenue-drop", query="select r as value from kpi", bad="down")
    (sample,) = unnamed.measure([table(None)], NOW)
    assert isinstance(sample, Sample)
    assert sample.evidence["metric"] == "revenue-drop"


@pytest.mark.parametrize("value", ["a b", "1x", "x;drop", "sum(x)", ""])
def test_a_metric_that_is_no_plain_name_is_refused(value: str) -> None:
    with pytest.raises(ValidationError, match="value"):
        Anomaly(id="x", query="select 1", value=value)


def test_a_bucket_that_fits_no_day_is_refused_at_load() -> None:
    with pytest.raises(ValidationError, match="must divide a day"):
        Anomaly(id="x", query="select 1", bucket=timedelta(hours=7))
