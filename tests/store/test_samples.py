"""Numbers of looks: as they come, in hours, and read together."""

from datetime import UTC, datetime, timedelta

import pytest

from monitor.core.labels import labels_of
from monitor.core.model import Unit
from monitor.core.series import Peak, Point
from monitor.store import Store
from monitor.store.fresh import Fresh, in_pieces, part_of
from monitor.store.hours import Hour, SeriesKey
from monitor.store.kept_tables import sample_fresh, sample_hour
from tests.calls import calls_of

AT = datetime(2026, 11, 25, 14, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
KEY: SeriesKey = ("latency", labels_of({"model": "ctr"}), "p99")


def came(minute: float, value: float, key: SeriesKey = KEY, **more: object) -> Fresh:
    return Fresh(key, Unit.SECONDS, Point(AT + MINUTE * minute, value), more or None)


def pack(store: Store, before: datetime) -> int:
    """Pack as the daemon does; return in how many transactions."""
    name: str | None = ""
    count = 0
    while name is not None:
        name, count = store.fresh_samples.pack(before, name, 1), count + 1
    return count


def values(store: Store, until: datetime = AT + HOUR * 3) -> list[float]:
    (series,) = store.samples.series(["latency"], AT - HOUR, until)
    return [point.value for point in series.points]


def test_what_came_is_there_at_once_and_the_same_when_it_is_packed(store: Store) -> None:
    band = Fresh(KEY, Unit.SECONDS, Point(AT + MINUTE * 3, 3.0, 1.0, 4.0, 2.0))
    for minute in range(3):
        store.samples.save([came(minute, minute, holders=[minute])], {}, AT + MINUTE * minute)
    other = Fresh(("other", (), "value"), Unit.NUMBER, Point(AT, 1.5))
    store.samples.save([band, other], {}, AT + MINUTE * 3)
    before = store.samples.series(["latency", "other", "nobody"], AT, AT + HOUR)
    first, second = before
    assert [point.value for point in first.points] == [0.0, 1.0, 2.0, 3.0]
    assert first.points[-1] == band.point
    assert (first.slice, first.measure, first.unit) == (KEY[1], "p99", Unit.SECONDS)
    assert first.peaks == (Peak(AT + MINUTE * 2, 2.0, {"holders": [2]}),)
    assert (second.check, second.points) == ("other", (other.point,))
    assert pack(store, AT + HOUR) == 3  # one for each part, and one that finds no more
    with store._engine.connect() as connection:
        assert connection.execute(sample_fresh.select()).all() == []
        assert len(connection.execute(sample_hour.select()).all()) == 2
    assert store.samples.series(["latency", "other"], AT, AT + HOUR) == before


def test_many_numbers_are_written_in_pieces_that_make_no_more_rows(store: Store) -> None:
    many = [came(0, n, (f"c{n}", (), "value")) for n in range(3_000)]
    pieces = list(in_pieces(many, 500))
    assert sorted(one.key for some in pieces for one in some) == sorted(one.key for one in many)
    assert len(pieces) > 4
    assert all(len(some) < 550 for some in pieces)
    for some in pieces:
        store.samples.save(some, {}, AT)
    with store._engine.connect() as connection:
        parts = [row.part for row in connection.execute(sample_fresh.select())]
    assert len(parts) == len(set(parts))
    assert list(in_pieces(many[:500], 500)) == [many[:500]]


def test_a_number_costs_few_calls_to_write(store: Store) -> None:
    many = [came(0, n / 3, (f"c{n}", (), "value")) for n in range(1_000)]
    store.samples.save(many, {}, AT)
    count = calls_of(lambda: store.samples.save(many, {}, AT))
    assert (
        count < 11 * len(many) + 200
    )  # a commit of PostgreSQL; 16 with an encoder for each name and numbers rounded as floats


def test_of_a_minute_the_newest_number_counts_packed_or_not(store: Store) -> None:
    store.samples.save([came(0, 1.0), came(1, 2.0)], {}, AT)
    pack(store, AT + HOUR)
    store.samples.save([came(1.5, 5.0), came(2, 3.0)], {}, AT + HOUR)
    assert values(store) == [1.0, 5.0, 3.0]
    pack(store, AT + HOUR * 2)
    assert values(store) == [1.0, 5.0, 3.0]


def test_the_hour_that_goes_on_is_left_for_later_and_late_numbers_find_theirs(store: Store) -> None:
    store.samples.save([came(58, 1.0)], {}, AT + MINUTE * 58)
    store.samples.save([came(59, 2.0), came(61, 3.0)], {}, AT + MINUTE * 61)
    pack(store, AT + HOUR)
    assert values(store) == [1.0, 2.0, 3.0]
    with store._engine.connect() as connection:
        (left,) = connection.execute(sample_fresh.select()).all()
    assert left.part == part_of("latency")
    pack(store, AT + HOUR * 2)
    assert values(store) == [1.0, 2.0, 3.0]
    assert values(store, AT + HOUR) == [1.0, 2.0]


@pytest.mark.parametrize("name", ['a "quoted", name', "tab\tand\nline", "ü/ö"])
def test_any_name_of_a_check_is_read_as_it_was_written(store: Store, name: str) -> None:
    key = (name, labels_of({"a\tb": "c\nd"}), "value")
    store.samples.save([came(0, 1.0, key), came(0, 2.0)], {}, AT)
    for _ in range(2):
        (series,) = store.samples.series([name], AT, AT + HOUR)
        assert (series.check, series.slice, series.points[0].value) == (name, key[1], 1.0)
        pack(store, AT + HOUR)


def test_peaks_of_one_hour_are_one_the_largest(store: Store) -> None:
    store.samples.save([came(0, 7.0, holders=["a"]), came(1, 9.0)], {}, AT)
    pack(store, AT + HOUR)
    store.samples.save([came(2, 8.0, holders=["b"])], {}, AT)
    pack(store, AT + HOUR)
    (series,) = store.samples.series(["latency"], AT, AT + HOUR)
    assert [peak.value for peak in series.peaks] == [8.0]


def test_old_batches_are_forgotten(store: Store) -> None:
    store.samples.save([came(0, 1.0)], {}, AT)
    store.samples.prune(AT + MINUTE)
    assert store.samples.series(["latency"], AT, AT + HOUR) == ()


def test_kept_numbers_come_back_as_series_in_their_window(store: Store) -> None:
    hour = AT.replace(minute=0, second=0, microsecond=0)
    key = ("latency", labels_of({"model": "ctr"}), "p99")
    points = [Point(hour + timedelta(minutes=n), float(n)) for n in range(3)]
    band = Point(hour + timedelta(minutes=3), 3.0, 1.0, 4.0, 2.0)
    peak = Peak(points[2].at, 2.0, {"holders": [{"user": "etl"}]})
    for _ in range(2):  # the same hour again replaces itself
        store.fresh_samples.save_hours({(key, hour): Hour(Unit.SECONDS, [*points, band], peak)})
    (series,) = store.samples.series(["latency"], hour + timedelta(minutes=1), AT + timedelta(1))
    assert series.points == (*points[1:], band)
    assert (series.unit, series.slice) == (Unit.SECONDS, key[1])
    assert series.peaks == (peak,)
    assert series.has_band


def test_a_long_series_is_thinned_and_keeps_what_sticks_out(store: Store) -> None:
    hour = AT.replace(minute=0, second=0, microsecond=0)
    points = [Point(hour + timedelta(minutes=n), 99.0 if n == 7 else 1.0 + n) for n in range(60)]
    store.fresh_samples.save_hours({(("a", (), "x"), hour): Hour(Unit.NUMBER, points)})
    after = hour + timedelta(hours=1)
    store.fresh_samples.save_hours(
        {(("a", (), "x"), after): Hour(Unit.NUMBER, [Point(after, 5.0)])}
    )
    until = after + timedelta(hours=1)
    (series,) = store.samples.series(["a"], hour, until, is_brief=True)
    assert [point.value for point in series.points] == [1.0, 99.0, 5.0]
    (whole,) = store.samples.series(["a"], hour, until)
    assert len(whole.points) == 61


def test_hours_of_a_store_of_before_are_drawn_from_all_their_points(store: Store) -> None:
    hour = AT.replace(minute=0, second=0, microsecond=0)
    points = [Point(hour + timedelta(minutes=n), 1.0 + n) for n in range(60)]
    store.fresh_samples.save_hours({(("a", (), "x"), hour): Hour(Unit.NUMBER, points)})
    with store._engine.begin() as connection:
        connection.execute(sample_hour.update().values(brief=""))
    (series,) = store.samples.series(["a"], hour, hour + timedelta(hours=1), is_brief=True)
    assert len(series.points) == 60
