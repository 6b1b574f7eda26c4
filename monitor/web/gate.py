"""May somebody do this: what is needed from the store and the plan for the decision; blocking."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from monitor.core.alert import Alert
from monitor.core.incident import Incident, IncidentView
from monitor.core.matcher import Matcher
from monitor.core.permit import Permit, Person, permit, permit_check, permit_silence
from monitor.core.silence import Silence
from monitor.core.storm import still_in, storm_view
from monitor.core.view import MOST_FOLDED, facts_of, view_of
from monitor.core.world import World
from monitor.store import Store


def find_view(store: Store, key: str, world: World) -> IncidentView | None:
    """Read one incident with what follows from it."""
    found = store.history.incident(key)
    if found is None:
        return None
    if found.is_storm:
        return _storm_view(store, found, world)
    children = store.history.children_of(key) if found.resolved_at is None else []
    return view_of(
        found,
        store.history.alerts_of([key, *(child.id for child in children)]),
        world,
        told_in={child.id: child.id for child in children},
        cause=found.parent or "",
    )


def _storm_view(store: Store, storm: Incident, world: World) -> IncidentView:
    members = still_in(store.history.members_of(storm.id))
    alerts: dict[str | None, list[Alert]] = {}
    for alert in store.history.alerts_of(one.id for one in members[:MOST_FOLDED]):
        alerts.setdefault(alert.incident, []).append(alert)
    found = lambda key: alerts.get(key, ())  # noqa: E731  # read once for all of them
    return storm_view(storm, members, found, world, most=MOST_FOLDED)


@dataclass(frozen=True)
class Gate:
    """Decides for pages and API alike."""

    store: Store
    world: Callable[[], World]

    def incident(self, who: Person, key: str) -> Permit:
        """Decide about an incident; one that is not there is nobody's to protect."""
        if who.is_admin:
            return Permit.ADMIN
        view = find_view(self.store, key, self.world())
        return Permit.NOBODY_NAMED if view is None else permit(who, view, self.world())

    def check(self, who: Person, check: str) -> Permit:
        """Decide about a look of a check, or a ping of its job."""
        world = self.world()
        return permit_check(who, facts_of(check, world), world)

    def silence(self, who: Person, matchers: Iterable[Matcher]) -> Permit:
        """Decide about a new silence."""
        return permit_silence(who, matchers, self.world())

    def end_silence(self, who: Person, key: str) -> Permit:
        """Decide about the end of a silence: whoever made it may end it."""
        if who.is_admin:
            return Permit.ADMIN
        found = self._silences(key)
        if any(one.created_by == who.name for one in found):
            return Permit.AUTHOR
        matchers = [matcher for one in found for matcher in one.matchers]
        return self.silence(who, matchers) if found else Permit.NOBODY_NAMED

    def has_silence(self, key: str) -> bool:
        """Say whether there is a silence of this id, be it over."""
        return bool(self._silences(key))

    def _silences(self, key: str) -> list[Silence]:
        return [one for one in self.store.history.silences() if one.id == key]
