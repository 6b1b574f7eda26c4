"""Who may order something about an incident: a decision that returns its reason."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from monitor.core.incident import IncidentView
from monitor.core.matcher import Matcher
from monitor.core.model import Maintainer
from monitor.core.world import CheckFacts, World


class Role(StrEnum):
    """What somebody may do who signed in."""

    VIEWER = "viewer"
    MAINTAINER = "maintainer"
    ADMIN = "admin"


class Permit(StrEnum):
    """Why somebody may, or may not."""

    ADMIN = "an administrator"
    OWNER = "one of the owner's people"
    AFFECTED = "one of the people of something that follows from it"
    ON_CALL = "on call"
    AUTHOR = "who made it"
    NOBODY_NAMED = "nobody is named for it"
    STRANGER = "neither the owner's nor on call"
    UNKNOWN = "nobody says who this is"
    OF_OTHERS = "it covers checks of others, too: name a check or a maintainer of yours"

    @property
    def is_granted(self) -> bool:
        """Whether the order may be obeyed."""
        return self not in {Permit.STRANGER, Permit.UNKNOWN, Permit.OF_OTHERS}


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who wants something: an address or name, and the groups that sign-in tells.

    An administrator may do all. ``name`` is empty where nobody signed in: with the token, or on
    loopback.
    """

    name: str
    groups: frozenset[str] = frozenset()
    is_admin: bool = False


def role_of(who: Person, world: World) -> Role:
    """Return what somebody may do in general."""
    if who.is_admin:
        return Role.ADMIN
    is_named = any(_is_one_of(who, team) for team in world.maintainers.values())
    return Role.MAINTAINER if is_named or _is_on_call(who, world) else Role.VIEWER


def permit(who: Person | None, view: IncidentView, world: World) -> Permit:
    """Decide by the people of the owner, of those affected, and of the on-call rotation.

    Where a team names nobody, everybody counts as its people: an order that nobody may give would
    leave an incident without a hand.
    """
    found = _permit(who, view.incident.owner, world)
    if found is Permit.STRANGER and who is not None:
        teams = (world.maintainers.get(member.maintainer) for member in view.folded)
        if any(team is not None and _is_one_of(who, team) for team in teams):
            return Permit.AFFECTED
    return found


def permit_check(who: Person | None, facts: CheckFacts, world: World) -> Permit:
    """Decide who may have a check look, or speak for its job."""
    return _permit(who, facts.maintainer or "", world)


def permit_silence(who: Person | None, matchers: Iterable[Matcher], world: World) -> Permit:
    """Decide who may make or end a silence: everything that it can cover must be theirs."""
    found = _permit(who, None, world)
    if found is not Permit.STRANGER:
        return found
    wanted = list(matchers)
    covered = [facts for facts in world.checks.values() if _may_cover(wanted, facts)]
    permits = [permit_check(who, facts, world) for facts in covered]
    if not permits or not all(one.is_granted for one in permits):
        return Permit.OF_OTHERS
    return permits[0]


def _permit(who: Person | None, owner: str | None, world: World) -> Permit:
    if who is None or not (who.name or who.is_admin):
        return Permit.UNKNOWN
    if who.is_admin:
        return Permit.ADMIN
    team = world.maintainers.get(owner or "")
    if team is not None and _is_one_of(who, team):
        return Permit.OWNER
    if _is_on_call(who, world):
        return Permit.ON_CALL
    is_named = owner is None or (team is not None and (team.people or team.groups))
    return Permit.STRANGER if is_named else Permit.NOBODY_NAMED


def _is_one_of(who: Person, team: Maintainer) -> bool:
    people = {person.lower() for person in team.people}
    return who.name.lower() in people or not who.groups.isdisjoint(team.groups)


def _is_on_call(who: Person, world: World) -> bool:
    return who.name.lower() in {person.lower() for person in world.on_call.rotation}


def _may_cover(matchers: Iterable[Matcher], facts: CheckFacts) -> bool:
    """Say whether an alert of a check may match.

    Only labels count that the slices of a check cannot change; the others may be anything.
    """
    known = {
        "alertname": facts.id,
        "check": facts.id,
        "kind": facts.kind,
        "maintainer": facts.maintainer,
        "resource": facts.resource or "",
        "source": facts.source,
    }
    for matcher in matchers:
        value = known.get(matcher.name)
        if value is not None and not matcher.holds(value):
            return False
    return True
