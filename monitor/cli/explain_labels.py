"""``monitor explain --label``: in words, what would become of an alert with these labels."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from monitor.config.route_file import RouteFile
from monitor.core.inhibit import InhibitRule
from monitor.core.matcher import match_all
from monitor.core.moments import bounded
from monitor.core.oncall import next_hand_over, on_call_at
from monitor.core.route_tree import Route
from monitor.core.route_walk import Visit, next_moment, walk_of
from monitor.core.routing import Group
from monitor.core.silence import Silence, silenced_by

_UNITS = (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1))


@dataclass(frozen=True, slots=True)
class Explanation:
    """What is asked: labels, moment, the routing that decides, and what is silenced, if known."""

    labels: Mapping[str, str]
    at: datetime
    read: RouteFile
    silences: tuple[Silence, ...] | None = None

    def lines(self) -> Iterator[str]:
        """Tell it in lines."""
        held = ", ".join(f'{name}="{value}"' for name, value in sorted(self.labels.items()))
        yield f"An alert with {held or 'no labels'}, on {self._moment(self.at)}"
        root = self.read.routing.route
        if root is None:
            yield "There is no route: it goes to its maintainer, else to on-call."
        else:
            yield "The way through the tree:"
            for visit in walk_of(root, self.labels):
                yield from self._visit(visit)
        yield "Who is told:"
        for route in self.read.routing.routes_of(self.labels):
            yield from self._told(route, has_tree=root is not None)
        yield from self._held()
        yield from self._silenced()
        yield from self._people()

    def as_json(self) -> dict[str, Any]:
        """Return the same as JSON values; ``silenced_by`` is null where no daemon was asked."""
        active = [one for one in self.silences or () if one.is_active(self.at)]
        silenced = [one.id for one in silenced_by(self.labels, active)]
        return {
            "at": self.at.isoformat(),
            "labels": dict(self.labels),
            "told": [
                {
                    "receiver": group.receiver,
                    "by": self._because(route),
                    "group": group.key,
                    "muted_by": list(group.muted_by),
                }
                for route in self.read.routing.routes_of(self.labels)
                for group in self._groups(route)
            ],
            "inhibited_while": [self._sources(rule) for rule in self._rules()],
            "silenced_by": None if self.silences is None else silenced,
            "on_call": on_call_at(self.read.people.on_call, self.at),
            "words": list(self.lines()),
        }

    def _visit(self, visit: Visit) -> Iterator[str]:
        pad = "  " * (visit.depth + 1)
        route = visit.route
        own = ", ".join(map(str, route.matchers)) or "every alert"
        if visit.unmet is not None:
            value = self.labels.get(visit.unmet.name, "")
            yield f'{pad}no   {own}: {visit.unmet.name} is "{value}" ({route.place})'
            return
        yield f"{pad}yes  {own}{': handles it' if visit.handles else ''} ({route.place})"
        if route.continues and visit.depth:
            yield f"{pad}     continue: true, so the next ones are looked at, too"
        if visit.skipped:
            yield f"{pad}     without continue, so {visit.skipped} after it are not looked at"

    def _told(self, route: Route, *, has_tree: bool) -> Iterator[str]:
        groups = self._groups(route)
        for group in groups:
            yield f"  {group.receiver}, by {self._because(route)}"
            if has_tree:
                yield f"    in the group {group.key}"
                yield (
                    f"    first after {_words(route.group_wait)}, changes at most every "
                    f"{_words(route.group_interval)}, again every {_words(route.repeat_interval)}"
                )
            if group.muted_by:
                yield f"    but muted now by {', '.join(group.muted_by)}"
                yield f"    {self._until(route, group)}"
                yield from self._woken(group)
        if not groups:
            yield "  nobody: there is neither a maintainer nor on-call"

    def _woken(self, group: Group) -> Iterator[str]:
        if any(name.startswith("hours of ") for name in group.muted_by):
            yield "    (a check that says wake: true pages outside the hours, too)"

    def _groups(self, route: Route) -> list[Group]:
        routing, people = self.read.routing, self.read.people
        key, muted = route.group_key(self.labels), routing.mutes(route, self.at)
        if route.receiver is not None:
            asleep = people.asleep(route.receiver, self.labels, self.at)
            return [Group(route.receiver, key, (*muted, *asleep))]
        return [Group(name, key, (*muted, *own)) for name, own in people.told(self.labels, self.at)]

    def _because(self, route: Route) -> str:
        if route.receiver is not None:
            return f"the route at {route.place}"
        owner = self.read.people.owner_of(self.labels)
        return f"its maintainer {owner.name}" if owner else "on-call, as it has no known maintainer"

    def _until(self, route: Route, group: Group) -> str:
        def speaks(moment: datetime) -> bool:
            later = Explanation(self.labels, moment, self.read)
            return any(
                one.receiver == group.receiver and not one.muted_by for one in later._groups(route)
            )

        end = next_moment(speaks, self.at)
        if end is None:
            return "for the next eight days"
        return f"until {self._moment(end)}: what still fires is told then, at once"

    def _rules(self) -> list[InhibitRule]:
        rules = self.read.routing.inhibit_rules
        return [rule for rule in rules if match_all(rule.target_matchers, self.labels)]

    def _held(self) -> Iterator[str]:
        rules = self._rules()
        if rules:
            yield "It is held back while one of these fires:"
        for rule in rules:
            yield f"  {self._sources(rule)}"

    def _silenced(self) -> Iterator[str]:
        if self.silences is None:
            yield "Silences are not looked at: name the daemon with --url."
            return
        active = [one for one in self.silences if one.is_active(self.at)]
        found = silenced_by(self.labels, active)
        yield "It is silenced, so nobody is told:" if found else "No silence covers it."
        for one in found:
            yield f"  until {self._moment(one.ends_at)} by {one.created_by}: {one.comment}"
            yield f"    {', '.join(map(str, one.matchers))} ({one.id})"

    def _sources(self, rule: InhibitRule) -> str:
        wanted = [*map(str, rule.source_matchers)]
        wanted.extend(f'{name}="{self.labels.get(name, "")}"' for name in rule.equal)
        name = f" (rule {rule.name})" if rule.name else ""
        both = match_all(rule.source_matchers, self.labels)
        but = ", and which is no target of the rule itself" if both else ""
        return f"an alert with {', '.join(wanted)}{but}{name}"

    def _people(self) -> Iterator[str]:
        rota = self.read.people.on_call
        person = on_call_at(rota, self.at)
        if person is not None:
            over = next_hand_over(rota, self.at)
            until = f"; the rotation hands over on {self._moment(over)}" if over else ""
            yield f"On call: {person}{until}"
        for step in rota.escalation if self.labels.get("severity") == "page" else ():
            names = ", ".join(step.receivers)
            yield f"If nobody acknowledges the page for {_words(step.after)}: {names}"

    def _moment(self, moment: datetime) -> str:
        local = bounded(moment).astimezone(ZoneInfo(self.read.people.timezone))
        return f"{local:%A %Y-%m-%d %H:%M} {local.tzname()}"


def _words(duration: timedelta) -> str:
    seconds = int(duration.total_seconds())
    parts = []
    for unit, size in _UNITS:
        count, seconds = divmod(seconds, size)
        parts.extend([f"{count}{unit}"] if count else [])
    return "".join(parts) or "0s"
