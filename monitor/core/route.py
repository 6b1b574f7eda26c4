"""Routing: an incident in, receivers out. Nobody reachable is impossible: on-call stands in."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from monitor.core.hours import is_within
from monitor.core.incident import IncidentView
from monitor.core.model import Tier
from monitor.core.world import World

ON_CALL = "on-call"
"""The maintainer of what nobody owns."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """A receiver of an incident. ``may_wake`` is False for a pager outside the hours."""

    receiver: str
    is_page: bool = False
    may_wake: bool = True


def owner_of(named: Iterable[str | None], world: World) -> tuple[str, bool]:
    """Return the first maintainer that is known, and whether on-call had to stand in."""
    for name in named:
        if name is not None and name in world.maintainers:
            return name, False
    return ON_CALL, True


def recipients(view: IncidentView, world: World, now: datetime) -> tuple[Recipient, ...]:
    """Return who is told of an incident: its maintainer, then those whose things follow from it.

    The maintainer's pagers come last, and only when the incident has tier page.
    """
    owner = world.maintainers.get(view.incident.maintainer)
    affected = [world.maintainers.get(member.maintainer) for member in view.folded]
    chats = [name for team in (owner, *affected) if team for name in team.receivers]
    told = [Recipient(name) for name in dict.fromkeys(chats or world.on_call.receivers)]
    if owner is None or view.incident.tier is not Tier.PAGE:
        return tuple(told)
    wakes = any(facts.wake for m in view.own if (facts := world.checks.get(m.check)))
    may_wake = wakes or is_within(owner.hours, now, world.timezone)
    pagers = [Recipient(name, is_page=True, may_wake=may_wake) for name in owner.page]
    return (*told, *(pager for pager in pagers if pager.receiver not in chats))
