from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from monitor.core.advance import Finding, advance
from monitor.core.alert import AlertState, Change
from monitor.core.book import Memory
from monitor.core.causes import GRACE_AFTER_ROOT
from monitor.core.lifecycle import UPSTREAM_FIRST
from monitor.core.model import (
    Hours,
    Maintainer,
    OnCall,
    Outcome,
    Resource,
    Tier,
    TierRule,
    Verdict,
)
from monitor.core.notification import NotifyReason, QuietReason
from monitor.core.orders import Order
from monitor.core.state import Step
from monitor.core.world import CheckFacts, World

MONDAY_NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
RULES = (TierRule(Tier.WARN, ()), TierRule(Tier.PAGE, ()))
WORK = Hours(frozenset(range(5)), 9 * 60, 19 * 60)
WORLD = World(
    checks={
        "table": CheckFacts("table", "freshness", RULES, "kpi", "events", "data"),
        "dash": CheckFacts("dash", "freshness", RULES, "kpi", "superset", "analytics"),
        "metric": CheckFacts("metric", "anomaly", RULES, "kpi", "kpi.impressions", "recsys"),
        "woken": CheckFacts("woken", "latency", RULES, "serving", None, "recsys", wake=True),
        "stray": CheckFacts("stray", "threshold", RULES, "kpi"),
    },
    on_call=OnCall(("asha",), ("oncall-slack",)),
    resources={
        "events": Resource("events", "data", backfill="run {{ from }}"),
        "kpi.impressions": Resource("kpi.impressions", "recsys", ("events",)),
        "superset": Resource("superset", "analytics", ("kpi.impressions",)),
    },
    maintainers={
        "data": Maintainer("data", ("data-slack",)),
        "analytics": Maintainer("analytics", ("analytics-slack",)),
        "recsys": Maintainer("recsys", ("recsys-slack",), ("recsys-pager",), WORK),
    },
)
TIERS = {Outcome.WARN: Tier.WARN, Outcome.PAGE: Tier.PAGE}


class Day:
    """A timeline: what is found minute by minute, and what it leads to."""

    def __init__(self, at: datetime = MONDAY_NOON, world: World = WORLD) -> None:
        self.at, self.memory, self.world = at, Memory(), world

    def finds(self, **outcomes: Outcome) -> Step:
        self.at += timedelta(minutes=1)
        findings = [
            Finding(c, self.at, (Verdict(c, (), self.at, o, TIERS.get(o), "r"),))
            for c, o in outcomes.items()
        ]
        return self.does(findings)

    def does(self, findings: Sequence[Finding] = (), *orders: Order) -> Step:
        step = advance(self.memory, findings, self.world, self.at, orders).step
        self.memory.apply(step)
        return step


def told(step: Step) -> dict[str, NotifyReason]:
    return {row.notification.receiver: row.notification.reason for row in step.outbox}


def test_an_alert_goes_to_the_maintainer_of_its_resource_once() -> None:
    day = Day()
    assert told(day.finds(table=Outcome.WARN)) == {"data-slack": NotifyReason.FIRST}
    assert told(day.finds(table=Outcome.WARN)) == {}


def test_what_nobody_owns_goes_to_on_call_and_is_marked() -> None:
    step = Day().finds(stray=Outcome.WARN)
    assert told(step) == {"oncall-slack": NotifyReason.FIRST}
    assert step.incidents[0].unowned


def test_each_receiver_that_heard_of_it_hears_the_end() -> None:
    day = Day()
    day.finds(metric=Outcome.PAGE)
    ends = told(day.finds(metric=Outcome.OK))
    assert ends == dict.fromkeys(("recsys-slack", "recsys-pager"), NotifyReason.RESOLVED)
    assert not day.memory.incidents
    assert not day.memory.told


def test_a_dashboard_behind_a_stale_table_is_shown_under_it_and_opens_no_incident() -> None:
    day = Day()
    day.finds(table=Outcome.WARN)
    step = day.finds(dash=Outcome.WARN)
    assert len(day.memory.incidents) == 1
    assert told(step) == {
        "data-slack": NotifyReason.CAUSE_CHANGED,
        "analytics-slack": NotifyReason.FIRST,
    }
    view = step.outbox[0].notification.view
    assert view is not None
    assert [member.check for member in view.folded] == ["dash"]
    assert step.verdicts[0].outcome is Outcome.BLOCKED


def test_cause_and_consequence_found_in_one_step_are_one_incident() -> None:
    day = Day()
    day.finds(dash=Outcome.WARN, metric=Outcome.PAGE, table=Outcome.WARN)
    assert [incident.check for incident in day.memory.incidents.values()] == ["table"]


def test_missing_data_below_a_red_table_never_becomes_an_alert() -> None:
    day = Day()
    day.finds(table=Outcome.WARN)
    for _ in range(10):
        day.finds(metric=Outcome.NO_DATA)
    assert all(alert.check == "table" for alert in day.memory.alerts.values())


def test_missing_data_is_left_to_the_check_upstream_that_watches_for_it() -> None:
    watched = replace(WORLD.checks["table"], tells_of_missing_data=True)
    day = Day(world=replace(WORLD, checks={**WORLD.checks, "table": watched}))
    for _ in range(10):
        day.finds(table=Outcome.OK, metric=Outcome.NO_DATA)
    assert not day.memory.incidents
    day.finds(table=Outcome.OK, metric=Outcome.PAGE)
    assert [one.check for one in day.memory.incidents.values()] == ["metric"]


