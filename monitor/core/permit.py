"""Who may order something about an incident: a decision that returns its reason."""

from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from monitor.core.incident import IncidentView
from monitor.core.model import Hours
from monitor.core.world import World

MORNING = 9 * 60
"""When a working day begins for whoever has no hours, in minutes after midnight."""


class Permit(StrEnum):
    """Why somebody may, or may not."""

    OWNER = "one of the owner's people"
    AFFECTED = "one of the people of something that follows from it"
    ON_CALL = "on call"
    NOBODY_NAMED = "nobody is named for it"
    STRANGER = "neither the owner's nor on call"
    UNKNOWN = "Slack does not say who this is"

    @property
    def is_granted(self) -> bool:
        """Whether the order may be obeyed."""
        return self not in {Permit.STRANGER, Permit.UNKNOWN}


def permit(address: str | None, view: IncidentView, world: World) -> Permit:
    """Decide by the addresses of the owner, of those affected, and of the on-call rotation.

    Where a team names nobody, everybody counts as its people: an order that nobody may give would
    leave an incident without a hand.
    """
    if not address:
        return Permit.UNKNOWN
    who = address.lower()
    owner = _people(view.incident.owner, world)
    if who in owner:
        return Permit.OWNER
    if who in {person.lower() for person in world.on_call.rotation}:
        return Permit.ON_CALL
    if any(who in _people(member.maintainer, world) for member in view.folded):
        return Permit.AFFECTED
    return Permit.STRANGER if owner else Permit.NOBODY_NAMED


def _people(maintainer: str, world: World) -> frozenset[str]:
    team = world.maintainers.get(maintainer)
    return frozenset(person.lower() for person in team.people) if team else frozenset()


def next_morning(hours: Hours | None, now: datetime, timezone: str) -> datetime:
    """Return when the next working day begins; Monday to Friday at nine without hours."""
    zone = ZoneInfo(timezone)
    weekdays = hours.weekdays if hours is not None and hours.weekdays else frozenset(range(5))
    minute = hours.start if hours is not None else MORNING
    today = now.astimezone(zone).date()
    for ahead in range(1, 8):
        day = today + timedelta(days=ahead)
        if day.weekday() in weekdays:
            start = datetime(day.year, day.month, day.day, minute // 60 % 24, minute % 60)  # noqa: DTZ001  # local, made aware in the next line
            return start.replace(tzinfo=zone).astimezone(now.tzinfo)
    return now + timedelta(days=1)
