"""The whole routing of a moment: receivers, inhibition, silences, mutes and groups of alerts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from monitor.core.inhibit import Inhibitions, InhibitRule
from monitor.core.intervals import TimeInterval, muted_by
from monitor.core.labels import Labels
from monitor.core.route_tree import Route
from monitor.core.silence import Silence


@dataclass(frozen=True, slots=True)
class Routing:
    """What ``route``, ``inhibit_rules`` and ``time_intervals`` say.

    Without ``route`` (None) every alert goes to its maintainer.
    """

    route: Route | None = None
    inhibit_rules: tuple[InhibitRule, ...] = ()
    time_intervals: Mapping[str, tuple[TimeInterval, ...]] = field(default_factory=dict)

    def routes_of(self, labels: Mapping[str, str]) -> tuple[Route, ...]:
        """Return the nodes that handle an alert; the maintainer's default one without a tree."""
        return (self.route or MAINTAINERS).matches(labels)

    def mutes(self, route: Route, now: datetime) -> tuple[str, ...]:
        """Return the intervals that mute a node now."""
        names = route.mute_time_intervals, route.active_time_intervals
        return muted_by(*names, self.time_intervals, now)


MAINTAINERS = Route(receiver=None)
"""The route of a configuration without ``route:``."""


@dataclass(frozen=True, slots=True)
class Group:
    """A group of alerts at one node; ``receiver`` is None for the maintainer's own."""

    receiver: str | None
    key: str
    muted_by: tuple[str, ...] = ()


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
) -> tuple[Ruling, ...]:
    """Decide about alerts that fire at a moment, given by their labels; in their order."""
    firing = [{name: value for name, value in labels.items() if value} for labels in alerts]
    inhibitions = Inhibitions(routing.inhibit_rules, firing)
    active = [(n, one) for n, one in enumerate(silences) if one.is_active(now)]
    return tuple(
        Ruling(
            labels=labels,
            groups=tuple(
                Group(route.receiver, route.group_key(labels), routing.mutes(route, now))
                for route in routing.routes_of(labels)
            ),
            inhibited_by=inhibitions.of(labels),
            silenced_by=tuple(n for n, silence in active if silence.covers(labels)),
        )
        for labels in firing
    )
