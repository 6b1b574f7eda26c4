import asyncio
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from monitor.anomaly.model import Settings
from monitor.api import Answer, Buckets, Remembered, Rows, SourceError, Table, labels_of
from monitor.core.state import Rebase
from monitor.engine.histories import Histories, key_of
from monitor.engine.threads import Writer
from monitor.store import Store, open_store
from monitor.store.metrics import MetricDay

HOUR = timedelta(hours=1)
NOW = datetime(2026, 11, 24, 3, 10, tzinfo=UTC)
SETTINGS = Settings(HOUR, "UTC", "down", 1.0, 0.0)
CTR, CVR = labels_of({"model": "ctr"}), labels_of({"model": "cvr"})


def what(text: str = "select ...") -> Remembered:
    return Remembered(
        text, SETTINGS, "t", "n", None, ("model",), "watermark", timedelta(days=14), HOUR * 6
    )


class Kpi:
    """A check and a warehouse: rows by hour; remembers from when it was asked."""

    id, source = "impressions-drop", "kpi"

    def __init__(self) -> None:
        self.rows = {NOW.replace(minute=0) - HOUR * i: 100.0 + i for i in range(1, 24 * 30)}
        self.asked: list[datetime] = []
        self.until: list[datetime | None] = []
        self.fails = False
        self.fails_after = 1_000

    async def ask(self, query: Rows) -> Answer:
        assert query.since is not None
        self.asked.append(query.since)
        self.until.append(query.until)
        await asyncio.sleep(0)
        if self.fails or len(self.asked) > self.fails_after:
            raise SourceError("timeout", "too slow")
        until = query.until or NOW + timedelta(days=365)
        found = sorted((at, n) for at, n in self.rows.items() if query.since <= at < until)
        times, numbers = zip(*found, strict=True)
        columns = {"t": times, "model": ("ctr",) * len(times), "n": numbers}
        return Table(observed_at=NOW, columns=columns)


@contextmanager
def opened(path: Path) -> Iterator[tuple[Histories, Store]]:
    path.mkdir(exist_ok=True)
    store = open_store(f"sqlite:///{path / 'm.db'}")
    writer = Writer(store)
    yield Histories(store.metrics, writer), store
    writer.close()
    store.close()


def ask(histories: Histories, kpi: Kpi, now: datetime = NOW) -> Buckets:
    return asyncio.run(histories.ask(kpi, what(), kpi.ask, now))


def test_the_first_look_asks_for_all_and_the_next_ones_for_what_may_have_changed(
    tmp_path: Path,
) -> None:
    kpi = Kpi()
    with opened(tmp_path) as (histories, _):
        first = ask(histories, kpi)
        kpi.rows[NOW.replace(minute=0)] = 5.0
        later = ask(histories, kpi, NOW + HOUR)
    assert kpi.asked[0] == NOW.replace(minute=0) - timedelta(days=14)
    assert kpi.asked[1] == NOW.replace(hour=2, minute=0) - HOUR * 6
    assert first.values.shape == (1, 14 * 24)
    assert later.values[0, -1] == 5.0


PIECES = what("select ... {{ since }} {{ until }}")


def test_a_query_with_an_end_is_asked_in_pieces_that_grow(tmp_path: Path) -> None:
    kpi, whole, told = Kpi(), Kpi(), list[float]()
    with opened(tmp_path) as (histories, _):
        found = asyncio.run(histories.ask(kpi, PIECES, kpi.ask, NOW, told.append))
        before = len(kpi.asked)
        asyncio.run(histories.ask(kpi, PIECES, kpi.ask, NOW + HOUR))
    with opened(tmp_path / "other") as (histories, _):
        expected = ask(histories, whole)
    np.testing.assert_array_equal(found.values, expected.values)
    days = [(b - a) / timedelta(days=1) for a, b in pairwise(kpi.asked[:before])]
    assert days == [1.0, 4.0]
    assert kpi.until[:3] == [*kpi.asked[1:3], None]
    assert len(kpi.asked) == before + 1, "what may be restated is one question"
    assert told == sorted(told)
    assert 0 < told[0] < told[-1] < 1


def test_what_came_before_an_error_is_not_asked_again(tmp_path: Path) -> None:
    kpi = Kpi()
    kpi.fails_after = 2
    with opened(tmp_path) as (histories, _), pytest.raises(SourceError):
        asyncio.run(histories.ask(kpi, PIECES, kpi.ask, NOW))
    kpi.fails_after = 1_000
    with opened(tmp_path) as (histories, _):
        found = asyncio.run(histories.ask(kpi, PIECES, kpi.ask, NOW))
    assert kpi.asked[3] == kpi.asked[2] - HOUR * 7, "from what may have been restated on"
    assert found.values.shape == (1, 14 * 24)
    assert np.isfinite(found.values).all()


def test_a_restart_asks_only_for_what_may_have_changed(tmp_path: Path) -> None:
    kpi = Kpi()
    with opened(tmp_path) as (histories, _):
        before = ask(histories, kpi)
    with opened(tmp_path) as (histories, _):
        after = ask(histories, kpi, NOW + timedelta(minutes=15))
    assert kpi.asked[1] == NOW.replace(hour=2, minute=0) - HOUR * 6
    assert after.labels == before.labels == (CTR,)
    np.testing.assert_array_equal(after.values, before.values)


def test_restated_and_deleted_rows_inside_the_window_are_taken_over(tmp_path: Path) -> None:
    kpi = Kpi()
    with opened(tmp_path) as (histories, _):
        ask(histories, kpi)
        hours = sorted(kpi.rows)
        kpi.rows[hours[-2]] = 7.0
        del kpi.rows[hours[-3]]
        again = ask(histories, kpi, NOW + timedelta(minutes=15))
    assert again.values[0, -2] == 7.0
    assert np.isnan(again.values[0, -3])
    assert np.isfinite(again.values[0, :-3]).all()


