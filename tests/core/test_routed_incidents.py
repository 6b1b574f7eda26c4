"""Timelines of incidents under a route tree, inhibition, mutes and escalation."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from monitor.core.advance import Finding, advance
from monitor.core.book import Memory
from monitor.core.inhibit import InhibitRule
from monitor.core.intervals import TimeInterval
from monitor.core.matcher import parse_matchers
from monitor.core.model import (
    EscalationStep,
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
from monitor.core.orders import Acknowledge, MakeSilence, Order, Reassign
from monitor.core.route_tree import Route
from monitor.core.routing import Routing
from monitor.core.silence import Silence
from monitor.core.state import Step
from monitor.core.world import CheckFacts, World

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
RULES = (TierRule(Tier.WARN, ()), TierRule(Tier.PAGE, ()))
TIERS = {Outcome.WARN: Tier.WARN, Outcome.PAGE: Tier.PAGE}
WARN, PAGE, OK = Outcome.WARN, Outcome.PAGE, Outcome.OK
WORLD = World(
    checks={
        "load": CheckFacts("load", "trino_load", RULES, "adhoc", "trino", "platform"),
        "rows": CheckFacts(
            "rows", "threshold", RULES, "kpi", "kpi.rows", "recsys", labels=(("env", "prod"),)
        ),
        "woken": CheckFacts("woken", "latency", RULES, "serving", None, "recsys", wake=True),
        "table": CheckFacts("table", "freshness", RULES, "kpi", "events", "platform"),
        "dash": CheckFacts("dash", "freshness", RULES, "kpi", "superset", "recsys"),
        "stray": CheckFacts("stray", "threshold", RULES, "kpi"),
    },
    on_call=OnCall(("asha",), ("oncall",)),
    resources={"superset": Resource("superset", "recsys", ("events",))},
    maintainers={
        "platform": Maintainer("platform", ("platform-chat",), ("platform-pager",)),
        "recsys": Maintainer(
            "recsys",
            ("recsys-chat",),
            ("recsys-pager",),
            Hours(frozenset(range(5)), 9 * 60, 19 * 60),
        ),
    },
)
FIRST, UNSUPPRESSED = NotifyReason.FIRST, NotifyReason.UNSUPPRESSED


def node(receiver: str | None, matchers: str = "", *routes: Route, **options: object) -> Route:
    zero: dict[str, object] = {"group_wait": timedelta(0), "group_interval": timedelta(0)}
    made = Route(receiver, parse_matchers(matchers), routes=routes)
    return replace(made, **(zero | options))  # type: ignore[arg-type]  # fields by name


def under(route: Route | None = None, **more: object) -> World:
    rules, intervals = more.pop("rules", ()), more.pop("intervals", {})
    routing = Routing(route, rules, intervals)  # type: ignore[arg-type]  # as given
    return replace(WORLD, routing=routing, **more)  # type: ignore[arg-type]  # fields by name


class Day:
    """A timeline in steps of a minute."""

    def __init__(self, world: World, at: datetime = NOON) -> None:
        self.world, self.at, self.memory = world, at, Memory()

    def finds(self, **outcomes: Outcome) -> dict[str, NotifyReason]:
        findings = [
            Finding(c, self.at, (Verdict(c, (), self.at, o, TIERS.get(o), "r"),))
            for c, o in outcomes.items()
        ]
        return self.does(findings)

    def does(self, findings: Sequence[Finding] = (), *orders: Order) -> dict[str, NotifyReason]:
        self.step: Step = advance(self.memory, findings, self.world, self.at, orders).step
        self.memory.apply(self.step)
        self.at += MINUTE
        return {row.notification.receiver: row.notification.reason for row in self.step.outbox}

    def waits(self, minutes: float) -> dict[str, NotifyReason]:
        """Let time pass, waking only when the memory says so, as the daemon does."""
        until = self.at + minutes * MINUTE
        told: dict[str, NotifyReason] = {}
        while (due := self.memory.next_due()) is not None and due <= until:
            self.at = max(due, self.at)
            told |= self.does()
            self.at -= MINUTE
        self.at = until
        return told

    def quiet(self) -> set[QuietReason]:
        return {one.reason for one in self.step.quiet}


def test_the_tree_decides_by_all_labels_of_an_alert() -> None:
    tree = node(
        "rest",
        "",
        node("by-check", "check=load,kind=trino_load,source=adhoc,resource=trino", continues=True),
        node("by-owner", 'maintainer=platform,alertname="load",severity=warn'),
        node("by-label", "env=prod"),
    )
    day = Day(under(tree))
    assert day.finds(load=WARN) == {"by-check": FIRST, "by-owner": FIRST}
    assert day.finds(rows=WARN) == {"by-label": FIRST}
    assert day.finds(stray=WARN) == {"rest": FIRST}
    assert [one.unowned for one in day.step.incidents] == [True]


def test_the_labels_of_a_slice_decide_too() -> None:
    day = Day(under(node("rest", "", node("ctr", "model=ctr"))))
    verdict = Verdict("rows", (("model", "ctr"),), day.at, WARN, Tier.WARN)
    assert day.does([Finding("rows", day.at, (verdict,))]) == {"ctr": FIRST}


def test_a_route_without_receiver_leaves_it_to_the_maintainer_and_to_on_call() -> None:
    day = Day(under(node(None, "", node("pages", "severity=page", continues=True))))
    assert day.finds(load=WARN, stray=WARN) == {"platform-chat": FIRST, "oncall": FIRST}
    assert day.finds(rows=PAGE) == {"pages": FIRST}


def test_a_tier_that_rises_goes_where_the_tree_then_leads() -> None:
    day = Day(under(node(None, "", node("platform-pager", "severity=page"))))
    assert day.finds(load=WARN) == {"platform-chat": FIRST}
    assert day.finds(load=PAGE) == {"platform-pager": FIRST}
    ends = day.finds(load=OK)
    assert ends == dict.fromkeys(("platform-chat", "platform-pager"), NotifyReason.RESOLVED)


def test_a_pager_of_the_tree_keeps_the_hours_of_the_owner() -> None:
    tree = node("rest", "", node("recsys-pager", "severity=page"))
    night = NOON.replace(hour=2)
    day = Day(under(tree), night)
    assert day.finds(rows=PAGE) == {}
    assert day.quiet() == {QuietReason.OUTSIDE_HOURS}
    assert Day(under(tree), night).finds(woken=PAGE) == {"recsys-pager": FIRST}
    assert day.waits(7 * 60) == {"recsys-pager": FIRST}
    assert day.at.hour == 9


def test_a_reassigned_incident_is_routed_by_its_new_owner() -> None:
    tree = node("rest", "", node("r", "maintainer=recsys"), node("p", "maintainer=platform"))
    day = Day(under(tree))
    assert day.finds(load=WARN) == {"p": FIRST}
    (incident,) = day.memory.incidents
    assert day.does([], Reassign(incident, "recsys", "asha")) == {
        "r": FIRST,
        "p": NotifyReason.REASSIGNED,
    }


def test_what_follows_from_a_cause_is_told_where_the_tree_leads_it_but_never_paged() -> None:
    tree = node(
        "rest",
        "",
        node("dashboards", "resource=superset", continues=True),
        node("recsys-pager", "resource=superset"),
    )
    day = Day(under(tree))
    assert day.finds(table=WARN, dash=WARN) == {"rest": FIRST, "dashboards": FIRST}


WAITS = {
    "group_wait": timedelta(seconds=30),
    "group_interval": 5 * MINUTE,
    "repeat_interval": timedelta(hours=4),
}


def test_waits_and_repeats_are_those_of_the_route() -> None:
    day = Day(under(node("chat", "", **WAITS)))
    assert day.finds(load=WARN) == {}
    assert day.quiet() == {QuietReason.GROUP_WAIT}
    assert day.waits(0) == {"chat": FIRST}
    assert day.waits(4 * 60 - 2) == {}
    assert day.waits(2) == {"chat": NotifyReason.REPEAT}


NIGHT = {"night": (TimeInterval(times=((22 * 60, 6 * 60),)),)}


def test_what_fires_when_a_mute_ends_is_told_at_once() -> None:
    tree = node("chat", "", mute_time_intervals=("night",), repeat_interval=timedelta(hours=4))
    day = Day(under(tree, intervals=NIGHT), NOON.replace(hour=23))
    assert day.finds(load=WARN) == {}
    assert day.quiet() == {QuietReason.MUTED}
    assert day.waits(7 * 60 - 2) == {}
    assert day.waits(1.5) == {"chat": UNSUPPRESSED}
    assert day.at - NOON.replace(day=26, hour=6) <= timedelta(seconds=30)


def test_what_was_told_before_a_mute_and_ends_in_it_is_told_to_have_ended() -> None:
    tree = node("chat", "", active_time_intervals=("night",))
    day = Day(under(tree, intervals=NIGHT), NOON.replace(hour=5, minute=58))
    assert day.finds(load=WARN) == {"chat": FIRST}
    day.waits(60)
    assert day.finds(load=OK) == {"chat": NotifyReason.RESOLVED}


def test_a_receiver_that_is_muted_on_one_way_and_not_on_another_is_told() -> None:
    muted = node("chat", "", mute_time_intervals=("night",), continues=True)
    tree = node("rest", "", muted, node("chat", "check=load"))
    day = Day(under(tree, intervals=NIGHT), NOON.replace(hour=23))
    assert day.finds(load=WARN) == {"chat": FIRST}


RULE = InhibitRule(parse_matchers("kind=trino_load,severity=page"), parse_matchers("env=prod"))


def test_a_target_is_held_while_its_source_fires_and_told_at_once_when_it_ends() -> None:
    day = Day(under(rules=(RULE,)))
    day.finds(load=PAGE)
    assert day.finds(rows=WARN) == {}
    assert day.quiet() == {QuietReason.INHIBITED}
    held = [one for one in day.memory.incidents.values() if one.check == "rows"]
    assert [(one.kind, one.by) for one in held[0].suppressed_by] == [("inhibition", "load")]
    assert day.finds(load=OK)["recsys-chat"] is UNSUPPRESSED


def test_a_source_that_is_no_longer_one_by_its_tier_holds_nothing() -> None:
    day = Day(under(rules=(RULE,)))
    day.finds(load=PAGE)
    day.finds(rows=WARN)
    assert day.finds(load=WARN)["recsys-chat"] is UNSUPPRESSED


def test_a_target_that_was_told_is_held_quietly_and_its_end_is_told() -> None:
    day = Day(under(rules=(RULE,)))
    day.finds(rows=WARN)
    assert "recsys-chat" not in day.finds(load=PAGE)
    assert QuietReason.INHIBITED in day.quiet()
    assert day.finds(rows=OK) == {"recsys-chat": NotifyReason.RESOLVED}


def test_cause_and_target_found_in_one_step_leak_nothing() -> None:
    assert "recsys-chat" not in Day(under(rules=(RULE,))).finds(rows=WARN, load=PAGE)


STEPS = (
    EscalationStep(15 * MINUTE, ("lead-pager",)),
    EscalationStep(30 * MINUTE, ("boss-pager", "lead-pager")),
)
CLIMBING = replace(WORLD.on_call, escalation=STEPS)
ESCALATED = NotifyReason.ESCALATED


def test_a_page_that_nobody_answers_climbs_and_all_hear_its_end() -> None:
    day = Day(replace(WORLD, on_call=CLIMBING))
    assert set(day.finds(load=PAGE)) == {"platform-chat", "platform-pager"}
    assert day.waits(13) == {}
    assert day.waits(1) == {"lead-pager": ESCALATED}
    assert all(row.notification.is_page for row in day.step.outbox)
    assert day.waits(60 * 24) == {"boss-pager": ESCALATED}
    ends = day.finds(load=OK)
    assert set(ends) == {"platform-chat", "platform-pager", "lead-pager", "boss-pager"}
    assert set(ends.values()) == {NotifyReason.RESOLVED}


def test_an_answered_page_climbs_no_further_until_the_answer_runs_out() -> None:
    day = Day(replace(WORLD, on_call=CLIMBING))
    day.finds(load=PAGE)
    day.waits(15)
    (incident,) = day.memory.incidents
    until = day.at + 60 * MINUTE
    heard = day.does([], Acknowledge(incident, "asha", until))
    assert heard["lead-pager"] is NotifyReason.ACKNOWLEDGED
    assert "boss-pager" not in day.waits(60) | day.waits(28)
    assert day.waits(2)["boss-pager"] is ESCALATED


def test_a_warning_and_a_page_that_waits_for_the_morning_do_not_climb() -> None:
    assert Day(replace(WORLD, on_call=CLIMBING)).finds(load=WARN) == {"platform-chat": FIRST}
    night = Day(replace(WORLD, on_call=CLIMBING), NOON.replace(hour=2))
    night.finds(rows=PAGE)
    assert night.waits(7 * 60 - 2) == {}
    assert night.waits(2) == {"recsys-pager": FIRST}
    assert night.waits(16) == {"lead-pager": ESCALATED}


def test_an_unowned_incident_names_who_is_on_call() -> None:
    day = Day(under())
    day.finds(stray=WARN)
    view = day.step.outbox[0].notification.view
    assert view is not None
    assert view.people == ("asha",)


def test_a_pager_that_was_told_by_day_does_not_ring_at_night_and_hears_in_the_morning() -> None:
    day = Day(under(), NOON.replace(hour=18))
    assert day.finds(rows=PAGE) == {"recsys-chat": FIRST, "recsys-pager": FIRST}
    day.waits(60 * 8)
    more = Verdict("rows", (("model", "b"),), day.at, PAGE, Tier.PAGE, "r")
    told = day.does([Finding("rows", day.at, (more,), is_partial=True)])
    assert told == {"recsys-chat": NotifyReason.MORE_ALERTS}
    assert day.quiet() == {QuietReason.OUTSIDE_HOURS}
    assert day.waits(60 * 8) == {"recsys-pager": NotifyReason.MORE_ALERTS}
    assert day.at.hour == 10


def test_the_end_of_a_page_is_told_to_a_pager_at_night() -> None:
    day = Day(under(), NOON.replace(hour=18))
    day.finds(rows=PAGE)
    day.waits(60 * 8)
    assert day.finds(rows=OK)["recsys-pager"] is NotifyReason.RESOLVED


def test_pagers_hear_only_of_alerts_of_tier_page_that_come_their_way() -> None:
    tree = node(None, "", node("lead", "model=a"))
    day = Day(under(tree))
    both = [
        Verdict("load", (), day.at, WARN, Tier.WARN, "r"),
        Verdict("load", (("model", "a"),), day.at, PAGE, Tier.PAGE, "r"),
    ]
    told = day.does([Finding("load", day.at, tuple(both))])
    assert told == {"platform-chat": FIRST, "lead": FIRST}


def test_a_source_that_is_reassigned_may_be_one_no_longer() -> None:
    rule = InhibitRule(parse_matchers("maintainer=platform"), parse_matchers("env=prod"))
    day = Day(under(rules=(rule,)))
    day.finds(load=WARN)
    assert day.finds(rows=WARN) == {}
    (source,) = [one.id for one in day.memory.incidents.values() if one.check == "load"]
    assert day.does([], Reassign(source, "recsys", "asha"))["recsys-chat"] in {UNSUPPRESSED, FIRST}
    told = {n.notification.subject[-4:] for n in day.step.outbox}
    assert "rows" in told


TREE = node(None, "", node("pagers", "severity=page", continues=True), node("chat", ""))


@pytest.mark.parametrize(
    ("tree", "chat", "pager"),
    [(None, {"platform-chat", "recsys-chat"}, "platform-pager"), (TREE, {"chat"}, "pagers")],
)
def test_what_pages_pages_whoever_owns_its_cause_though_that_only_warns(
    tree: Route | None, chat: set[str], pager: str
) -> None:
    day = Day(under(tree))
    assert day.finds(table=WARN, dash=WARN).keys() == chat
    assert day.finds(dash=PAGE).get(pager) == NotifyReason.FIRST
    (incident,) = day.memory.incidents.values()
    assert (incident.check, incident.tier) == ("table", Tier.PAGE)
    day.finds(dash=WARN)
    assert day.memory.incidents[incident.id].tier is Tier.WARN
    assert pager in day.finds(table=OK, dash=OK)  # it hears the end


def test_what_is_silenced_pages_nobody_by_its_cause() -> None:
    day = Day(under())
    matchers = parse_matchers("check=dash")
    day.does([], MakeSilence(Silence("s", matchers, day.at, day.at + 9 * MINUTE, "asha", "known")))
    assert "platform-pager" not in day.finds(table=WARN, dash=PAGE)
    assert "platform-pager" in day.waits(20)


def test_whoever_was_paged_before_the_cause_was_found_is_the_only_one() -> None:
    day = Day(under())
    assert "recsys-pager" in day.finds(dash=PAGE)
    assert "platform-pager" not in day.finds(table=WARN)
    assert {one.check: one.tier for one in day.memory.incidents.values()} == {
        "dash": Tier.PAGE,
        "table": Tier.WARN,
    }


def test_a_silence_of_the_cause_does_not_hide_what_pages_because_of_it() -> None:
    day = Day(under())
    matchers = parse_matchers("check=table")
    day.does([], MakeSilence(Silence("s", matchers, day.at, day.at + 90 * MINUTE, "asha", "known")))
    assert day.finds(table=WARN, dash=WARN) == {}
    assert day.finds(dash=PAGE).keys() == {"platform-chat", "platform-pager", "recsys-chat"}


def test_a_warning_that_was_told_before_its_silenced_cause_pages_when_it_becomes_a_page() -> None:
    day = Day(under())
    matchers = parse_matchers("check=table")
    day.does([], MakeSilence(Silence("s", matchers, day.at, day.at + 90 * MINUTE, "asha", "known")))
    assert day.finds(dash=WARN).keys() == {"recsys-chat"}
    day.finds(table=WARN, dash=WARN)
    (cause,) = [one for one in day.memory.incidents.values() if one.parent is None]
    assert cause.check == "table"
    assert "platform-pager" in day.finds(dash=PAGE)


def test_a_silence_of_the_cause_hides_it_from_those_who_do_not_page_though_others_do() -> None:
    checks = {**WORLD.checks, "tab": replace(WORLD.checks["dash"], id="tab", maintainer="bi")}
    teams = {**WORLD.maintainers, "bi": Maintainer("bi", ("bi-chat",))}
    day = Day(under(checks=checks, maintainers=teams))
    matchers = parse_matchers("check=table")
    day.does([], MakeSilence(Silence("s", matchers, day.at, day.at + 90 * MINUTE, "asha", "known")))
    day.finds(table=WARN, dash=WARN, tab=WARN)
    assert "bi-chat" not in day.finds(dash=PAGE)