def test_missing_data_is_told_when_the_check_upstream_saw_nothing_for_a_day() -> None:
    watched = replace(WORLD.checks["table"], tells_of_missing_data=True)
    day = Day(world=replace(WORLD, checks={**WORLD.checks, "table": watched}))
    for _ in range(3):
        day.finds(table=Outcome.OK, metric=Outcome.NO_DATA)
    day.at += UPSTREAM_FIRST
    day.finds(table=Outcome.OK, metric=Outcome.NO_DATA)
    assert [one.check for one in day.memory.incidents.values()] == ["metric"]


def test_missing_data_that_nobody_watches_is_told_after_three_looks() -> None:
    day = Day()
    for _ in range(3):
        day.finds(table=Outcome.OK, metric=Outcome.NO_DATA)
    assert [one.check for one in day.memory.incidents.values()] == ["metric"]


def test_what_is_still_bad_long_after_its_cause_is_gone_stands_on_its_own() -> None:
    day = Day()
    day.finds(table=Outcome.WARN, dash=Outcome.WARN)
    ends = told(day.finds(table=Outcome.OK, dash=Outcome.WARN))
    assert set(ends.values()) == {NotifyReason.RESOLVED}
    assert not day.memory.incidents
    day.at += GRACE_AFTER_ROOT
    step = day.finds(table=Outcome.OK, dash=Outcome.WARN)
    assert [incident.check for incident in day.memory.incidents.values()] == ["dash"]
    assert told(step) == {"analytics-slack": NotifyReason.FIRST}


def test_a_pager_outside_the_hours_waits_for_them_and_the_reason_is_stored() -> None:
    day = Day(datetime(2026, 11, 24, 2, tzinfo=UTC))
    step = day.finds(metric=Outcome.PAGE)
    assert told(step) == {"recsys-slack": NotifyReason.FIRST}
    assert [quiet.reason for quiet in step.quiet] == [QuietReason.OUTSIDE_HOURS]
    assert not day.finds(metric=Outcome.PAGE).quiet
    day.at = datetime(2026, 11, 24, 9, tzinfo=UTC)
    assert told(day.finds()) == {"recsys-pager": NotifyReason.FIRST}


def test_a_check_that_may_wake_pages_at_night() -> None:
    day = Day(datetime(2026, 11, 24, 2, tzinfo=UTC))
    assert "recsys-pager" in told(day.finds(woken=Outcome.PAGE))


def test_a_warning_that_becomes_a_page_says_so() -> None:
    day = Day()
    day.finds(metric=Outcome.WARN)
    assert told(day.finds(metric=Outcome.PAGE)) == {
        "recsys-slack": NotifyReason.WORSE,
        "recsys-pager": NotifyReason.FIRST,
    }


def test_every_due_slot_ends_as_one_outcome_even_when_nothing_was_seen() -> None:
    step = Day().finds(table=Outcome.ERROR, metric=Outcome.SKIPPED)
    outcomes = {slot.check: slot.outcome for slot in step.slots}
    assert outcomes == {"table": Outcome.ERROR, "metric": Outcome.SKIPPED}


def test_a_slice_that_vanishes_from_the_answer_stays_open() -> None:
    day = Day()
    sliced = Verdict("table", (("m", "a"),), day.at, Outcome.WARN, Tier.WARN)
    day.does([Finding("table", day.at, (sliced,))])
    other = Verdict("table", (("m", "b"),), day.at, Outcome.OK)
    step = day.does([Finding("table", day.at, (other,))])
    assert day.memory.alerts[("table", (("m", "a"),))].is_open
    assert {v.outcome for v in step.verdicts} == {Outcome.OK, Outcome.NO_DATA}


def test_a_check_that_saw_nothing_is_resolved_when_its_slices_are_seen_again() -> None:
    day = Day()
    for _ in range(3):
        day.finds(table=Outcome.ERROR)
    assert day.memory.alerts[("table", ())].state is AlertState.FIRING
    day.at += timedelta(minutes=1)
    seen = tuple(Verdict("table", (("m", name),), day.at, Outcome.OK) for name in "ab")
    step = day.does([Finding("table", day.at, seen)])
    assert [(event.change, event.reason) for event in step.events] == [
        (Change.RESOLVED, "there is an answer again")
    ]
    assert told(step) == {"data-slack": NotifyReason.RESOLVED}


def test_a_check_that_saw_nothing_recovers_for_as_long_as_it_is_kept_firing() -> None:
    facts = replace(WORLD.checks["table"], keep_firing_for=timedelta(minutes=3))
    day = Day(world=replace(WORLD, checks={**WORLD.checks, "table": facts}))
    for _ in range(3):
        day.finds(table=Outcome.ERROR)
    states = []
    for _ in range(5):
        day.at += timedelta(minutes=1)
        seen = Verdict("table", (("m", "a"),), day.at, Outcome.OK)
        day.does([Finding("table", day.at, (seen,))])
        alert = day.memory.alerts.get(("table", ()))
        states.append(alert.state if alert else None)
    assert states[:3] == [AlertState.RECOVERING] * 3
    assert states[3:] == [AlertState.RESOLVED] * 2


def test_a_check_that_began_to_see_nothing_is_forgotten_when_its_slices_are_seen_again() -> None:
    day = Day()
    day.finds(table=Outcome.ERROR)
    day.at += timedelta(minutes=1)
    day.does([Finding("table", day.at, (Verdict("table", (("m", "a"),), day.at, Outcome.OK),))])
    assert ("table", ()) not in day.memory.alerts
