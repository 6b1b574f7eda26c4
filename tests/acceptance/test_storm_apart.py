"""A storm without a common cause: thousands of separate incidents, a few messages a channel."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest

from monitor.core.advance import Finding, advance
from monitor.core.book import Memory
from monitor.core.incident import IncidentView
from monitor.core.matcher import Matcher, Operator
from monitor.core.model import Maintainer, OnCall, Outcome, Tier, TierRule, Verdict
from monitor.core.notification import NotifyReason
from monitor.core.orders import Acknowledge, MakeSilence, Order, Refusal
from monitor.core.silence import Silence
from monitor.core.state import OutboxRow
from monitor.core.storm import COLLECTS, WINDOW
from monitor.core.world import Apart, CheckFacts, World

START = datetime(2026, 11, 25, 2, tzinfo=UTC)
CHECKS, TEAMS, CHANNELS, APART = 5000, 200, 20, 4
RULES = (TierRule(Tier.WARN, ()), TierRule(Tier.PAGE, ()))
WORLD = World(
    checks={
        f"rows-{n}": CheckFacts(f"rows-{n}", "threshold", RULES, "t", None, f"team-{n % TEAMS}")
        for n in range(CHECKS)
    },
    on_call=OnCall((), ("oncall",)),
    maintainers={
        f"team-{n}": Maintainer(f"team-{n}", (f"chat-{n % CHANNELS}",)) for n in range(TEAMS)
    },
    told_apart={f"chat-{n}": Apart(APART, f"chat-{n}") for n in range(CHANNELS)},
)


class Night:
    """What is found, and what is told of it."""

    def __init__(self, world: World = WORLD) -> None:
        self.at, self.memory, self.world = START, Memory(), world
        self.rows: list[OutboxRow] = []

    def finds(
        self, checks: Iterable[int], outcome: Outcome, *orders: Order, after: float = 1
    ) -> tuple[Refusal | None, ...]:
        self.at += timedelta(seconds=after)
        tier = {Outcome.PAGE: Tier.PAGE, Outcome.WARN: Tier.WARN}.get(outcome)
        names = [f"rows-{n}" for n in checks]
        findings = [
            Finding(c, self.at, (Verdict(c, (), self.at, outcome, tier, "few rows"),))
            for c in names
        ]
        done = advance(self.memory, findings, self.world, self.at, orders)
        self.memory.apply(done.step)
        self.rows.extend(done.step.outbox)
        return done.refusals

    def told(self, receiver: str) -> list[OutboxRow]:
        return [row for row in self.rows if row.notification.receiver == receiver]

    def reasons(self, receiver: str) -> list[NotifyReason]:
        return [row.notification.reason for row in self.told(receiver)]

    def storm(self, receiver: str) -> IncidentView:
        views = [row.notification.view for row in self.told(receiver)]
        return [view for view in views if view is not None and view.storm is not None][-1]


@pytest.mark.long
def test_five_thousand_separate_checks_are_five_messages_in_each_channel() -> None:
    night = Night()
    for second in range(10):
        night.finds(range(second, CHECKS, 10), Outcome.PAGE)
    for _ in range(60):
        night.finds((), Outcome.OK)
    subjects = {(row.notification.receiver, row.notification.subject) for row in night.rows}
    assert Counter(receiver for receiver, _ in subjects) == {
        f"chat-{n}": APART + 1 for n in range(CHANNELS)
    }
    assert max(Counter(row.notification.receiver for row in night.rows).values()) <= 10
    view = night.storm("chat-7")
    assert view.storm is not None
    assert view.storm.open == view.incident.members == CHECKS // CHANNELS - APART
    assert sum(count for _, count in view.storm.owners) == view.storm.open
    assert len(view.storm.owners) == TEAMS // CHANNELS
    assert len(view.own) + view.more_own == view.storm.open


def test_receivers_of_one_channel_have_one_storm() -> None:
    teams = {f"team-{n}": Maintainer(f"team-{n}", (f"chat-{n}",)) for n in range(10)}
    apart = {f"chat-{n}": Apart(APART, "chat-0") for n in range(10)}
    night = Night(World(WORLD.checks, OnCall((), ()), maintainers=teams, told_apart=apart))
    night.finds([n for n in range(CHECKS) if n % TEAMS < 10], Outcome.WARN)
    assert len({row.notification.subject for row in night.rows}) == APART + 1
    assert night.storm("chat-0").incident.members == 250 - APART


def test_few_incidents_of_a_minute_are_told_one_by_one() -> None:
    night = Night()
    night.finds(range(0, APART * CHANNELS, CHANNELS), Outcome.WARN)
    night.finds([APART * CHANNELS], Outcome.WARN, after=WINDOW.total_seconds())
    assert night.reasons("chat-0") == [NotifyReason.FIRST] * (APART + 1)
    assert not any(one.is_storm for one in night.memory.incidents.values())


def test_a_receiver_without_a_bound_is_told_of_each() -> None:
    night = Night(World(WORLD.checks, WORLD.on_call, maintainers=WORLD.maintainers))
    night.finds(range(100), Outcome.WARN)
    assert Counter(night.reasons("chat-0")) == {NotifyReason.FIRST: 5}


def test_a_storm_that_becomes_a_page_says_so_at_once_and_its_end_is_told_once() -> None:
    night = Night()
    mine = range(0, 20 * CHANNELS, CHANNELS)
    night.finds(mine, Outcome.WARN)
    night.finds([mine[-1]], Outcome.PAGE)
    assert night.reasons("chat-0")[-2:] == [NotifyReason.FIRST, NotifyReason.WORSE]
    assert night.storm("chat-0").own[0].check == f"rows-{mine[-1]}"
    night.finds(mine, Outcome.OK)
    night.finds((), Outcome.OK, after=3600)
    ends = [row.notification for row in night.told("chat-0") if row.notification.view is not None]
    storms = [one.reason for one in ends if one.view is not None and one.view.storm is not None]
    assert storms == [NotifyReason.FIRST, NotifyReason.WORSE, NotifyReason.RESOLVED]
    assert not night.memory.incidents


def test_a_storm_that_ends_slowly_is_brought_up_to_date_ever_more_rarely() -> None:
    night = Night()
    mine = range(0, 200 * CHANNELS, CHANNELS)
    night.finds(mine, Outcome.WARN)
    for number in mine[:-1]:
        night.finds([number], Outcome.OK, after=60)
    changes = [r for r in night.told("chat-0") if r.notification.subject.count("-storm-")]
    assert {row.notification.reason for row in changes[1:]} == {NotifyReason.STORM_CHANGED}
    assert 5 <= len(changes) <= 20
    night.finds((), Outcome.OK, after=4 * 3600)  # time alone brings the last change
    storm = night.storm("chat-0").storm
    assert storm is not None
    assert storm.open == 1


def test_what_comes_after_a_storm_has_collected_is_told_anew() -> None:
    night = Night()
    night.finds(range(0, 20 * CHANNELS, CHANNELS), Outcome.WARN)
    night.finds([20 * CHANNELS], Outcome.WARN, after=COLLECTS.total_seconds() - 1)
    assert NotifyReason.FIRST not in night.reasons("chat-0")[APART + 1 :]
    night.finds([21 * CHANNELS], Outcome.WARN, after=2)
    assert night.reasons("chat-0")[-1] is NotifyReason.FIRST


def test_an_order_about_a_storm_is_one_about_each_of_its_incidents() -> None:
    night = Night()
    night.finds(range(0, 20 * CHANNELS, CHANNELS), Outcome.WARN)
    (storm,) = [one for one in night.memory.incidents.values() if one.is_storm]
    assert night.finds((), Outcome.OK, Acknowledge(storm.id, "asha")) == (None,)
    acked = [one for one in night.memory.incidents.values() if one.ack is not None]
    assert len(acked) == 20 - APART
    night.finds(range(0, 20 * CHANNELS, CHANNELS), Outcome.OK)
    late = night.finds((), Outcome.OK, Acknowledge(storm.id, "asha"))
    assert late == (Refusal.NO_INCIDENT,)


def test_a_storm_under_a_silence_is_quiet_until_its_end() -> None:
    night = Night()
    mine = range(0, 20 * CHANNELS, CHANNELS)
    night.finds(mine, Outcome.WARN)
    matchers = (Matcher("check", Operator.REGEX, "rows-.*"),)
    ends_at = night.at + timedelta(hours=1)
    hush = Silence("s", matchers, night.at, ends_at, "asha", "known")
    night.finds((), Outcome.OK, MakeSilence(hush))
    before = len(night.rows)
    night.finds(mine[:15], Outcome.OK, after=600)
    assert [row.notification.reason for row in night.rows[before:]] == [NotifyReason.RESOLVED] * 4
    night.finds(mine, Outcome.OK)
    assert night.reasons("chat-0")[-1] is NotifyReason.RESOLVED
