"""``route:`` and ``inhibit_rules:`` of config.yaml, in Alertmanager's vocabulary."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, Field

from monitor.api.fields import Duration
from monitor.config.grammar import Names
from monitor.config.interval_file import read_time_intervals
from monitor.config.plan import Place
from monitor.config.report import Report
from monitor.config.route_lint import find_speechless, find_unreachable
from monitor.config.sections import Section
from monitor.config.tree_parts import known_names
from monitor.config.typed import Subject, construct
from monitor.config.yaml_tree import Fields, Items, Text
from monitor.core.inhibit import InhibitRule
from monitor.core.intervals import Days
from monitor.core.matcher import Matcher, MatcherError, parse_matchers
from monitor.core.route_tree import Route, key_of
from monitor.core.routing import Routing

_OLD = {
    "match": "matchers",
    "match_re": "matchers",
    "source_match": "source_matchers",
    "source_match_re": "source_matchers",
    "target_match": "target_matchers",
    "target_match_re": "target_matchers",
}
ALL = "..."
_NOT_AT_ROOT = frozenset(
    {"matchers", "match", "match_re", "mute_time_intervals", "active_time_intervals"}
)


def _wait(given: object) -> object:
    return timedelta(0) if given == "0" else given


Wait = Annotated[Duration, BeforeValidator(_wait)]


class RouteSection(Section):
    """A node of ``route:``, without the nodes below it."""

    receiver: str | None = None
    continues: bool = Field(default=False, alias="continue")
    matchers: Names = ()
    group_by: Names | None = None
    group_wait: Wait | None = None
    group_interval: Wait | None = None
    repeat_interval: Wait | None = None
    mute_time_intervals: Names = ()
    active_time_intervals: Names = ()


class InhibitSection(Section):
    """One of ``inhibit_rules:``."""

    name: str = ""
    source_matchers: Names
    target_matchers: Names
    equal: Names = ()


@dataclass(frozen=True, slots=True)
class Around:
    """What a route may name: receivers as written, those that work, and calendars.

    ``has_owners`` says that there are maintainers, so that a route may leave alerts to them.
    """

    receivers: Collection[str]
    usable: Collection[str]
    calendars: Mapping[str, Days]
    has_owners: bool = True


def read_routing(root: Fields, report: Report, around: Around) -> Routing:
    """Read the routing. Whatever is wrong in it is fatal: nobody must miss an alert by a typo.

    A route that is never reached or never speaks is reported, and stops nothing.
    """
    before = report.count
    intervals = read_time_intervals(root, report, around.calendars)
    rules = tuple(_inhibit_rules(root, report))
    reader = _TreeReader(report, around, intervals)
    route = reader.root(root)
    if report.count > before:
        report.is_fatal = True
    elif route is not None:
        for lost in find_unreachable(route):
            report.add(reader.places[lost.route.place], str(lost))
        for mute, reason in find_speechless(route, intervals):
            report.add(reader.places[mute.place], f"nobody is ever told by this route: {reason}")
    return Routing(route, rules, intervals)


class _TreeReader:
    """Reads nodes from the root down; each takes from its parent what it does not say."""

    def __init__(self, report: Report, around: Around, intervals: Collection[str]) -> None:
        self.report, self.around, self.intervals = report, around, intervals
        self.places: dict[str, Place] = {}

    def root(self, root: Fields) -> Route | None:
        node = root.get("route")
        if node is None or self.report.add_faults(node, "'route'"):
            return None
        place = root.place_of("route")
        if not isinstance(node, Fields):
            self.report.add(place, "'route' must be a map of keys")
            return None
        for key in _NOT_AT_ROOT & node.entries.keys():
            message = f"the root route takes every alert at any time; '{key}' belongs to its routes"
            self.report.add(node.place_of(key), message)
        if "receiver" not in node.entries and not self.around.has_owners:
            self.report.add(place, "the root route needs a receiver: who is told of the rest?")
        return self._node(node, None)

    def _node(self, fields: Fields, parent: Route | None) -> Route:
        base = parent or Route(receiver=None)
        self.places[str(fields.place)] = fields.place
        entries = {key: entry for key, entry in fields.entries.items() if key != "routes"}
        _refuse_old(fields, self.report)
        subject = Subject("the route", fields.place, known=("routes",))
        kept = {key: entry for key, entry in entries.items() if key not in _OLD}
        said = construct(RouteSection, kept, self.report, subject) or RouteSection()
        self._refer(fields)
        matchers = tuple(matchers_at(fields, "matchers", self.report))
        route = replace(
            base,
            receiver=self._receiver(fields, base),
            matchers=matchers,
            continues=said.continues,
            group_by=self._group_by(fields, said, base),
            group_wait=_or(said.group_wait, base.group_wait),
            group_interval=_or(said.group_interval, base.group_interval),
            repeat_interval=_or(said.repeat_interval, base.repeat_interval),
            mute_time_intervals=said.mute_time_intervals,
            active_time_intervals=said.active_time_intervals,
            key=key_of(parent, matchers),
            place=str(fields.place),
            routes=(),
        )
        self._check_waits(fields, said)
        return replace(route, routes=tuple(self._children(fields, route)))

    def _children(self, fields: Fields, parent: Route) -> Iterator[Route]:
        node = fields.get("routes")
        if node is None:
            return
        if not isinstance(node, Items):
            self.report.add(fields.place_of("routes"), "'routes' must be a list of routes")
            return
        for item in node.items:
            if isinstance(item, Fields):
                yield self._node(item, parent)
            else:
                self.report.add(item.place, "a route must be a map of keys")

    def _receiver(self, fields: Fields, base: Route) -> str | None:
        node = fields.get("receiver")
        if not isinstance(node, Text):
            return base.receiver
        self.report.is_known("receiver", node.text, self.around.receivers, node.place)
        # One that is written and does not work is reported where it is defined; until it is
        # mended its alerts go to their maintainers.
        return node.text if node.text in self.around.usable else None

    def _refer(self, fields: Fields) -> None:
        for key in ("mute_time_intervals", "active_time_intervals"):
            known_names(fields, key, "time interval", self.intervals, self.report)

    def _group_by(self, fields: Fields, said: RouteSection, base: Route) -> frozenset[str] | None:
        names = said.group_by
        if names is None:
            return base.group_by
        place = fields.place_of("group_by")
        if ALL in names:
            if len(names) > 1:
                self.report.add(place, "'...' groups by all labels; name no other beside it")
            return None
        if len(set(names)) < len(names) or "" in names:
            self.report.add(place, "'group_by' must name each label once")
        return frozenset(names)

    def _check_waits(self, fields: Fields, said: RouteSection) -> None:
        for key, value in (
            ("group_interval", said.group_interval),
            ("repeat_interval", said.repeat_interval),
        ):
            if value == timedelta(0):
                self.report.add(fields.place_of(key), f"'{key}' must be longer than nothing")


def matchers_at(fields: Fields, key: str, report: Report) -> Iterator[Matcher]:
    """Go through the matchers of the list under a key; report those that are none, in place."""
    node = fields.get(key)
    for item in node.items if isinstance(node, Items) else ():
        if not isinstance(item, Text):
            continue  # the section says that texts are needed
        try:
            yield from parse_matchers(item.text)
        except MatcherError as error:
            report.add(item.place, f"the matcher {item.text} is wrong: {error}")


def _inhibit_rules(root: Fields, report: Report) -> Iterator[InhibitRule]:
    node = root.get("inhibit_rules")
    if node is None or report.add_faults(node, "'inhibit_rules'"):
        return
    if not isinstance(node, Items):
        report.add(root.place_of("inhibit_rules"), "'inhibit_rules' must be a list of rules")
        return
    for item in node.items:
        if not isinstance(item, Fields):
            report.add(item.place, "an inhibit rule must be a map of keys")
            continue
        _refuse_old(item, report)
        kept = {key: entry for key, entry in item.entries.items() if key not in _OLD}
        subject = Subject("the inhibit rule", item.place)
        said = construct(InhibitSection, kept, report, subject)
        source, target = (
            tuple(matchers_at(item, key, report)) for key in ("source_matchers", "target_matchers")
        )
        if said is not None:
            _check_sides(said, item, report)
            yield InhibitRule(source, target, said.equal, said.name)


def _check_sides(said: InhibitSection, item: Fields, report: Report) -> None:
    for key, texts in (
        ("source_matchers", said.source_matchers),
        ("target_matchers", said.target_matchers),
    ):
        if not texts:
            report.add(item.place_of(key), f"'{key}' lists nothing, and would mean every alert")


def _refuse_old(fields: Fields, report: Report) -> None:
    for key in _OLD.keys() & fields.entries.keys():
        message = f"'{key}' is the old way; write '{_OLD[key]}', a list of texts as 'team=\"a\"'"
        report.add(fields.place_of(key), message)


def _or(said: timedelta | None, inherited: timedelta) -> timedelta:
    return inherited if said is None else said
