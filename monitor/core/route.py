"""Routing: an incident in, receivers out. Nobody reachable is impossible: on-call stands in."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.core.hours import is_within
from monitor.core.incident import IncidentView
from monitor.core.model import Tier
from monitor.core.world import World

ON_CALL = "on-call"
"""The maintainer of what nobody owns."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """A receiver of an incident. ``may_wake`` is False for a pager outside the hours.

    ``scope`` is the maintainer whose alerts follow from the incident; None for its owner.
    ``wait``, ``interval`` and ``repeat`` are the group_wait, group_interval and repeat_interval of
    the route; without ``repeat`` nothing is told again. ``muted_by`` names what mutes it now.
    One that ``is_past`` was told before and has nothing to do with it any more: it hears the end.
    """

    receiver: str
    is_page: bool = False
    may_wake: bool = True
    scope: str | None = None
    wait: timedelta = timedelta(0)
    interval: timedelta = timedelta(0)
    repeat: timedelta | None = None
    muted_by: str | None = None
    is_past: bool = False


def owner_of(named: Iterable[str | None], world: World) -> tuple[str, bool]:
    """Return the first maintainer that is known, and whether on-call had to stand in."""
    for name in named:
        if name is not None and name in world.maintainers:
            return name, False
    return ON_CALL, True


AFFECTED_INTERVAL = timedelta(minutes=5)
"""How often at most those whose things follow from a cause get their one line brought up to date:
in a storm it would change every second."""


def recipients(view: IncidentView, world: World, now: datetime) -> tuple[Recipient, ...]:
    """Return who is told of an incident: its owner, then those whose things follow from it.

    The owner's pagers come last, and only when the incident has tier page. What its maintainer was
    told of before the cause was found is not told again.
    """
    owner = world.maintainers.get(view.incident.owner)
    told: dict[str, Recipient] = {}
    for name in owner.receivers if owner else ():
        told[name] = Recipient(name)
    affected = dict.fromkeys(m.maintainer for m in view.folded if m.told_in is None)
    for maintainer in affected:
        team = world.maintainers.get(maintainer)
        for name in team.receivers if team else ():
            known = Recipient(name, scope=maintainer, interval=AFFECTED_INTERVAL)
            told.setdefault(name, known)
    if not owner or not owner.receivers:
        told.update({name: Recipient(name) for name in world.on_call.receivers})
    if owner is None or view.incident.tier is not Tier.PAGE:
        return tuple(told.values())
    wakes = any(facts.wake for m in view.own if (facts := world.checks.get(m.check)))
    may_wake = wakes or is_within(owner.hours, now, world.timezone)
    pagers = [Recipient(name, is_page=True, may_wake=may_wake) for name in owner.page]
    return (*told.values(), *(pager for pager in pagers if pager.receiver not in told))
