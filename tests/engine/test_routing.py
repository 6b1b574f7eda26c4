"""The route tree in a running daemon: real engine and store, a clock that is set by hand."""

from dataclasses import replace
from datetime import timedelta

import pytest

from monitor.config.plan import Plan
from monitor.core.inhibit import InhibitRule
from monitor.core.intervals import TimeInterval
from monitor.core.matcher import parse_matchers
from monitor.core.notification import NotifyReason
from monitor.core.route_tree import Route
from monitor.core.routing import Routing
from tests.engine.rig import Rig

FIRST, RESOLVED = NotifyReason.FIRST, NotifyReason.RESOLVED
UNSUPPRESSED = NotifyReason.UNSUPPRESSED
AFTER_NOON = {"lunch": (TimeInterval(times=((12 * 60, 13 * 60),)),)}


def node(receiver: str | None, matchers: str = "", *routes: Route, mute: str = "") -> Route:
    return Route(
        receiver,
        parse_matchers(matchers),
        routes=routes,
        group_wait=timedelta(0),
        group_interval=timedelta(0),
        mute_time_intervals=(mute,) if mute else (),
    )


def under(plan: Plan, routing: Routing) -> Plan:
    return replace(plan, routing=routing)


def reasons(rig: Rig, box: str) -> list[NotifyReason]:
    return [note.reason for note in rig.boxes[box]._sent]


def test_the_daemon_tells_whom_the_tree_names(rig: Rig) -> None:
    tree = node("oncall-slack", "", node("data-slack", 'check="a",source="kpi"'))

    async def story(rig: Rig) -> None:
        await rig.engine.reload(under(rig.plan(), Routing(tree)))
        rig.source.says(99)
        rig.other.says(99)
        await rig.minutes(3)
        rig.source.says(1)
        await rig.minutes(2)

    rig.run(story)
    assert reasons(rig, "data-slack") == [FIRST, RESOLVED]
    assert reasons(rig, "oncall-slack") == [FIRST]
    assert reasons(rig, "recsys-slack") == []


@pytest.mark.long
def test_what_a_mute_held_back_is_told_when_it_ends_even_after_a_restart(rig: Rig) -> None:
    routing = Routing(node("oncall-slack", "", node("data-slack", 'check="a"', mute="lunch")))
    routing = replace(routing, time_intervals=AFTER_NOON)

    async def story(rig: Rig) -> None:
        rig.source.says(99)
        await rig.engine.reload(under(rig.plan(), routing))
        await rig.minutes(30)
        assert reasons(rig, "data-slack") == []

    rig.run(story)
    rig.restarts()

    async def later(rig: Rig) -> None:
        await rig.engine.reload(under(rig.plan(), routing))
        await rig.minutes(28)
        assert reasons(rig, "data-slack") == []
        await rig.minutes(3)

    rig.run(later)
    assert reasons(rig, "data-slack") == [UNSUPPRESSED]


def test_an_incident_that_is_routed_elsewhere_by_a_new_file_ends_at_both_places(rig: Rig) -> None:
    async def story(rig: Rig) -> None:
        rig.source.says(99)
        await rig.engine.reload(under(rig.plan(), Routing(node("data-slack"))))
        await rig.minutes(2)
        await rig.engine.reload(under(rig.plan(), Routing(node("oncall-slack"))))
        await rig.minutes(2)
        rig.source.says(1)
        await rig.minutes(2)

    rig.run(story)
    assert reasons(rig, "oncall-slack") == [FIRST, RESOLVED]
    assert reasons(rig, "data-slack")[-1] is RESOLVED


def test_a_target_is_held_by_a_source_in_the_daemon_and_told_when_that_ends(rig: Rig) -> None:
    rule = InhibitRule(parse_matchers('check="a"'), parse_matchers('check="b"'))

    async def story(rig: Rig) -> None:
        await rig.engine.reload(under(rig.plan(), Routing(inhibit_rules=(rule,))))
        rig.source.says(99)
        await rig.minutes(2)
        rig.other.says(99)
        await rig.minutes(3)
        assert reasons(rig, "recsys-slack") == [FIRST]
        rig.source.says(1)
        await rig.minutes(2)

    rig.run(story)
    assert set(reasons(rig, "recsys-slack")[1:]) == {RESOLVED, UNSUPPRESSED}
