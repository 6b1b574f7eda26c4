"""What is remembered of metrics is read as it was written, on both databases."""

from datetime import UTC, date, datetime, timedelta

import numpy as np

from monitor.core.labels import labels_of
from monitor.core.state import Rebase
from monitor.store import Store
from monitor.store.metrics import MetricDay

AT = datetime(2026, 12, 1, 9, tzinfo=UTC)
SLICES = (labels_of({"model": "ctr"}), labels_of({"model": "cvr"}))


def day(number: int) -> MetricDay:
    values = np.arange(48.0).reshape(2, 24) * number
    values[1, 3] = np.nan
    return MetricDay(date(2026, 11, number), number * 24, SLICES, values, values + 0.5)


def test_many_days_are_read_as_they_were_written(store: Store) -> None:
    days = [day(number) for number in range(1, 30)]
    store.metrics.save("impressions", days, '{"late": 1}', AT)
    store.metrics.save("impressions", days[-2:], '{"late": 2}', AT + timedelta(hours=1))
    found = store.metrics.load("impressions", date(2026, 11, 2))
    assert [(one.day, one.first, one.slices) for one in found] == [
        (one.day, one.first, SLICES) for one in days[1:]
    ]
    for read, written in zip(found, days[1:], strict=True):
        assert written.sizes is not None
        assert read.sizes is not None
        np.testing.assert_array_equal(read.values, written.values)
        np.testing.assert_array_equal(read.sizes, written.sizes)
    assert store.metrics.arrivals("impressions") == '{"late": 2}'


def test_the_newest_acceptance_of_a_slice_counts(store: Store) -> None:
    first, later = (Rebase("c", SLICES[0], AT + timedelta(hours=n), f"p{n}") for n in (0, 1))
    other = Rebase("c", SLICES[1], AT, "p0")
    for rebase in (first, other, later):
        store.metrics.accept(rebase)
    assert store.metrics.rebases("c") == [other, later]


def test_what_nobody_asks_about_any_more_is_forgotten(store: Store) -> None:
    store.metrics.save("old", [day(1), day(2)], "", AT - timedelta(days=100))
    store.metrics.save("new", [day(1), day(2)], "", AT)
    store.metrics.forget(date(2026, 11, 2), AT - timedelta(days=90))
    assert store.metrics.load("old", date(2026, 1, 1)) == []
    assert [one.day.day for one in store.metrics.load("new", date(2026, 1, 1))] == [2]
