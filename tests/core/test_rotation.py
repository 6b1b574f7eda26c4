from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from monitor.core.escalation import escalated_to, next_step_at
from monitor.core.model import EscalationStep, OnCall, Override
from monitor.core.moments import first_moment
from monitor.core.oncall import next_hand_over, on_call_at

BERLIN = "Europe/Berlin"
MINUTE = timedelta(minutes=1)


def local(text: str, zone: str = BERLIN) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def rota(start: str, every: timedelta, people: str = "asha ben", zone: str = BERLIN) -> OnCall:
    return OnCall(tuple(people.split()), ("chat",), every, local(start, zone), zone)


@pytest.mark.parametrize(
    ("moment", "zone", "expected"),
    [
        ("2026-03-29T01:59", BERLIN, "2026-03-29T00:59"),
        ("2026-03-29T02:30", BERLIN, "2026-03-29T01:00"),  # skipped: the jump itself
        ("2026-03-29T03:00", BERLIN, "2026-03-29T01:00"),
        ("2026-10-25T02:30", BERLIN, "2026-10-25T00:30"),  # shown twice: the first
        ("2026-10-04T02:15", "Australia/Lord_Howe", "2026-10-03T15:30"),  # half an hour skipped
        ("2026-04-26T00:00", "Africa/Cairo", "2026-04-25T21:00"),
        ("2026-04-24T00:00", "Africa/Cairo", "2026-04-23T22:00"),  # midnight itself is skipped
    ],
)
def test_a_local_time_is_the_first_moment_at_which_the_clocks_read_it_or_later(
    moment: str, zone: str, expected: str
) -> None:
    found = first_moment(datetime.fromisoformat(moment), zone)
    assert found == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@pytest.mark.parametrize("week", range(60))
def test_a_weekly_hand_over_at_nine_stays_at_nine_over_the_change_of_clocks(week: int) -> None:
    rotation = rota("2026-01-05T09:00", timedelta(weeks=1))
    day = datetime(2026, 1, 5, 9) + timedelta(weeks=week)  # local
    at_nine = day.replace(tzinfo=ZoneInfo(BERLIN)).astimezone(UTC)
    before, after = (on_call_at(rotation, at_nine + by) for by in (-MINUTE, timedelta(0)))
    assert after == ("asha", "ben")[week % 2]
    assert before == (("asha", "ben")[(week + 1) % 2] if week else "asha")
    assert next_hand_over(rotation, at_nine - MINUTE) == (
        at_nine if week else at_nine + timedelta(weeks=1)
    )


def test_shifts_of_half_a_day_keep_their_local_times() -> None:
    rotation = rota("2026-03-28T09:00", timedelta(hours=12))
    names = [
        on_call_at(rotation, local(text))
        for text in ("2026-03-28T20:59", "2026-03-28T21:00", "2026-03-29T08:59", "2026-03-29T09:00")
    ]
    assert names == ["asha", "ben", "ben", "asha"]


def test_a_hand_over_in_the_skipped_hour_happens_once_at_the_jump() -> None:
    rotation = rota("2026-03-28T02:30", timedelta(days=1))
    jump = datetime(2026, 3, 29, 1, tzinfo=UTC)
    assert on_call_at(rotation, jump - MINUTE) == "asha"
    assert on_call_at(rotation, jump) == "ben"
    assert next_hand_over(rotation, jump) == local("2026-03-30T02:30")


def test_a_hand_over_in_the_hour_that_comes_twice_happens_at_the_first() -> None:
    rotation = rota("2026-10-24T02:30", timedelta(days=1))
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    minutes = [first + n * MINUTE for n in range(-5, 120)]
    names = [on_call_at(rotation, minute) for minute in minutes]
    assert names == ["asha"] * 5 + ["ben"] * 120


def test_an_override_goes_before_the_rotation_and_the_last_written_before_others() -> None:
    start = local("2026-02-01T09:00")
    day = timedelta(days=1)
    rotation = OnCall(
        ("asha",),
        ("chat",),
        overrides=(Override("ben", start, start + 3 * day), Override("mei", start, start + day)),
    )
    moments = (start - MINUTE, start, start + day, start + 3 * day)
    assert [on_call_at(rotation, at) for at in moments] == ["asha", "mei", "ben", "asha"]


def test_an_override_reaches_somebody_where_the_rotation_is_empty() -> None:
    start = local("2026-02-01T09:00")
    rotation = OnCall((), ("chat",), overrides=(Override("ben", start, start + MINUTE),))
    assert on_call_at(rotation, start) == "ben"
    assert on_call_at(rotation, start + MINUTE) is None


def test_who_is_alone_never_hands_over() -> None:
    start = local("2026-02-01T09:00")
    assert next_hand_over(rota("2026-01-05T09:00", timedelta(weeks=1), "asha"), start) is None
    assert next_hand_over(OnCall(("asha", "ben"), ("chat",)), start) is None


STEPS = (
    EscalationStep(timedelta(minutes=15), ("pager", "lead")),
    EscalationStep(timedelta(minutes=30), ("lead", "boss")),
)


@pytest.mark.parametrize(
    ("minutes", "receivers", "next_in"),
    [
        (0, (), 15),
        (14, (), 15),
        (15, ("pager", "lead"), 30),
        (29, ("pager", "lead"), 30),
        (30, ("pager", "lead", "boss"), None),
        (60 * 24 * 90, ("pager", "lead", "boss"), None),
    ],
)
def test_a_page_that_nobody_acknowledges_climbs_step_by_step(
    minutes: int, receivers: tuple[str, ...], next_in: int | None
) -> None:
    since = local("2026-02-01T09:00")
    now = since + minutes * MINUTE
    assert escalated_to(STEPS, since, now) == receivers
    assert next_step_at(STEPS, since, now) == (
        None if next_in is None else since + next_in * MINUTE
    )


def test_what_is_acknowledged_climbs_no_further() -> None:
    now = local("2026-02-01T09:00")
    assert escalated_to(STEPS, None, now) == ()
    assert next_step_at(STEPS, None, now) is None
