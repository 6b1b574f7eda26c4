"""Intervals, rotations and digests on every edge of every zone, against the minute oracle.

With CI=true all the ways in which the world's clocks run from 2015 to 2037, else a seeded handful.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
import pytest

from monitor.core.agenda import LATEST, Agenda
from monitor.core.intervals import TimeInterval
from monitor.core.model import OnCall
from monitor.core.moments import first_moment
from monitor.core.oncall import next_hand_over, on_call_at
from tests.core.minute_oracle import (
    DAY,
    END,
    EPOCH,
    MINUTE,
    START,
    Clock,
    Ints,
    as_minute,
    clock_of,
    clocks,
    holds,
    local_day,
)
from tests.platform.stack.available import must_have_all

NEAR = 150
"""Minutes on each side of an edge that are all looked at: no clock is set by more than this."""
ALWAYS = ("Europe/Berlin", "Australia/Lord_Howe", "Africa/Casablanca", "Africa/Cairo", "UTC")


def chosen() -> dict[Clock, tuple[str, ...]]:
    """Return the clocks that are tested, with the zones that have them."""
    if must_have_all():
        return clocks()
    drawn = Random(7).choice(sorted(available_timezones()))  # noqa: S311  # seeded
    return {clock_of(name): (name,) for name in (*ALWAYS, drawn)}


CLOCKS = chosen()
EDGES = None if must_have_all() else 3
"""How many edges of each; all of them with CI=true."""


@pytest.fixture(params=list(CLOCKS), ids=lambda clock: clock.name)
def clock(request: pytest.FixtureRequest) -> Clock:
    found: Clock = request.param
    return found


def around(edge: int) -> Ints:
    """Return the minutes near an edge, and some further away."""
    near = np.arange(edge - NEAR, edge + NEAR)
    far = np.arange(edge - 2 * DAY, edge + 2 * DAY, 97)
    return np.unique(np.concatenate([near, far]))


def edges(clock: Clock) -> Iterator[tuple[int, Random]]:
    random = Random(clock.name)  # noqa: S311  # seeded
    found = list(clock.edges)
    for edge in found if EDGES is None else random.sample(found, min(EDGES, len(found))):
        yield edge, random


def moment(minute: int) -> datetime:
    return EPOCH + minute * MINUTE


def interval_near(clock: Clock, minute: int, random: Random) -> TimeInterval:
    """Draw an interval with ends near a minute; half of them cross midnight or name days."""
    read = int(clock.reads(np.array([minute]))[0]) % DAY
    start, end = sorted((read + random.randint(-130, 130)) % DAY for _ in range(2))
    if random.random() < 0.3:
        start, end = end, start
    day = moment(minute).day
    return TimeInterval(
        times=((start, end if end != start else end + 1),) if random.random() < 0.9 else None,
        weekdays=((random.randint(0, 3), random.randint(3, 6)),) if random.random() < 0.4 else None,
        days_of_month=random.choice([None, None, ((-3, -1),), ((day, 31),), ((1, -20), (9, 9))]),
        months=random.choice([None, None, ((moment(minute).month, 12),), ((1, 3), (9, 11))]),
        years=random.choice([None, None, ((2015, moment(minute).year),)]),
        location=clock.name,
    )


def compare(interval: TimeInterval, clock: Clock, minutes: Ints) -> None:
    expected = holds(interval, clock.reads(minutes))
    found = [interval.holds_at(moment(minute)) for minute in minutes.tolist()]
    differing = [
        moment(m) for m, a, b in zip(minutes.tolist(), expected, found, strict=True) if a != b
    ]
    assert differing == [], (interval, differing[:3])


def test_an_interval_holds_as_the_clocks_read_on_every_edge(clock: Clock) -> None:
    for edge, random in edges(clock):
        for _ in range(2):
            compare(interval_near(clock, edge, random), clock, around(edge))


def test_an_interval_holds_as_the_clocks_read_in_all_the_years(clock: Clock) -> None:
    random = Random(clock.name)  # noqa: S311  # seeded
    low, high = as_minute(START), as_minute(END)
    for _ in range(12):
        minutes = np.array(sorted(random.randrange(low, high) for _ in range(100)))
        compare(interval_near(clock, int(minutes[50]), random), clock, minutes)


def test_every_name_of_a_zone_reads_the_same(clock: Clock) -> None:
    random = Random(clock.name)  # noqa: S311  # seeded
    for name in CLOCKS[clock]:
        minutes = np.array([random.randrange(as_minute(START), as_minute(END)) for _ in range(20)])
        interval = interval_near(clock, int(minutes[0]), random)
        compare(TimeInterval(interval.times, location=name), clock, minutes)


EVERY = (timedelta(hours=8), timedelta(hours=12), timedelta(days=1), timedelta(weeks=1))


def rota_near(clock: Clock, edge: int, random: Random) -> tuple[OnCall, int] | None:
    """Draw a rotation with a hand-over near an edge; with the local time of its start.

    None where the clocks never read that start.
    """
    every = random.choice(EVERY)
    read = int(clock.reads(np.array([edge - 1]))[0]) + random.randint(-100, 190)
    start = read - random.randint(1, 60) * (every // MINUTE)
    local = EPOCH.replace(tzinfo=None) + start * MINUTE
    at = local.replace(tzinfo=ZoneInfo(clock.name)).astimezone(UTC)
    if at.astimezone(ZoneInfo(clock.name)).replace(tzinfo=None) != local:
        return None
    people = ("asha", "ben", "mei")[: random.randint(2, 3)]
    return OnCall(people, ("chat",), every, at, clock.name), start


def test_a_rotation_hands_over_when_the_clocks_first_read_its_time(clock: Clock) -> None:
    for edge, random in edges(clock):
        drawn = rota_near(clock, edge, random)
        if drawn is None:
            continue
        rota, start = drawn
        minutes = np.arange(edge - 2 * DAY, edge + NEAR + 60)
        # What the clocks have read by now, whatever they read again.
        reached = np.maximum.accumulate(clock.reads(minutes))
        turns = (reached - start) // (rota.every // MINUTE)
        near = range(len(minutes) - 2 * NEAR - 60, len(minutes))
        expected = [rota.rotation[turns[n] % len(rota.rotation)] for n in near]
        found = [on_call_at(rota, moment(int(minutes[n]))) for n in near]
        differing = [
            moment(int(minutes[n])) for n, a, b in zip(near, expected, found, strict=True) if a != b
        ]
        assert differing == [], (rota, differing[:3])
        changes = [int(minutes[n]) for n in near[1:] if turns[n] != turns[n - 1]]
        for at in changes:
            assert next_hand_over(rota, moment(at - 1)) == moment(at)


def test_a_local_time_is_the_first_minute_that_reads_it_or_later(clock: Clock) -> None:
    for edge, random in edges(clock):
        minutes = np.arange(edge - DAY, edge + DAY)
        reached = np.maximum.accumulate(clock.reads(minutes))
        read = int(clock.reads(np.array([edge - 1]))[0])
        for wanted in (read + random.randint(-90, 90) for _ in range(8)):
            first = int(minutes[np.argmax(reached >= wanted)])
            local = EPOCH.replace(tzinfo=None) + wanted * MINUTE
            assert first_moment(local, clock.name) == moment(first)


def test_a_digest_leaves_when_the_clocks_first_read_its_time_once_a_local_day(
    clock: Clock,
) -> None:
    for edge, random in edges(clock):
        read = int(clock.reads(np.array([edge - 1]))[0])
        hour, minute = divmod((read + random.randint(-90, 120)) % DAY, 60)
        weekdays = frozenset(random.sample(range(7), random.choice((3, 7))))
        agenda = Agenda(hour, minute, weekdays, clock.name)
        minutes = np.arange(edge - 5 * DAY, edge + 6 * DAY)
        reached = np.maximum.accumulate(clock.reads(minutes))
        days = range(read // DAY - 3, read // DAY + 5)
        leaves = {
            local_day(day * DAY): moment(
                int(minutes[np.argmax(reached >= day * DAY + hour * 60 + minute)])
            )
            for day in days
        }
        meant = {day: at for day, at in leaves.items() if day.weekday() in weekdays}
        for number, now in enumerate(map(moment, around(edge).tolist())):
            due = [(day, at) for day, at in meant.items() if at <= now < at + LATEST]
            assert agenda.due(now) == (due[0] if due else None)
            if len(weekdays) == len(range(7)) and number % 5 == 0:
                assert agenda.next_after(now) == min(at for at in meant.values() if at > now)


@pytest.mark.skipif(not must_have_all(), reason="all zones are looked at with CI=true")
def test_the_oracle_looks_at_every_edge_of_every_zone() -> None:
    names = [name for known in CLOCKS.values() for name in known]
    assert sorted(names) == sorted(available_timezones())
    assert sum(len(clock.edges) for clock in CLOCKS) > 1500
