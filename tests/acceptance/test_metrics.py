"""Days of a business metric on the real engine: what is told, to whom, and how often."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from bench.anomaly import generator
from monitor.anomaly.arrays import Floats
from monitor.anomaly.cube import Labels
from monitor.core.labels import labels_of
from monitor.core.notification import NotifyReason
from monitor.core.orders import Accept
from tests.acceptance.warehouse import HOUR, Platform, Warehouse, business, live
from tests.often import IN_CI

MINUTE = timedelta(minutes=1)
QUARTER = 15 * MINUTE
DAY = timedelta(days=1)
LEARNED = 35
FRESH = """\
  fresh:
    kind: freshness
    source: kpi
    maintainer: data
    resource: events.impressions
    table: impressions
    column: t
    every: 15m
    warn: 6h
"""
DROP = """\
  drop:
    kind: anomaly
    source: kpi
    maintainer: recsys
    resource: kpi.impressions
    every: {every}
    query: select t, model, variant, value from kpi where t >= {{{{ since }}}}
    slices: {{by: [{by}], max: 2000}}
    settle: {settle}
    history: {history}
    bad: down
    warn: {{drop: {warn}}}
"""
LONG = pytest.mark.long
"""Days of looks on the real engine take seconds each: not beside the tests of all day."""

MODELS = tuple(labels_of({"model": model}) for model in ("ctr", "cvr"))
CROSSED = tuple(labels_of({"model": m, "variant": v}) for m in ("ctr", "cvr") for v in "AB")


def checks(*more: str, every: str = "1h", warn: str = "5%", **of: str) -> str:
    given = {"by": "model", "settle": "2d", "history": "9w"} | of
    return "checks:\n" + DROP.format(every=every, warn=warn, **given) + "".join(more)


def warehouse(
    values: Floats, labels: tuple[Labels, ...] = MODELS, days: int = LEARNED
) -> Warehouse:
    made = Warehouse(name="kpi")
    made.holds(labels, values, days)
    return made


def numbers(labels: tuple[Labels, ...], seed: int, days: int = 15) -> Floats:
    return business(labels, (LEARNED + days) * 24, np.full(len(labels), 5000.0), seed)


@pytest.mark.long
@pytest.mark.parametrize(
    ("seed", "every"),
    [(0, HOUR), *(pytest.param(seed, QUARTER, marks=LONG) for seed in range(4 if IN_CI else 1))],
)
def test_a_dead_pipeline_is_one_incident_of_freshness_and_none_of_the_metric(
    tmp_path: Path, seed: int, every: timedelta
) -> None:
    kpi = warehouse(numbers(CROSSED, seed), CROSSED)
    text = checks(FRESH, every=f"{every // MINUTE}m", warn="12%", by="model, variant")

    async def story(platform: Platform) -> None:
        await platform.look(6 * HOUR, every)
        kpi.dies(platform.now)
        await platform.look(20 * HOUR, every)
        assert [one.check for one in platform.incidents().values()] == ["fresh"]
        kpi.dies(None)
        await platform.look(6 * HOUR, every)
        assert [one.check for one in platform.incidents().values()] == ["fresh"]
        assert {note.receiver for note in platform.told()} == {"data-slack"}

    live(Platform(tmp_path, text, kpi), story)


@pytest.mark.long
def test_a_pipeline_that_dies_within_an_hour_is_no_drop_of_that_hour(tmp_path: Path) -> None:
    kpi = warehouse(numbers(CROSSED, 7), CROSSED)
    text = checks(FRESH, every="15m", warn="12%", by="model, variant")

    async def story(platform: Platform) -> None:
        await platform.look(24 * HOUR + 2 * QUARTER, QUARTER)
        kpi.dies(platform.now)
        await platform.look(12 * HOUR, QUARTER)
        kpi.dies(None)
        await platform.look(6 * HOUR, QUARTER)
        assert [one.check for one in platform.incidents().values()] == ["fresh"]

    live(Platform(tmp_path, text, kpi), story)


@pytest.mark.long
def test_missing_data_that_nobody_else_watches_is_told_by_the_metric(tmp_path: Path) -> None:
    kpi = warehouse(numbers(MODELS, 1))

    async def story(platform: Platform) -> None:
        await platform.look(6 * HOUR)
        kpi.dies(platform.now)
        await platform.look(6 * HOUR)
        assert [one.check for one in platform.incidents().values()] == ["drop"]

    live(Platform(tmp_path, checks(), kpi), story)


@LONG
@pytest.mark.parametrize("warn", ["5%", "12%"])
@pytest.mark.parametrize("seed", range(4 if IN_CI else 1))
def test_a_launch_that_costs_15_percent_is_one_alert_and_silent_three_days_later(
    tmp_path: Path, seed: int, warn: str
) -> None:
    values = numbers(MODELS, seed)
    begin = LEARNED * 24 + 6 + 5 * seed
    values[0, begin:] = np.round(0.85 * values[0, begin:])

    async def story(platform: Platform) -> None:
        began = platform.now + (6 + 5 * seed) * HOUR
        await platform.look(8 * DAY)
        assert platform.about() == ["drop: model=ctr"]
        assert platform.told()[0].at <= began + DAY
        assert all(note.at <= began + 3 * DAY for note in platform.told())
        (incident,) = platform.incidents().values()
        assert incident.resolved_at is not None
        assert incident.resolved_at > began + DAY / 2, "it was still down"

    live(Platform(tmp_path, checks(warn=warn), warehouse(values)), story)


@LONG
@pytest.mark.parametrize("seed", range(4 if IN_CI else 1))
def test_a_launch_that_is_accepted_is_silent_within_a_day(tmp_path: Path, seed: int) -> None:
    values = numbers(MODELS, seed)
    begin = LEARNED * 24 + 6 + 5 * seed
    values[0, begin:] = np.round(0.85 * values[0, begin:])

    async def story(platform: Platform) -> None:
        while not platform.told():
            await platform.look(HOUR)
        await platform.look(2 * HOUR)
        (incident,) = platform.incidents()
        await platform.engine.order(Accept(incident, "asha"))
        accepted = platform.now
        await platform.look(6 * DAY)
        assert set(platform.incidents()) == {incident}
        assert all(note.at <= accepted + DAY for note in platform.told())
        assert platform.incidents()[incident].resolved_at is not None

    live(Platform(tmp_path, checks(), warehouse(values)), story)


@pytest.mark.long
def test_a_drop_that_ends_is_resolved_within_three_hours(tmp_path: Path) -> None:
    values = numbers(MODELS, 3)
    fallen = slice(LEARNED * 24 + 6, LEARNED * 24 + 18)
    values[0, fallen] = np.round(0.7 * values[0, fallen])

    async def story(platform: Platform) -> None:
        ended = platform.now + 18 * HOUR
        await platform.look(2 * DAY)
        (incident,) = platform.incidents().values()
        assert incident.resolved_at is not None
        assert ended < incident.resolved_at <= ended + 3 * HOUR

    live(Platform(tmp_path, checks(warn="12%"), warehouse(values)), story)


@LONG
@pytest.mark.parametrize("slow_hours", [0.3, 1.0, 3.0] if IN_CI else [1.0])
def test_buckets_that_fill_slowly_are_no_alarm_and_are_judged_when_they_are_complete(
    tmp_path: Path, slow_hours: float
) -> None:
    values = numbers(MODELS, 5)
    fallen = slice(LEARNED * 24 + 60, LEARNED * 24 + 66)
    values[1, fallen] = np.round(0.7 * values[1, fallen])
    kpi = warehouse(values)
    kpi.arrives(lambda age: float(generator.arrival(age / HOUR, slow_hours)))

    async def story(platform: Platform) -> None:
        began = platform.now + 60 * HOUR
        await platform.look(60 * HOUR, QUARTER)
        assert platform.about() == []
        await platform.look(24 * HOUR, QUARTER)
        assert platform.about() == ["drop: model=cvr"]
        assert platform.told()[0].at > began

    live(Platform(tmp_path, checks(every="15m", warn="12%"), kpi), story)


DROPS = 20 if IN_CI else 1
"""Drops of one model among two thousand slices, each in another hour."""


@LONG
def test_a_drop_of_one_model_among_two_thousand_slices_is_one_message_that_names_it(
    tmp_path: Path,
) -> None:
    learned, apart = 28, 13
    world = generator.crossed(31, days=learned + 1 + DROPS * apart // 24 + 1)
    rng = np.random.default_rng(32)
    values, begin, models = world.values.copy(), learned * 24 + 3, []
    for _ in range(DROPS):
        models.append(f"model=m{int(rng.integers(20)):02d}")
        rows = np.array([models[-1] == f"model={dict(one)['model']}" for one in world.labels])
        values[rows, begin : begin + 6] = np.round(0.8 * values[rows, begin : begin + 6])
        begin += apart
    kpi = warehouse(values, world.labels, learned)
    text = checks(by="model, region, variant", settle="3h", history=f"{learned}d")
    right = []

    async def story(platform: Platform) -> None:
        platform.remembers("drop")
        await platform.look(3 * HOUR)
        for model in models:
            told = len(platform.told())
            before = len(platform.about())
            await platform.look(apart * HOUR)
            reasons = [note.reason for note in platform.told()[told:]]
            is_one = platform.about()[before:] == [f"drop: {model}"]
            right.append(is_one and reasons == [NotifyReason.FIRST, NotifyReason.RESOLVED])

    live(Platform(tmp_path, text, kpi), story)
    assert np.mean(right) >= 0.95
