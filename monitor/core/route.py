"""Who answers for something, and what is known of a receiver that may be told of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

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
    One that ``is_escalated`` is told because nobody answered a page.
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
    is_escalated: bool = False


def owner_of(named: Iterable[str | None], world: World) -> tuple[str, bool]:
    """Return the first maintainer that is known, and whether on-call had to stand in."""
    for name in named:
        if name is not None and name in world.maintainers:
            return name, False
    return ON_CALL, True


AFFECTED_INTERVAL = timedelta(minutes=5)
"""How often at most those whose things follow from a cause get their one line brought up to date:
in a storm it would change every second."""
