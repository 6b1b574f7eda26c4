from datetime import UTC, datetime, timedelta

import pytest

from monitor.anomaly.ready import Ready, Sighting, completeness, ready

END = datetime(2026, 11, 24, 3, tzinfo=UTC)
WAIT = timedelta(minutes=20)


def sightings(share: float, minutes: int = 10, count: int = 40) -> list[Sighting]:
    return [Sighting(timedelta(minutes=minutes), share)] * count


@pytest.mark.parametrize(
    ("minutes", "watermark", "seen", "says"),
    [
        (5, None, [], Ready.YOUNG),
        (20, None, [], Ready.AGE),
        (1, END, [], Ready.WATERMARK),
        (90, END - timedelta(minutes=1), [], Ready.BEHIND),
        (10, None, sightings(0.99), Ready.LAG),
        (30, None, sightings(0.97, minutes=25), Ready.LATE),
        (10, None, sightings(0.99, count=5), Ready.YOUNG),
    ],
)
def test_a_bucket_is_judged_for_a_reason(
    minutes: int, watermark: datetime | None, seen: list[Sighting], says: Ready
) -> None:
    assert ready(END, END + timedelta(minutes=minutes), WAIT, watermark, seen) is says


def test_one_late_night_in_ten_counts_more_than_nine_early_ones() -> None:
    seen = sightings(1.0, count=34) + sightings(0.4, count=6)
    share = completeness(seen, timedelta(minutes=10))
    assert share is not None
    assert share < 0.5


def test_the_future_is_not_complete() -> None:
    assert not ready(END, END - WAIT, WAIT, None, sightings(1.0)).is_ready
