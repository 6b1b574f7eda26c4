"""Digests on the real engine and store, on a virtual clock."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from monitor.api import (
    Answer,
    Asking,
    DeliveryError,
    OpenAlert,
    OpenAlertList,
    OpenAlerts,
    Query,
    Source,
    SourceError,
)
from monitor.config.plan import DigestPlan, Plan
from monitor.core.digest import Digest, Edition, Mood
from monitor.core.matcher import parse_matchers
from monitor.core.orders import MakeSilence
from monitor.core.silence import Silence
from monitor.engine.digest_parts import Sections
from monitor.engine.digests import Digests
from monitor.engine.world import world_of
from monitor.render.digest import as_text
from monitor.store import open_store
from tests.engine.rig import START, Box, Rig

DAYS = frozenset(range(7))
MORNING = DigestPlan("morning", 12, 10, DAYS)
EVENING = DigestPlan("evening", 12, 20, DAYS, edition=Edition.CHANGES)
OWNERS = DigestPlan("owners", 12, 10, DAYS, "maintainers")


class DigestRig(Rig):
    """The rig with digests; its only source for pagers may know of alerts elsewhere."""

    def __init__(self, url: str, *digests: DigestPlan) -> None:
        self.digests = digests or (MORNING,)
        self.elsewhere: dict[str, Source] = {}
        super().__init__(url)

    def plan(self, *extra: str) -> Plan:
        made = super().plan(*extra)
        sources = {**made.sources, **self.elsewhere}
        return replace(made, digests=self.digests, sources=sources, revision="r1")

    def digests_in(self, box: str) -> list[Digest]:
        return [note.digest for note in self.boxes[box]._sent if note.digest is not None]

    def only(self, box: str = "oncall-slack") -> Digest:
        (found,) = self.digests_in(box)
        return found


def play(rig: Rig, story: Callable[[], Awaitable[None]]) -> None:
    async def whole(_: Rig) -> None:
        await story()

    rig.run(whole)


@pytest.fixture
def url(tmp_path: object) -> str:
    return f"sqlite:///{tmp_path}/m.db"


def test_a_night_in_which_all_looked_and_nothing_was_is_all_clear(url: str) -> None:
    rig = DigestRig(url)
    play(rig, lambda: rig.minutes(12))
    made = rig.only()
    assert made.mood is Mood.ALL_CLEAR
    assert made.is_quiet
    assert (made.coverage.due, made.coverage.ran) == (2, 2)


def test_a_digest_leaves_once_though_the_daemon_starts_again(url: str) -> None:
    rig = DigestRig(url)
    play(rig, lambda: rig.minutes(12))
    rig.restarts()
    play(rig, lambda: rig.minutes(3))
    assert len(rig.digests_in("oncall-slack")) == 1


def test_a_digest_that_is_late_because_the_daemon_was_off_says_so(url: str) -> None:
    rig = DigestRig(url)
    play(rig, lambda: rig.minutes(5))
    rig.store.close()
    rig.clock.advance(timedelta(hours=2))
    rig.open()
    play(rig, lambda: rig.minutes(2))
    made = rig.only()
    assert timedelta(hours=1) < made.late_by < timedelta(hours=2)
    assert made.mood is Mood.CLEAR_FOR_WHAT_RAN
    assert made.coverage.blind


def test_a_digest_that_was_due_before_there_was_a_daemon_never_leaves(url: str) -> None:
    rig = DigestRig(url, DigestPlan("night", 11, 50, DAYS), MORNING)
    play(rig, lambda: rig.minutes(12))
    assert rig.only().name == "morning"
    rig.restarts()
    play(rig, lambda: rig.minutes(2))
    assert rig.only().name == "morning"


def test_the_window_begins_where_the_last_delivered_digest_ended(url: str) -> None:
    rig = DigestRig(url, MORNING, replace(EVENING, edition=Edition.FULL))
    play(rig, lambda: rig.minutes(22))
    first, second = rig.digests_in("oncall-slack")
    assert second.since == first.until


@pytest.mark.long
def test_a_digest_that_nobody_got_is_told_again_with_the_next(url: str) -> None:
    rig = DigestRig(url, MORNING, replace(EVENING, edition=Edition.FULL))
    rig.boxes["oncall-slack"]._faults = [DeliveryError("gone", is_final=True)]
    play(rig, lambda: rig.minutes(22))
    made = rig.only()
    assert made.name == "evening"
    assert made.since == START
    assert made.undelivered == ("oncall-slack: gone",)


@pytest.mark.long
def test_a_window_of_the_past_is_told_as_it_ended(url: str) -> None:
    """What was open when it ended is open in it, though it is over now."""
    rig = DigestRig(url)

    async def story() -> None:
        rig.source.says(50)
        await rig.minutes(5)
        rig.source.says(1)
        await rig.minutes(5)

    play(rig, story)
    store = open_store(url)
    made = Digests(rig.plan(), world_of(rig.plan()), store)
    then = made.make(MORNING, START + timedelta(minutes=4), START)
    after = made.make(MORNING, START + timedelta(minutes=9), START)
    store.close()
    assert then.mood is Mood.OPEN
    assert "WARN a: over since 2026-11-23 12:0" in as_text(then)
    assert then.overnight == ()
    assert after.mood is Mood.ALL_CLEAR
    assert len(after.overnight) == 1


@pytest.mark.long
def test_the_evening_tells_only_what_changed(url: str) -> None:
    rig = DigestRig(url, MORNING, EVENING)

    async def story() -> None:
        rig.source.says(50)
        await rig.minutes(12)
        rig.other.says(50)
        await rig.minutes(11)

    play(rig, story)
    morning, evening = rig.digests_in("oncall-slack")
    assert [view.incident.check for view in morning.open] == ["a"]
    assert [view.incident.check for view in evening.open] == ["b"]
    assert [view.incident.check for view in evening.unchanged] == ["a"]


def test_a_maintainer_reads_of_its_own_and_nothing_when_nothing_was(url: str) -> None:
    rig = DigestRig(url, OWNERS)

    async def story() -> None:
        rig.source.says(50)
        await rig.minutes(12)

    play(rig, story)
    made = rig.only("recsys-slack")
    assert (made.audience, made.coverage.due) == ("recsys", 2)
    assert [view.incident.check for view in made.open] == ["a"]
    assert rig.digests_in("data-slack") == []
    assert rig.digests_in("oncall-slack") == []


def test_a_maintainer_with_a_heartbeat_reads_one_line_on_a_quiet_day(url: str) -> None:
    rig = DigestRig(url, replace(OWNERS, heartbeat=True))
    play(rig, lambda: rig.minutes(12))
    assert rig.only("recsys-slack").is_quiet


def test_a_silence_that_ends_within_a_day_is_told(url: str) -> None:
    rig = DigestRig(url)

    async def story() -> None:
        ends = START + timedelta(hours=5)
        made = Silence("s1", parse_matchers('check="a"'), START, ends, "asha", "migration")
        assert await rig.engine.order(MakeSilence(made)) is None
        await rig.minutes(12)

    play(rig, story)
    assert rig.only().ending == ('check="a" until Mon 23 Nov 17:00 (asha: migration)',)


def test_a_receiver_that_takes_no_digests_gets_none(url: str) -> None:
    class Pager(Box):
        takes_digests = False

    rig = DigestRig(url)
    rig.boxes["oncall-slack"] = Pager(name="oncall-slack")
    rig.open()
    play(rig, lambda: rig.minutes(12))
    assert rig.digests_in("oncall-slack") == []


@pytest.mark.long
def test_the_week_is_reviewed(url: str) -> None:
    rig = DigestRig(url, replace(MORNING, minute=13, edition=Edition.REVIEW))

    async def story() -> None:
        for _ in range(2):
            rig.source.says(50)
            await rig.minutes(3)
            rig.source.says(1)
            await rig.minutes(4)

    play(rig, story)
    made = rig.only()
    assert made.week is not None
    assert made.week.fired == 2
    assert made.week.short == 2
    assert made.week.to_resolve == timedelta(minutes=3)


def test_numbers_of_the_night_are_kept_and_survive_a_restart(url: str) -> None:
    rig = DigestRig(url)
    play(rig, lambda: rig.minutes(5))
    rig.restarts()
    rig.source.says(7)
    play(rig, lambda: rig.minutes(5))
    store = open_store(url)
    (series,) = store.samples.series(["a"], START, START + timedelta(hours=1))
    letters = store.samples.days(START.date())["a"][START.date()]
    store.close()
    assert len(series.points) >= 9
    assert {point.value for point in series.points} == {1.0, 7.0}
    assert letters[12] == "o"


class Elsewhere(Source):
    """Knows of one alert, fails, or hangs."""

    answers = frozenset({OpenAlerts})
    how: str = "fine"

    async def ask(self, query: Query, asking: Asking) -> Answer:
        if self.how == "hangs":
            await asyncio.Event().wait()
        if self.how == "fails":
            raise SourceError("auth", "the key is wrong")
        alert = OpenAlert("P2 disk of the edge cache", START, "platform")
        return OpenAlertList(observed_at=asking.now, alerts=(alert,))


def test_what_is_open_elsewhere_is_told_and_who_does_not_answer_is_named(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.engine.digest_runs.ASKING", timedelta(milliseconds=50))
    rig = DigestRig(url)
    for how in ("fine", "fails", "hangs"):
        rig.elsewhere[how] = Elsewhere(name=how, how=how)
    rig.open()
    play(rig, lambda: rig.minutes(12))
    made = rig.only()
    assert [one.title for one in made.elsewhere] == ["P2 disk of the edge cache"]
    reasons = {one.section: one.reason for one in made.unavailable}
    assert "the key is wrong" in reasons["open alerts of fails"]
    assert "no answer within" in reasons["open alerts of hangs"]


def test_a_part_that_fails_or_comes_too_late_is_named_and_the_others_are_read() -> None:
    times = iter([0.0, 0.5, 1.0, 9.0])
    sections = Sections(now=lambda: next(times), seconds=3)
    assert sections.read("one", lambda: 1) == 1
    assert sections.read("two", lambda: 1 / 0) is None
    assert sections.read("three", lambda: 3) is None
    assert [(one.section, one.reason) for one in sections.missing] == [
        ("two", "ZeroDivisionError: division by zero"),
        ("three", "no time left of 3 s"),
    ]
