from datetime import UTC, datetime, timedelta

import pytest

from monitor.anomaly.ready import Arrival, Ready, Sighting, completeness, newest_ready, ready

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
    assert (
        ready(END, END + timedelta(minutes=minutes), Arrival(WAIT, watermark, tuple(seen))) is says
    )


def test_a_few_sightings_are_enough_to_see_that_data_comes_late() -> None:
    late = Arrival(WAIT, None, tuple(sightings(0.9, minutes=30, count=1)), is_watched=True)
    assert ready(END, END + timedelta(minutes=30), late) is Ready.LATE
    soon = Arrival(WAIT, None, tuple(sightings(1.0, minutes=30, count=1)), is_watched=True)
    assert ready(END, END + timedelta(minutes=30), soon) is Ready.AGE


SOON, NEVER = timedelta(minutes=2), timedelta(days=1)


@pytest.mark.parametrize(
    ("minutes", "followed", "last", "says"),
    [
        (30, (SOON,) * 18 + (NEVER,) * 2, END, Ready.STOPPED),
        (10, (2 * WAIT,) * 20, END, Ready.LAG),
        (60, (2 * WAIT,) * 20, END, Ready.STOPPED),
        # Before the next bucket used to have rows it is known to come within the usual wait.
        (1, (SOON,) * 20, END, Ready.STOPPED),
        (30, (SOON,) * 20, END + timedelta(hours=1), Ready.LAG),
        (30, (SOON,) * 17 + (NEVER,) * 3, END, Ready.LAG),
        (30, (SOON,) * 5, END, Ready.LAG),
    ],
)
def test_the_last_bucket_of_a_source_that_has_stopped_is_not_judged(
    minutes: int, followed: tuple[timedelta, ...], last: datetime, says: Ready
) -> None:
    seen = tuple(sightings(1.0, minutes=minutes))
    come = Arrival(WAIT, None, seen, is_watched=True, followed=followed, last=last)
    assert ready(END, END + timedelta(minutes=minutes), come) is says


@pytest.mark.parametrize(
    ("share", "usual", "says"),
    [(0.9, 1.0, Ready.GROWING), (0.99, 1.0, Ready.LAG), (0.9, 0.9, Ready.LAG)],
)
def test_a_bucket_that_grows_later_than_others_did_is_not_judged(
    share: float, usual: float, says: Ready
) -> None:
    """However complete others were at its age: this one had less of what it has now."""
    others = (*sightings(usual, minutes=20), *sightings(1.0, minutes=40, count=400))
    own = Sighting(timedelta(minutes=20), share, END)
    assert ready(END, END + timedelta(minutes=40), Arrival(WAIT, None, (*others, own))) is says


def ends(count: int) -> list[datetime]:
    return [END - hours * timedelta(hours=1) for hours in range(count)]


@pytest.mark.parametrize(
    ("arrival", "index", "says"),
    [
        # The first look of the daemon judges what is surely complete, and warms up by it.
        (Arrival(WAIT, is_watched=True), 6, Ready.AGE),
        (Arrival(WAIT), 0, Ready.AGE),
        # What always comes two hours late is judged two hours late.
        (Arrival(WAIT, END - timedelta(hours=2)), 2, Ready.WATERMARK),
        (Arrival(WAIT, END - timedelta(minutes=59)), 0, Ready.BEHIND),
        (Arrival(WAIT, END - timedelta(hours=20)), 0, Ready.BEHIND),
        # Younger sightings count for an age, too.
        (
            Arrival(WAIT, None, (*sightings(0.9, 30), *sightings(0.95, 90), *sightings(1.0, 150))),
            3,
            Ready.LAG,
        ),
        (Arrival(WAIT, None, tuple(sightings(0.9, 30))), 0, Ready.LATE),
    ],
)
def test_the_newest_bucket_that_is_surely_complete_is_judged(
    arrival: Arrival, index: int, says: Ready
) -> None:
    assert newest_ready(ends(9), END + timedelta(minutes=30), arrival) == (index, says)


def test_one_late_night_in_ten_counts_more_than_nine_early_ones() -> None:
    seen = sightings(1.0, count=34) + sightings(0.4, count=6)
    share = completeness(seen, timedelta(minutes=10))
    assert share is not None
    assert share < 0.5


def test_the_future_is_not_complete() -> None:
    assert not ready(END, END - WAIT, Arrival(WAIT, None, tuple(sightings(1.0)))).is_ready
