"""Random histories under random routing: the daemon's decisions against ``monitor route``'s.

Trees, inhibition, mutes, hours and reloads are drawn; what `rule_on` says of a moment must be what
the incidents of that moment were told. With CI=true a hundred histories, else a few.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from monitor.core.advance import Finding, advance
from monitor.core.book import Memory
from monitor.core.incident import Incident
from monitor.core.inhibit import InhibitRule
from monitor.core.inhibiting import labels_of, own_firing
from monitor.core.intervals import TimeInterval
from monitor.core.matcher import Matcher, Operator
from monitor.core.model import Hours, Maintainer, OnCall, Outcome, Tier, TierRule, Verdict
from monitor.core.notification import Notification, NotifyReason
from monitor.core.orders import Order, Reassign, Reconsider
from monitor.core.route_tree import Route
from monitor.core.routing import People, Routing, Ruling, rule_on
from monitor.core.telling import GATHER
from monitor.core.turn import Turn
from monitor.core.world import CheckFacts, World
from tests.platform.stack.available import must_have_all

SEEDS = range(100) if must_have_all() else (0, 2, 4, 5)
STEPS = 25
START = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
RULES = (TierRule(Tier.WARN, ()), TierRule(Tier.PAGE, ()))
TIERS = {Outcome.WARN: Tier.WARN, Outcome.PAGE: Tier.PAGE}
OWNERS = ("data", "recsys", "ads", None)
CHECKS = {
    f"c{n}": CheckFacts(
        f"c{n}",
        ("freshness", "latency")[n % 2],
        RULES,
        "kpi",
        None,
        OWNERS[n % 4],
        labels=(("env", ("prod", "test")[n // 4 % 2]),),
    )
    for n in range(8)
}
MAINTAINERS = {
    "data": Maintainer("data", ("data-chat",)),
    "recsys": Maintainer(
        "recsys", ("recsys-chat",), ("recsys-pager",), Hours(frozenset(range(5)), 540, 1020)
    ),
    "ads": Maintainer("ads", ("ads-chat", "ads-mail"), ("ads-pager",)),
}
INTERVALS = {
    "nights": (TimeInterval(times=((22 * 60, 6 * 60),)),),
    "noon": (TimeInterval(times=((12 * 60, 13 * 60),), weekdays=((1, 3),)),),
}
RECEIVERS = (None, "data-chat", "recsys-pager", "ads-chat", "lead", "ops")
VALUES = {
    "check": tuple(CHECKS),
    "kind": ("freshness", "latency"),
    "severity": ("warn", "page"),
    "maintainer": ("data", "recsys", "ads", "on-call"),
    "env": ("prod", "test", ""),
    "model": ("a", ""),
}


def draw_matcher(random: Random) -> Matcher:
    name = random.choice(tuple(VALUES))
    operator = random.choice((Operator.EQUAL, Operator.EQUAL, Operator.NOT_EQUAL, Operator.REGEX))
    some = random.sample(VALUES[name], min(2, len(VALUES[name])))
    return Matcher(name, operator, "|".join(some) if operator is Operator.REGEX else some[0])


def draw_route(random: Random, depth: int = 2) -> Route:
    below = [draw_route(random, depth - 1) for _ in range(random.randint(0, 3))] if depth else []
    at = random.choice(((), (), ("nights",), ("noon",)))
    return Route(
        random.choice(RECEIVERS),
        (draw_matcher(random),),
        continues=random.random() < 0.4,
        routes=tuple(below),
        group_wait=timedelta(0),
        group_interval=timedelta(0),
        mute_time_intervals=at if random.random() < 0.5 else (),
        active_time_intervals=at if random.random() < 0.3 else (),
    )


def draw_routing(random: Random) -> Routing:
    rules = tuple(
        InhibitRule((draw_matcher(random),), (draw_matcher(random),), random.choice(((), ("env",))))
        for _ in range(random.randint(0, 2))
    )
    if random.random() < 0.2:
        return Routing(None, rules, INTERVALS)
    root = replace(draw_route(random, 3), matchers=(), continues=False)
    root = replace(root, mute_time_intervals=(), active_time_intervals=())
    return Routing(root, rules, INTERVALS)


class History:
    """A daemon's core under a seeded sequence of findings, orders, reloads and time."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)  # noqa: S311  # seeded
        self.now, self.memory = START, Memory()
        self.world = World(CHECKS, OnCall((), ("on-call-chat",)), maintainers=MAINTAINERS)
        self.notes: list[Notification] = []
        self.rerouted: set[str] = set()

    def step(self, findings: Iterable[Finding] = (), orders: Iterable[Order] = ()) -> None:
        step = advance(self.memory, list(findings), self.world, self.now, list(orders)).step
        self.memory.apply(step)
        self.notes.extend(row.notification for row in step.outbox)

    def passes(self, by: timedelta) -> None:
        until = self.now + by
        while (due := self.memory.next_due()) is not None and due <= until:
            self.now = max(due, self.now)
            self.step()
        self.now = until

    def finds(self, outcome: Outcome | None = None) -> None:
        count = len(CHECKS) if outcome else self.random.randint(1, 3)
        findings = []
        for check in self.random.sample(tuple(CHECKS), count):
            said = outcome or self.random.choice((Outcome.OK, Outcome.WARN, Outcome.PAGE))
            slices = (
                ((), (("model", "a"),))
                if outcome
                else [self.random.choice(((), (("model", "a"),)))]
            )
            verdicts = tuple(
                Verdict(check, s, self.now, said, TIERS.get(said), "r") for s in slices
            )
            findings.append(Finding(check, None, verdicts, is_partial=True))
        self.step(findings)

    def moves(self) -> None:
        draw = self.random.random()
        if draw < 0.15:
            self.world = replace(self.world, routing=draw_routing(self.random))
            self.step(orders=[Reconsider("a new file")])
        elif draw < 0.25 and self.memory.incidents:
            incident = self.random.choice(sorted(self.memory.incidents))
            to = self.random.choice(tuple(MAINTAINERS))
            self.step(orders=[Reassign(incident, to, "asha")])
        else:
            self.finds()
        self.passes(GATHER)  # what only adds to a list is gathered for so long

    def rulings(self, now: datetime) -> dict[str, list[Ruling]]:
        """Ask what ``monitor route`` would say of all that fires."""
        turn = Turn(self.memory, self.world, now)
        mine: list[str] = []
        labels = []
        for incident in self.memory.incidents.values():
            for alert in own_firing(turn, incident):
                mine.append(incident.id)
                labels.append(labels_of(turn, alert))
        people = People(MAINTAINERS, self.world.on_call)
        found: dict[str, list[Ruling]] = defaultdict(list)
        for name, one in zip(
            mine, rule_on(labels, [], self.world.routing, now, people=people), strict=True
        ):
            found[name].append(one)
        return found

    def expected(self, now: datetime) -> dict[str, set[str]]:
        """Return for each incident who should know of it."""
        return {
            name: set()
            if all(one.inhibited_by for one in rulings)
            else {group.receiver for one in rulings for group in one.groups if not group.muted_by}
            for name, rulings in self.rulings(now).items()
        }


