"""The way of an alert through the tree, step by step, for people who ask why."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.core.matcher import Matcher
from monitor.core.route_tree import Route

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Visit:
    """One node that was looked at.

    ``unmet`` is the matcher that the alert does not fulfil, None for a node that took it;
    ``handles`` says that no child took it on; ``skipped`` are the siblings after it that were not
    looked at because it does not continue.
    """

    route: Route
    depth: int
    unmet: Matcher | None = None
    handles: bool = False
    skipped: int = 0


def walk_of(root: Route, labels: Mapping[str, str]) -> tuple[Visit, ...]:
    """Return the nodes that are looked at, in order; those that handle are ``Route.matches``."""
    return tuple(_visit(root, labels, 0, 0))


def _visit(route: Route, labels: Mapping[str, str], depth: int, later: int) -> Iterator[Visit]:
    unmet = next((one for one in route.matchers if not one.matches(labels)), None)
    if unmet is not None:
        yield Visit(route, depth, unmet)
        return
    below: list[Visit] = []
    is_handled = False
    for number, child in enumerate(route.routes, start=1):
        found = tuple(_visit(child, labels, depth + 1, len(route.routes) - number))
        below.extend(found)
        if found[0].unmet is None:
            is_handled = True
            if not child.continues:
                break
    yield Visit(
        route, depth, handles=not is_handled, skipped=0 if route.continues or not depth else later
    )
    yield from below


def next_moment(
    holds: Callable[[datetime], bool], now: datetime, limit: timedelta = timedelta(days=8)
) -> datetime | None:
    """Return the first whole minute after now at which something holds; None within the limit."""
    moment = now.replace(second=0, microsecond=0)
    while moment - now < limit:
        moment += MINUTE
        if holds(moment):
            return moment
    return None
