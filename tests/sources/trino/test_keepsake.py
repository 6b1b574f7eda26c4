"""Who usually holds a cluster, written down and read again."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from monitor.api import LoadPoint
from monitor.sources.trino.keepsake import read_keepsake, write_keepsake
from monitor.sources.trino.past import MOST_HOLDERS, Known, Past
from tests.sources.trino.rig import NOW, Rig

HERE = "https://trino.example.com:8443"
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
Shares = Callable[[int], Mapping[str, float]]


def lived(days: float, shares: Shares) -> Past:
    """Return a past in which shares were seen every ten minutes until now."""
    past = Past()
    for number in range(int(days * 144), -1, -1):
        past.remember_shares(NOW - number * 10 * MINUTE, shares(number))
    return past


def watched(
    past: Past, since: timedelta, seconds: int = 15, workers: Callable[[int], int] = lambda _: 9
) -> Past:
    """Let a past be looked at until now, with workers by how many seconds ago that is."""
    for ago in range(int(since.total_seconds()), -1, -seconds):
        point = LoadPoint(
            NOW - timedelta(seconds=ago),
            queued=ago % 50,
            running=7,
            memory_share=ago / 90_000,
            workers=workers(ago),
        )
        past.remember(point)
    return past


def again(past: Past, later: timedelta = timedelta(0)) -> Past:
    """Return what a daemon that starts so much later knows of it."""
    text = write_keepsake(HERE, past.known(), NOW)
    after = Past()
    after.recall(read_keepsake(text, HERE, NOW + later))
    return after


def nightly(number: int) -> Mapping[str, float]:
    """Let a pipeline hold nearly all at this hour of each day, and dashboards at any other."""
    is_now = (NOW - number * 10 * MINUTE).hour == NOW.hour
    return {"etl|airflow": 0.9, "bi|superset": 0.1} if is_now else {"bi|superset": 0.7}


HOLDERS = {"etl|airflow": 1.0, "bi|superset": 1.0, "ravi|notebook": 1.0}


@pytest.mark.parametrize("days", [0.04, 0.2, 1, 3, 7])
def test_what_is_usual_is_the_same_after_a_restart(days: float) -> None:
    past = lived(days, nightly)
    for moment in (NOW, NOW + 3 * HOUR):
        usual = past.usual(moment, HOLDERS)
        assert set(usual) == set(HOLDERS)
        assert again(past).usual(moment, HOLDERS) == pytest.approx(usual)
        assert again(again(past)).usual(moment, HOLDERS) == pytest.approx(usual)


def test_trouble_of_the_last_half_hour_is_not_usual_after_a_restart_either() -> None:
    past = lived(0.04, lambda number: {"bi|superset": 0.2 if number > 2 else 1.0})
    assert again(past).usual(NOW, {"bi|superset": 1.0}) == {"bi|superset": pytest.approx(0.2)}


@pytest.mark.long
def test_a_week_of_a_crowd_stays_short_and_holds_those_who_held_most() -> None:
    rng = Random(7)  # noqa: S311
    names = [f"user{n:02d}{'x' * 150}|source" for n in range(80)]

    def crowd(_: int) -> Mapping[str, float]:
        few = dict.fromkeys(names[60:], 0.01)
        return few | {name: rng.uniform(0.5, 1.0) for name in names[:60]}

    whole = watched(lived(8, crowd), timedelta(days=1), seconds=5)
    text = write_keepsake(HERE, whole.known(), NOW)
    kept = json.loads(text)
    assert len(kept["holders"]) == MOST_HOLDERS
    assert set(kept["holders"]) <= set(names[:60])
    assert len(text) < 100_000


@pytest.mark.parametrize("name", ["x" * 100_000, "\ud800", "a\x00b"])
def test_a_name_as_long_as_a_novel_or_of_half_characters_is_not_kept(name: str) -> None:
    text = write_keepsake(HERE, Known([(NOW, {name: 0.9, "bi|superset": 0.1})]), NOW)
    assert json.loads(text)["holders"] == ["bi|superset"]


def test_the_usual_number_of_workers_is_the_same_after_a_restart() -> None:
    past = watched(Past(), DAY, workers=lambda ago: 12 if ago < 40_000 else 20)
    assert past.usual_workers() == 20
    after = again(past, 5 * MINUTE)
    assert after.usual_workers() == 20
    assert len(after.workers) == pytest.approx(len(past.workers), abs=2)


def test_workers_of_another_day_are_no_measure() -> None:
    past = watched(lived(1, nightly), HOUR)
    assert again(past, 12 * HOUR).usual_workers() == 9
    assert again(past, 25 * HOUR).usual_workers() is None


def test_the_last_minutes_go_on_after_a_short_restart() -> None:
    past = watched(Past(), HOUR)
    after = again(past, MINUTE)
    assert after.points[-1] == replace(past.points[-1], memory_share=0.0)
    assert after.points[0].at <= NOW - 18 * MINUTE
    spans = [later.at - one.at for one, later in pairwise(after.points)]
    assert max(spans) <= MINUTE


def test_minutes_in_which_nobody_looked_are_not_bridged() -> None:
    past = watched(lived(1, nightly), HOUR)
    assert again(past, MINUTE).points
    after = again(past, 3 * MINUTE)
    assert list(after.points) == []
    assert after.usual_workers() == 9


def test_what_was_written_before_workers_were_is_read() -> None:
    text = json.dumps(GOOD | {"seen": [[SECONDS - 60, 1, {"0": 500}]]})
    known = read_keepsake(text, HERE, NOW)
    assert [held for _, held in known.shares] == [{"bi|superset": 0.5}]
    assert (known.workers, known.points) == ([], ())


GOOD: dict[str, Any] = {"form": 1, "cluster": HERE, "holders": ["bi|superset"]}
SECONDS = int(NOW.timestamp())


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "cannot be read"),
        ("[]", "cannot be read"),
        ('{"form": 1, "clus', "cannot be read"),
        (json.dumps(GOOD | {"form": 2, "seen": []}), "cannot be read"),
        (json.dumps(GOOD | {"seen": [[SECONDS, 1, {"0": 5000}]]}), "cannot be read"),
        (json.dumps(GOOD | {"seen": [[SECONDS, 10**9, {"0": 500}]]}), "cannot be read"),
        (json.dumps(GOOD | {"seen": [[10**18, 1, {"0": 500}]]}), "cannot be read"),
        (json.dumps(GOOD | {"seen": [[SECONDS, 1, {"1": 500}]]}), "shares of nobody"),
        (json.dumps(GOOD | {"seen": [[SECONDS, 1, {"-1": 500}]]}), "shares of nobody"),
        (json.dumps(GOOD | {"cluster": "http://other", "seen": []}), "another cluster"),
        (json.dumps(GOOD | {"seen": [[SECONDS - 700_000, 1, {"0": 500}]]}), "the last week"),
        (json.dumps(GOOD | {"seen": [[SECONDS + 60, 1, {"0": 500}]]}), "the last week"),
        (json.dumps(GOOD | {"seen": []}), "the last week"),
        (json.dumps(GOOD | {"seen": [], "workers": [[SECONDS, 10**9, 3]]}), "cannot be read"),
        (json.dumps(GOOD | {"seen": [], "points": [[SECONDS, ["x"]]]}), "cannot be read"),
        (json.dumps(GOOD | {"seen": [], "points": [[SECONDS, [1e999]]]}), "cannot be read"),
    ],
)
def test_what_is_broken_old_or_of_another_cluster_is_no_use(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as caught:
        read_keepsake(text, HERE, NOW)
    assert "\n" not in str(caught.value)


def test_a_cluster_whose_load_nobody_watched_keeps_nothing(on: Rig) -> None:
    assert on.source.keepsake(NOW) is None
