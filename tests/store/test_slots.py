"""Slots and pings as they age: packed, and still told as they were."""

import tracemalloc
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from monitor.api import Asking, NotYet, Runs, Sample
from monitor.core.model import Outcome, Unit
from monitor.core.series import Peak, Point
from monitor.core.state import Slot, Step
from monitor.engine.retention import packs, prune
from monitor.kinds.heartbeat import Heartbeat
from monitor.sources.pings import Pings
from monitor.store import Store
from monitor.store.hours import Hour, SeriesKey
from monitor.store.slot_batches import ends_by_check, part_of

AT = datetime(2026, 11, 20, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def slot(check: str, minute: int) -> Slot:
    at = AT + MINUTE * minute
    is_blind = check == "b" and 700 <= minute < 730
    outcome = Outcome.ERROR if is_blind else Outcome.OK
    return Slot(check, at, at + timedelta(seconds=1), outcome, "no answer" if is_blind else "")


def fill(store: Store, minutes: int = 3 * 24 * 60, checks: Iterable[str] = "abc") -> None:
    slots = [slot(check, minute) for check in checks for minute in range(minutes)]
    store.commit(replace(Step(AT), slots=tuple(slots)))


def pack_all(store: Store, now: datetime) -> int:
    """Pack as the daemon does; return in how many transactions."""
    count = 0
    for pack in packs(store, now):
        name: str | None = ""
        while name is not None:
            name, count = pack(name), count + 1
    return count


def rows(store: Store) -> tuple[int, int]:
    with store._engine.connect() as connection:
        counts = [
            connection.exec_driver_sql(f"select count(*) from {name}").scalar_one()  # noqa: S608  # two names
            for name in ("slot_batch", "slot_run")
        ]
    return counts[0], counts[1]


def told(store: Store) -> list[object]:
    """Read everything that can be asked about slots, in windows that cut runs."""
    found: list[object] = []
    for start, end in (
        (0, 72 * 60),
        (90, 700),
        (650, 715),
        (715, 1500),
        (4000, 9000),
        (9000, 9001),
    ):
        since, until = AT + MINUTE * start, AT + MINUTE * end
        found += [store.slots.looks(since, until), store.slots.summaries(since, until)]
    return [*found, store.slots.last("b", 5), store.slots.last("b", 3700), store.slots.last("z", 5)]


@pytest.mark.long
def test_packed_slots_are_told_as_they_were(store: Store) -> None:
    fill(store)
    before = told(store)
    pack_all(store, AT + DAY * 2 + HOUR * 6)
    assert rows(store) == (3 * 24 * 60, 5)
    assert told(store) == before
    pack_all(store, AT + DAY * 2 + HOUR * 13)
    assert rows(store) == (3 * 17 * 60, 5)
    assert told(store) == before
    pack_all(store, AT + DAY * 9)
    assert rows(store) == (0, 5)
    assert told(store) == before


def test_slots_that_come_again_after_the_clock_was_set_back_are_packed_too(store: Store) -> None:
    fill(store, minutes=120, checks="a")
    pack_all(store, AT + DAY)
    again = [replace(slot("a", minute), outcome=Outcome.WARN) for minute in (0, 1, 2, 50, 51)]
    store.commit(replace(Step(AT), slots=tuple(again)))
    pack_all(store, AT + DAY)
    assert rows(store)[0] == 0
    found = store.slots.summaries(AT, AT + DAY)["a"]
    assert found.counts[Outcome.WARN] == 5
    store.commit(replace(Step(AT), slots=(slot("a", 130),)))
    pack_all(store, AT + DAY)
    assert store.slots.last("a", 1) == [slot("a", 130)]
    store.commit(replace(Step(AT), slots=(slot("a", 125),)))
    pack_all(store, AT + DAY)
    assert store.slots.last("a", 2) == [slot("a", 130), slot("a", 125)]


def test_a_night_in_which_more_checks_were_blind_than_a_statement_may_name_is_told(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.store.slots.READ_AT_ONCE", 2)
    names = "abcde"
    blind = [replace(slot(name, n), outcome=Outcome.ERROR) for name in names for n in range(3)]
    store.commit(replace(Step(AT), slots=tuple(blind)))
    looks = store.slots.looks(AT, AT + DAY)
    assert {name: one.blind_from for name, one in looks.items()} == dict.fromkeys(names, AT)


@pytest.mark.long
def test_a_night_in_which_everybody_was_blind_is_summed_up_in_little_memory(store: Store) -> None:
    checks = [f"c{n:03}" for n in range(500)]
    for minute in range(60):
        blind = (replace(slot(name, minute), outcome=Outcome.ERROR) for name in checks)
        store.commit(replace(Step(AT), slots=tuple(blind)))
    tracemalloc.start()
    looks = store.slots.looks(AT, AT + DAY)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(looks) == 500
    assert peak < 8_000_000  # 30,000 slots are 14 MB


def test_packing_takes_a_part_of_the_checks_at_a_time(store: Store) -> None:
    fill(store, minutes=10, checks=[f"c{n}" for n in range(100)])
    moved: list[int] = []
    after: str | None = ""
    while after is not None:
        before = rows(store)[1]
        after = store.slots.pack(AT + DAY * 2, after)
        moved.append(rows(store)[1] - before)
    assert rows(store) == (0, 100)
    assert max(moved) < 15  # it is 6 where all parts are equal


@pytest.mark.long
def test_of_many_slots_of_a_part_some_are_packed_at_a_time(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.store.slots.ROWS_AT_ONCE", 100)
    fill(store, minutes=1000, checks="b")
    before = [store.slots.looks(AT, AT + DAY), store.slots.last("b", 2000)]
    left = []
    after: str | None = ""
    while after is not None:
        after = store.slots.pack(AT + DAY * 2, after)
        left.append(rows(store)[0])
        assert [store.slots.looks(AT, AT + DAY), store.slots.last("b", 2000)] == before
    assert {*left} == {*range(0, 1001, 100)}
    assert rows(store) == (0, 3)


def test_what_is_packed_while_it_is_read_is_told_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store, minutes=100)
    before = store.slots.looks(AT, AT + DAY)

    def packing(*asked: Any) -> Any:
        monkeypatch.undo()
        pack_all(store, AT + DAY)
        return ends_by_check(*asked)

    monkeypatch.setattr("monitor.store.slots.ends_by_check", packing)
    assert store.slots.looks(AT, AT + DAY) == before
    assert rows(store)[0] == 0


def test_what_is_due_together_and_ends_alike_shares_a_row_with_its_part(store: Store) -> None:
    names = [f"c{n}" for n in range(1000)]
    store.commit(replace(Step(AT), slots=tuple(slot(name, 0) for name in names)))
    assert rows(store) == (16, 0)
    assert {*store.slots.summaries(AT, AT + MINUTE)} == {*names}


def test_of_a_slot_that_ended_twice_the_last_end_counts(store: Store) -> None:
    twice = [slot("a", 0), replace(slot("a", 0), outcome=Outcome.WARN)]
    for each in ([*twice], [slot("a", 1), slot("a", 1)]):
        store.commit(replace(Step(AT), slots=tuple(each)))
    store.commit(replace(Step(AT), slots=(replace(slot("a", 1), outcome=Outcome.PAGE),)))
    for _ in ("as they came", "packed"):
        counts = store.slots.summaries(AT, AT + DAY)["a"].counts
        assert counts == {Outcome.WARN: 1, Outcome.PAGE: 1}
        assert [one.outcome for one in store.slots.last("a", 9)] == [Outcome.PAGE, Outcome.WARN]
        assert store.slots.looks(AT, AT + DAY)["a"].judged == 2
        pack_all(store, AT + DAY)


def test_the_last_slots_of_a_check_are_not_those_of_one_with_a_longer_name(store: Store) -> None:
    # Names of one part that are in each other, and characters that mean something in LIKE.
    base = "a%b_c"
    longer = [f"{base}{n}" for n in range(200)]
    mine = [name for name in longer if part_of(name) == part_of(base)]
    assert mine
    store.commit(replace(Step(AT), slots=tuple(slot(name, 0) for name in mine)))
    assert store.slots.last(base, 5) == []
    store.commit(replace(Step(AT), slots=tuple(slot(name, 1) for name in (base, "aXbYc"))))
    assert store.slots.last(base, 5) == [slot(base, 1)]


def test_slots_are_forgotten_after_ninety_days(store: Store) -> None:
    fill(store, minutes=60)
    pack_all(store, AT + DAY * 2)
    prune(store, (), AT + DAY * 90)
    assert rows(store) == (0, 3)
    prune(store, (), AT + DAY * 91)
    assert rows(store) == (0, 0)


@pytest.mark.long
@pytest.mark.parametrize("every", [timedelta(weeks=1), timedelta(days=31), timedelta(days=91)])
def test_a_job_that_never_comes_back_is_late_however_rarely_it_ran(
    store: Store, every: timedelta
) -> None:
    job = Heartbeat(id="job", period=every)
    source = Pings(name="pings", journal=store.journal)
    for number in range(4):
        store.journal.ping("job", AT + every * number, "start")
        store.journal.ping("job", AT + every * number + HOUR, "end")
        prune(store, (), AT + every * number + DAY)
    last = AT + every * 3 + HOUR
    for days in (1, every.days - 1, every.days, every.days + 1, every.days + 100):
        now = last + DAY * days
        prune(store, (), now)
        (query,) = job.ask(now)
        assert isinstance(query, Runs)
        found = job.measure([source.ask_blocking(query, Asking(now, MINUTE))], now)
        late = next(one for one in found if not isinstance(one, NotYet))
        assert isinstance(late, Sample)
        assert late.value == max(0.0, (now - last - every).total_seconds())


def test_of_old_pings_only_the_newest_and_the_newest_good_stay(store: Store) -> None:
    for hour, status in enumerate([0, 0, 1, 1]):
        store.journal.ping("job", AT + HOUR * hour, "end", exit_status=status)
    assert store.journal.prune(AT + DAY) == 2
    runs = store.journal.runs("job", AT)
    assert [run.state for run in runs] == ["succeeded", "failed"]
    assert store.journal.known_since("job") == AT + HOUR


@pytest.mark.long
def test_old_numbers_are_three_points_of_each_hour_by_the_day(store: Store) -> None:
    def hour(number: int) -> tuple[tuple[SeriesKey, datetime], Hour]:
        at = AT + HOUR * number
        points = [
            Point(
                at + MINUTE * minute, float(number * 100 + (minute * 37 + 20) % 60), 0.0, 9.0, 5.0
            )
            for minute in range(60)
        ]
        peak = Peak(at, float(number), {"number": number})
        return ((("a", (("model", "ctr"),), "value"), at), Hour(Unit.NUMBER, points, peak))

    store.fresh_samples.save_hours(dict(map(hour, range(5 * 24))))
    until = AT + DAY * 5
    brief = store.samples.series(["a"], AT, until, is_brief=True)
    (whole,) = store.samples.series(["a"], AT, until)
    pack_all(store, AT + DAY * 11 + HOUR)
    (now,) = store.samples.series(["a"], AT, until)
    assert store.samples.series(["a"], AT, until, is_brief=True) == brief
    assert len(now.points) == 3 * 24 * 3 + 2 * 24 * 60
    assert now.points[-2 * 24 * 60 :] == whole.points[-2 * 24 * 60 :]
    assert now.points[: 3 * 24 * 3] == brief[0].points[: 3 * 24 * 3]
    assert [peak.value for peak in now.peaks[:3]] == [23.0, 47.0, 71.0]
    part = store.samples.series(["a"], AT + HOUR * 30, AT + HOUR * 32)
    assert [point.at.hour for point in part[0].points] == [6, 6, 6, 7, 7, 7]
    prune(store, (), AT + DAY * 93)
    (left,) = store.samples.series(["a"], AT, until)
    assert left.points[0].at == AT + DAY * 3
