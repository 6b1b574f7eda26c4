"""Storms: one cause, thousands of consequences, hundreds of owners, and one message for each."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from monitor.core.advance import Finding, advance
from monitor.core.book import Memory
from monitor.core.causes import ADOPT_WITHIN
from monitor.core.model import Maintainer, OnCall, Outcome, Resource, Tier, TierRule, Verdict
from monitor.core.notification import NotifyReason
from monitor.core.orders import Order
from monitor.core.state import OutboxRow, Step
from monitor.core.world import CheckFacts, World

START = datetime(2026, 11, 25, 2, tzinfo=UTC)
TABLES, TEAMS = 5000, 200
RULES = (TierRule(Tier.WARN, ()), TierRule(Tier.PAGE, ()))
WORLD = World(
    checks={
        "trino": CheckFacts("trino", "trino_load", RULES, "t", "trino.adhoc", "data", wake=True),
        **{
            f"fresh-{n}": CheckFacts(
                f"fresh-{n}", "freshness", RULES, "t", f"table-{n}", f"team-{n % TEAMS}"
            )
            for n in range(TABLES)
        },
    },
    on_call=OnCall((), ("oncall",)),
    resources={
        "trino.adhoc": Resource("trino.adhoc", "data"),
        **{
            # Every second table lies two steps below Trino.
            f"table-{n}": Resource(
                f"table-{n}", None, ("trino.adhoc",) if n % 2 == 0 else (f"table-{n - 1}",)
            )
            for n in range(TABLES)
        },
    },
    maintainers={
        "data": Maintainer("data", ("data-chat",), ("data-pager",)),
        **{
            f"team-{n}": Maintainer(f"team-{n}", (f"chat-{n}",), (f"pager-{n}",))
            for n in range(TEAMS)
        },
    },
)


class Night:
    """What is found second by second, and what is told of it."""

    def __init__(self) -> None:
        self.at, self.memory = START, Memory()
        self.rows: list[OutboxRow] = []

    def finds(self, checks: Sequence[str], outcome: Outcome, *orders: Order) -> Step:
        self.at += timedelta(seconds=1)
        tier = Tier.PAGE if outcome is Outcome.PAGE else None
        findings = [
            Finding(c, self.at, (Verdict(c, (), self.at, outcome, tier, "late"),)) for c in checks
        ]
        step = advance(self.memory, findings, WORLD, self.at, orders).step
        self.memory.apply(step)
        self.rows.extend(step.outbox)
        return step

    def pass_time(self, seconds: int) -> None:
        self.at += timedelta(seconds=seconds)
        self.finds((), Outcome.OK)

    def messages(self) -> Counter[str]:
        """Count messages by receiver; an edit of one is none of its own."""
        first = {(row.notification.subject, row.notification.receiver) for row in self.rows}
        return Counter(receiver for _, receiver in first)


def names(first: int, last: int) -> list[str]:
    return [f"fresh-{n}" for n in range(first, last)]


@pytest.mark.long
def test_one_outage_is_one_page_and_one_line_for_each_maintainer() -> None:
    night = Night()
    night.finds(["trino"], Outcome.PAGE)
    for first in range(0, TABLES, 500):
        night.finds(names(first, first + 500), Outcome.PAGE)
    night.pass_time(10)
    messages = night.messages()
    assert messages.pop("data-pager") == 1
    assert messages.pop("data-chat") == 1
    assert messages == Counter({f"chat-{n}": 1 for n in range(TEAMS)})
    (incident,) = night.memory.incidents.values()
    assert len(night.memory.alerts_of(incident.id)) == TABLES + 1
    lines = [row.notification for row in night.rows if row.notification.receiver == "chat-7"]
    assert {m.maintainer for m in lines[-1].view.folded} == {"team-7"}  # type: ignore[union-attr]


@pytest.mark.long
def test_every_consequence_is_recorded_with_its_cause() -> None:
    night = Night()
    night.finds(["trino"], Outcome.PAGE)
    step = night.finds(names(0, TABLES), Outcome.PAGE)
    causes = Counter(verdict.blocked_by for verdict in step.verdicts)
    assert causes == Counter({"trino.adhoc": TABLES})
    assert {event.incident for event in step.events} == set(night.memory.incidents)


def test_a_cause_that_is_found_two_minutes_later_adopts_and_nobody_hears_twice() -> None:
    night = Night()
    night.finds(names(0, 400), Outcome.PAGE)
    before = night.messages()
    night.at += ADOPT_WITHIN - timedelta(seconds=1)
    night.finds(["trino"], Outcome.PAGE)
    night.pass_time(10)
    after = night.messages()
    assert after - before == Counter({"data-chat": 1, "data-pager": 1})
    told = {row.notification.reason for row in night.rows if row.notification.receiver == "chat-2"}
    assert NotifyReason.ADOPTED in told
    root = next(one for one in night.memory.incidents.values() if one.check == "trino")
    # The odd tables lie below the even ones, and were under those already.
    assert len(night.memory.children_of(root.id)) == 200


def test_a_cause_that_is_found_later_than_that_stands_beside() -> None:
    night = Night()
    night.finds(names(0, 2), Outcome.PAGE)
    night.at += ADOPT_WITHIN + timedelta(seconds=1)
    night.finds(["trino"], Outcome.PAGE)
    assert not any(one.parent for one in night.memory.incidents.values())


def test_when_the_cause_is_well_what_still_fires_stands_on_its_own() -> None:
    night = Night()
    night.finds(["trino"], Outcome.PAGE)
    night.finds(names(0, 4), Outcome.PAGE)
    night.pass_time(10)
    night.finds(["trino"], Outcome.OK)
    assert not night.memory.incidents
    for _ in range(3):
        night.finds(["fresh-0"], Outcome.PAGE)
        night.finds(names(1, 4), Outcome.OK)
    assert [one.check for one in night.memory.incidents.values()] == ["fresh-0"]
    assert night.rows[-1].notification.reason is NotifyReason.FIRST


def test_an_adopted_incident_that_outlives_its_cause_is_told_so_and_ends_once() -> None:
    night = Night()
    night.finds(["fresh-0"], Outcome.PAGE)
    night.finds(["trino"], Outcome.PAGE)
    night.finds(["trino"], Outcome.OK)
    night.finds(["fresh-0"], Outcome.PAGE)
    night.pass_time(10)
    night.finds(["fresh-0"], Outcome.OK)
    told = [r.notification.reason for r in night.rows if r.notification.receiver == "chat-0"]
    assert told == [
        NotifyReason.FIRST,
        NotifyReason.ADOPTED,
        NotifyReason.RELEASED,
        NotifyReason.RESOLVED,
    ]
