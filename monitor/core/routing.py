"""The whole routing of a moment: receivers, inhibition, silences, mutes and groups of alerts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from monitor.core.hours import is_within
from monitor.core.inhibit import Inhibitions, InhibitRule
from monitor.core.intervals import TimeInterval, muted_by
from monitor.core.labels import Labels
from monitor.core.model import Maintainer, OnCall, Tier
from monitor.core.route_tree import Route
from monitor.core.silence import Silence

Muted: TypeAlias = tuple[str, ...]
"""What mutes a receiver now, by name; empty when nothing does."""


MOST_KNOWN = 10_000
"""How many ways through a tree are remembered: alerts that look alike to it go the same way."""


@dataclass(frozen=True, slots=True)
class Routing:
    """What ``route``, ``inhibit_rules`` and ``time_intervals`` say.

    Without ``route`` (None) every alert goes to its maintainer. ``names`` are the labels that the
    tree looks at.
    """

    route: Route | None = None
    inhibit_rules: tuple[InhibitRule, ...] = ()
    time_intervals: Mapping[str, tuple[TimeInterval, ...]] = field(default_factory=dict)
    names: tuple[str, ...] = field(init=False)
    _known: dict[tuple[str, ...], tuple[Route, ...]] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        """Gather the labels that the tree looks at."""
        tree = self.route.walk() if self.route else ()
        names = tuple(dict.fromkeys(one.name for route in tree for one in route.matchers))
        object.__setattr__(self, "names", names)

    def routes_of(self, labels: Mapping[str, str]) -> tuple[Route, ...]:
        """Return the nodes that handle an alert; the maintainer's default one without a tree."""
        likeness = tuple(labels.get(name, "") for name in self.names)
        known = self._known.get(likeness)
        if known is None:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            known = self._known[likeness] = (self.route or MAINTAINERS).matches(labels)
        return known

    def mutes(self, route: Route, now: datetime) -> tuple[str, ...]:
        """Return the intervals that mute a node now."""
        names = route.mute_time_intervals, route.active_time_intervals
        return muted_by(*names, self.time_intervals, now)


MAINTAINERS = Route(receiver=None)
"""The route of a configuration without ``route:``."""


@dataclass(frozen=True, slots=True)
class People:
    """Whom alerts go to that the tree leaves to their maintainers. ``timezone`` is an IANA name."""

    maintainers: Mapping[str, Maintainer] = field(default_factory=dict)
    on_call: OnCall = field(default_factory=lambda: OnCall((), ()))
    timezone: str = "UTC"

    def owner_of(self, labels: Mapping[str, str]) -> Maintainer | None:
        """Return the maintainer of an alert; None for one that is unknown or has no receivers."""
        owner = self.maintainers.get(labels.get("maintainer", ""))
        return owner if owner is not None and owner.receivers else None

    def told(self, labels: Mapping[str, str], now: datetime) -> tuple[tuple[str, Muted], ...]:
        """Return receivers with what mutes them now: those of the maintainer, or of on-call.

        Pagers come last, only for severity page, and wait for the maintainer's hours.
        """
        owner = self.owner_of(labels)
        if owner is None:
            return tuple((name, ()) for name in self.on_call.receivers)
        chats = tuple((name, ()) for name in owner.receivers)
        if labels.get("severity") != Tier.PAGE:
            return chats
        pagers = (name for name in owner.page if name not in owner.receivers)
        return (*chats, *((name, self.asleep(name, labels, now)) for name in pagers))

    def asleep(self, receiver: str, labels: Mapping[str, str], now: datetime) -> Muted:
        """Return the hours for which a pager waits; only a check that wakes does not wait."""
        owner = self.owner_of(labels)
        is_pager = any(receiver in one.page for one in self.maintainers.values())
        if owner is None or not is_pager or is_within(owner.hours, now, self.timezone):
            return ()
        return (f"hours of {owner.name}",)


@dataclass(frozen=True, slots=True)
class Group:
    """A group of alerts of one receiver at one node, and what mutes it now."""

    receiver: str
    key: str
    muted_by: Muted = ()


NOBODY = People()


@dataclass(frozen=True, slots=True)
class Ruling:
    """What becomes of one alert. ``silenced_by`` are positions in the given silences."""

    labels: Mapping[str, str]
    groups: tuple[Group, ...]
    inhibited_by: tuple[Labels, ...] = ()
    silenced_by: tuple[int, ...] = ()

    @property
    def muted_by(self) -> tuple[str, ...]:
        """The intervals that mute any of its routes now."""
        return tuple(dict.fromkeys(name for group in self.groups for name in group.muted_by))

    @property
    def is_told(self) -> bool:
        """Whether a receiver hears of it now."""
        is_held = self.inhibited_by or self.silenced_by
        return not is_held and any(not group.muted_by for group in self.groups)


def rule_on(
    alerts: Sequence[Mapping[str, str]],
    silences: Sequence[Silence],
    routing: Routing,
    now: datetime,
    *,
    people: People = NOBODY,
    resolved: frozenset[int] = frozenset(),
) -> tuple[Ruling, ...]:
    """Decide about alerts at a moment, given by their labels; in their order.

    ``resolved`` are the positions of those that no longer fire, and inhibit nothing.
    """
    known = [{name: value for name, value in labels.items() if value} for labels in alerts]
    firing = (labels for n, labels in enumerate(known) if n not in resolved)
    inhibitions = Inhibitions(routing.inhibit_rules, firing)
    active = [(n, one) for n, one in enumerate(silences) if one.is_active(now)]
    return tuple(
        Ruling(
            labels=labels,
            groups=tuple(_groups(labels, routing, people, now)),
            inhibited_by=inhibitions.of(labels),
            silenced_by=tuple(n for n, silence in active if silence.covers(labels)),
        )
        for labels in known
    )


def _groups(
    labels: Mapping[str, str], routing: Routing, people: People, now: datetime
) -> Iterator[Group]:
    for route in routing.routes_of(labels):
        key, muted = route.group_key(labels), routing.mutes(route, now)
        if route.receiver is not None:
            asleep = people.asleep(route.receiver, labels, now)
            yield Group(route.receiver, key, (*muted, *asleep))
            continue
        for receiver, own in people.told(labels, now):
            yield Group(receiver, key, (*muted, *own))