def test_checks_that_ask_the_same_share_one_question(tmp_path: Path) -> None:
    kpi, other = Kpi(), Kpi()
    other.id = "revenue-drop"

    async def both(histories: Histories) -> None:
        await asyncio.gather(*(histories.ask(one, what(), kpi.ask, NOW) for one in (kpi, other)))

    with opened(tmp_path) as (histories, _):
        asyncio.run(both(histories))
    assert len(kpi.asked) == 1


def test_an_answer_that_is_shared_is_as_old_as_its_question(tmp_path: Path) -> None:
    kpi, seconds = Kpi(), timedelta(seconds=50)

    async def looks(histories: Histories) -> Buckets:
        for now in (NOW, NOW, NOW + seconds):
            await histories.ask(kpi, what(), kpi.ask, now)
        return await histories.ask(kpi, what(), kpi.ask, NOW + HOUR / 2)

    with opened(tmp_path) as (histories, _):
        known = asyncio.run(looks(histories))
    assert len(kpi.asked) == 3
    ages = {one.age for one in known.sightings}
    assert HOUR / 6 in ages
    assert HOUR / 6 + seconds not in ages


def test_a_failed_question_is_no_answer_and_is_asked_again(tmp_path: Path) -> None:
    kpi = Kpi()
    kpi.fails = True
    with opened(tmp_path) as (histories, _):
        with pytest.raises(SourceError):
            ask(histories, kpi)
        kpi.fails = False
        assert ask(histories, kpi).values.shape == (1, 14 * 24)


def test_the_curve_of_late_data_is_learned_from_what_was_there_at_each_age(tmp_path: Path) -> None:
    kpi = Kpi()
    with opened(tmp_path) as (histories, _):
        final = dict(kpi.rows)
        hour = NOW.replace(minute=0)
        for step in range(9):
            now = hour + HOUR * step + timedelta(minutes=10)
            newest = now.replace(minute=0) - HOUR
            kpi.rows[newest] = 50.0
            kpi.rows[newest - HOUR] = 100.0
            known = ask(histories, kpi, now)
    early = [one.share for one in known.sightings if one.age == timedelta(minutes=10)]
    assert early
    assert np.median(early) == pytest.approx(0.5)
    assert final


def test_a_second_look_tells_how_much_was_missing_at_the_first(tmp_path: Path) -> None:
    kpi = Kpi()
    newest = max(kpi.rows)
    kpi.rows[newest] = 50.0
    kpi.rows[NOW + timedelta(days=3)] = 1.0  # a row of the future hides nothing
    with opened(tmp_path) as (histories, _):
        first = ask(histories, kpi)
        kpi.rows[newest] = 100.0
        second = ask(histories, kpi, NOW + timedelta(minutes=30))
    assert first.is_watched
    assert first.sightings == ()
    shares = {one.age: one.share for one in second.sightings}
    assert shares[timedelta(minutes=10)] == pytest.approx(0.5)
    assert shares[timedelta(minutes=70)] == 1.0


def test_how_soon_a_bucket_is_followed_by_the_next_is_known_after_a_restart(tmp_path: Path) -> None:
    kpi = Kpi()
    hour = NOW.replace(minute=0)
    with opened(tmp_path) as (histories, _):
        assert ask(histories, kpi).followed == ()
        kpi.rows[hour] = 1.0
        ask(histories, kpi, hour + timedelta(minutes=25))
        ask(histories, kpi, hour + timedelta(minutes=40))
        # Nothing follows this one, and nothing is learned where nothing has come.
        ask(histories, kpi, hour + timedelta(minutes=65))
        ask(histories, kpi, hour + timedelta(minutes=125))
    with opened(tmp_path) as (histories, _):
        after = ask(histories, kpi, hour + timedelta(minutes=185))
    assert [one for one in after.followed if one < HOUR] == [timedelta(minutes=25)]
    assert len(after.followed) == 2


def test_days_come_back_as_they_were_saved(tmp_path: Path) -> None:
    values = np.array([[1.0, np.nan, np.inf], [4.0, 5.0, 6.0]])
    day = MetricDay(date(2026, 11, 24), 5, (CTR, CVR), values, values * 2)
    with opened(tmp_path) as (_, store):
        store.metrics.save("k", [day], "{}", NOW)
        store.metrics.save("k", [day], "{}", NOW)
        (back,) = store.metrics.load("k", date(2026, 11, 1))
        assert store.metrics.forget(date(2026, 12, 1), NOW) == 1
        assert store.metrics.load("k", date(2026, 11, 1)) == []
    assert (back.day, back.first, back.slices) == (day.day, 5, (CTR, CVR))
    np.testing.assert_array_equal(back.values, values)
    assert back.sizes is not None
    np.testing.assert_array_equal(back.sizes, values * 2)


def test_weeks_that_begin_on_mondays_are_no_part_of_what_was_kept_before() -> None:
    weeks = replace(what(), settings=replace(SETTINGS, bucket=timedelta(weeks=1)))
    parts = ("select ...", "t", "n", None, ("model",), 604_800.0, "UTC")
    assert key_of("a", weeks) != f"a/{hashlib.sha256(repr(parts).encode()).hexdigest()[:16]}"


def test_the_newest_acceptance_of_a_slice_counts(tmp_path: Path) -> None:
    with opened(tmp_path) as (histories, store):
        for at in (NOW - HOUR, NOW):
            store.metrics.accept(Rebase("impressions-drop", CTR, at, "asha"))
        assert ask(histories, Kpi()).rebased == {CTR: NOW}