def told_of(history: History, incident: Incident) -> set[str]:
    told = history.memory.told.values()
    return {one.receiver for one in told if one.incident == incident.id and one.revision > 0}


def starts(note: Notification) -> bool:
    return note.reason in {NotifyReason.FIRST, NotifyReason.UNSUPPRESSED, NotifyReason.FLAPPING}


@pytest.mark.parametrize("seed", SEEDS)
def test_incidents_are_told_to_whom_the_routing_says_and_end_where_they_began(seed: int) -> None:
    history = History(seed)
    for _ in range(STEPS):
        before = len(history.notes)
        history.moves()
        allowed = history.expected(history.now)
        for note in history.notes[before:]:
            if starts(note) and note.subject in allowed:
                assert note.receiver in allowed[note.subject], (history.now, note.receiver)
        for incident in history.memory.incidents.values():
            missing = allowed[incident.id] - told_of(history, incident)
            assert not missing, (history.now, incident.id, missing)
        history.passes(history.random.choice((1, 7, 45, 90, 300)) * MINUTE)
        for name, receivers in history.expected(history.now).items():
            known = told_of(history, history.memory.incidents[name])
            assert receivers <= known, (history.now, name)
    for _ in range(2):
        history.finds(Outcome.OK)
        history.passes(timedelta(hours=2))
    assert not history.memory.incidents
    ends_where_it_began(history.notes)


def ends_where_it_began(notes: Iterable[Notification]) -> None:
    by_place: dict[tuple[str, str], list[NotifyReason]] = defaultdict(list)
    keys = set()
    for note in notes:
        assert note.key not in keys
        keys.add(note.key)
        by_place[note.subject, note.receiver].append(note.reason)
    for place, reasons in by_place.items():
        assert reasons.count(NotifyReason.RESOLVED) == 1, (place, reasons)
        assert reasons[-1] is NotifyReason.RESOLVED, (place, reasons)
        assert reasons[0] is not NotifyReason.RESOLVED, (place, reasons)
