"""Storms: beyond a few incidents of one minute, a receiver is told of the rest in one message.

A storm is an incident of its own that only its receiver hears of. It counts the incidents that it
took in; it changes in steps that grow with its age, and is over when all of them are.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from monitor.core.alert import Alert
from monitor.core.incident import STORM, Incident, IncidentView, Member, Storm
from monitor.core.model import Tier
from monitor.core.notification import NotifyReason, QuietReason
from monitor.core.notify import Decision, Seen
from monitor.core.state import Told
from monitor.core.view import view_of
from monitor.core.world import World

WINDOW = timedelta(minutes=1)
"""The time within which incidents are counted that a receiver is told of one by one."""

COLLECTS = timedelta(minutes=5)
"""How long a storm takes incidents in. What comes later is told anew: nobody hears of an edit."""

GROWTH = 4
"""A storm that is so many times what was told is told again at once."""

FRESH = timedelta(seconds=15)
"""How soon at least a storm is brought up to date; an older one after half of its age."""

MOST_SHOWN = 10


def check_of(receiver: str) -> str:
    """Name the check under which the storms of a receiver stand."""
    return f"{STORM}{receiver}"


def receiver_of(storm: Incident) -> str:
    """Return the receiver that a storm is told to."""
    return storm.check.removeprefix(STORM)


def still_in(members: Iterable[Incident]) -> list[Incident]:
    """Return what is still open of a storm, the worst and oldest first.

    What a cause adopted is told with that one.
    """
    left = [one for one in members if one.resolved_at is None and one.parent is None]
    return sorted(left, key=lambda one: (one.tier is not Tier.PAGE, one.opened_at, one.id))


def count(members: Sequence[Incident]) -> Storm:
    """Count what is still open of a storm."""
    owners = Counter(one.owner for one in members).most_common()
    return Storm(
        open=len(members),
        pages=sum(one.tier is Tier.PAGE for one in members),
        acked=sum(one.ack is not None for one in members),
        owners=tuple(sorted(owners, key=lambda pair: (-pair[1], pair[0]))),
    )


def sight_of(storm: Incident, counted: Storm) -> Seen:
    """Say what a receiver sees of a storm."""
    return Seen(
        tier=str(storm.tier) if counted.open else "resolved",
        firing=counted.open,
        folded=storm.members,
        silenced=0,
        code=f"{counted.pages} {counted.acked}",
    )


def wait_after(storm: Incident, now: datetime) -> timedelta:
    """Return how long a change waits that is neither the end nor worse."""
    return max(FRESH, (now - storm.opened_at) / 2)


def decide(
    storm: Incident, sight: Seen, told: Told | None, repeat: timedelta | None, now: datetime
) -> Decision:
    """Decide what a receiver is told of a storm now."""
    if told is None or told.at is None:
        return NotifyReason.FIRST if sight.firing else QuietReason.NEVER_TOLD
    before = Seen(*json.loads(told.fingerprint))
    if before.tier == "resolved":
        return QuietReason.NOTHING_NEW
    if not sight.firing:
        return NotifyReason.RESOLVED
    if sight.tier != before.tier and sight.tier == Tier.PAGE:
        return NotifyReason.WORSE
    passed = now - told.at
    if sight == before:
        is_due = repeat is not None and not timedelta(0) <= passed < repeat
        return NotifyReason.REPEAT if is_due else QuietReason.NOTHING_NEW
    is_due = not timedelta(0) <= passed < wait_after(storm, now)
    has_grown = sight.folded >= GROWTH * before.folded
    return NotifyReason.STORM_CHANGED if is_due or has_grown else QuietReason.STORM_WAIT


def storm_view(
    storm: Incident,
    members: Iterable[Incident],
    alerts_of: Callable[[str], Iterable[Alert]],
    world: World,
    *,
    now: datetime | None = None,
    most: int = MOST_SHOWN,
) -> IncidentView:
    """Show a storm: one alert of each of its worst incidents, and how many there are."""
    left = still_in(members)
    empty = view_of(storm, (), world, now=now)
    found: list[Member] = []
    for one in left[:most]:
        own = view_of(one, alerts_of(one.id), world).own
        found += own[:1]
    return replace(empty, members=tuple(found), more_own=len(left) - len(found), storm=count(left))
