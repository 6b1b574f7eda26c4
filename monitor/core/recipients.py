"""Whom an incident is told: by the route tree, or without one by its maintainer.

Nobody reachable is impossible: on-call stands in.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from monitor.core.alert import Alert, AlertKey, AlertState
from monitor.core.audit import AUDITOR
from monitor.core.hours import is_within
from monitor.core.incident import Incident, IncidentView, Member
from monitor.core.model import Outcome, Tier, Verdict
from monitor.core.route import AFFECTED_INTERVAL, Recipient, owner_of
from monitor.core.route_tree import Route
from monitor.core.routing import MAINTAINERS
from monitor.core.view import alert_labels, facts_of, view_of
from monitor.core.world import World

Alerts = Mapping[AlertKey, Alert]


def recipients(
    view: IncidentView, alerts: Alerts, world: World, now: datetime
) -> tuple[Recipient, ...]:
    """Return who is told of an incident: its owner's, then those whose things follow from it.

    ``alerts`` are those of the view. Every node of the tree that an own alert comes to is told.
    Pagers come last. What a maintainer was told of before the cause was found is not told again.
    """
    if view.incident.check == AUDITOR:  # a fault of the monitor itself goes no usual way
        last = world.fallback or world.on_call.receivers
        return tuple(Recipient(name, is_page=True) for name in last)
    told: dict[str, Recipient] = {}
    firing = [member for member in view.own if member.state.is_firing] or list(view.own)
    if view.incident.tier is Tier.PAGE and all(one.tier is not Tier.PAGE for one in firing):
        # Something that follows from it pages: then its cause does, and goes the way of a page.
        firing = [replace(one, tier=Tier.PAGE) for one in firing]
    for route, pages in _routes(firing, view.incident.owner, alerts, world):
        for to in _at_node(route, view, world, now, pages=pages):
            _offer(told, to)
    if not told:
        told.update({name: Recipient(name) for name in world.on_call.receivers})
    for to in _affected(view, alerts, world, now):
        told.setdefault(to.receiver, to)
    return tuple(sorted(told.values(), key=lambda to: to.is_page))


def told_if_it_fired(check: str, tier: Tier, world: World, now: datetime) -> tuple[Recipient, ...]:
    """Return who would be told if a check as a whole fired now; slices may go other ways."""
    facts = facts_of(check, world)
    owner, unowned = owner_of((facts.maintainer,), world)
    verdict = Verdict(check, (), now, Outcome(tier), tier)
    key = f"imagined-{check}"
    alert = Alert(check, (), AlertState.FIRING, now, tier, now, incident=key, last=verdict)
    incident = Incident(key, check, facts.resource, owner, now, tier, unowned=unowned)
    return recipients(view_of(incident, [alert], world, now=now), {alert.key: alert}, world, now)


def _routes(
    members: Iterable[Member], owner: str, alerts: Alerts, world: World
) -> Iterator[tuple[Route, bool]]:
    """Go through the nodes that the alerts come to, each once; whether one of tier page does."""
    if world.routing.route is None:
        yield MAINTAINERS, any(member.tier is Tier.PAGE for member in members)
        return
    names = world.routing.names
    seen: set[tuple[str | None, ...]] = set()
    found: dict[int, Route] = {}
    pages: set[int] = set()
    for member in members:
        alert = alerts[member.check, member.slice]
        if member.tier is not (alert.tier or Tier.WARN):
            alert = replace(alert, tier=member.tier)
        labels = alert_labels(alert, facts_of(alert.check, world), owner)
        # Alerts that look alike to the tree need to be led through it only once.
        likeness = (member.tier, *(labels.get(name) for name in names))
        if likeness in seen:
            continue
        seen.add(likeness)
        for route in world.routing.routes_of(labels):
            found[id(route)] = route
            if member.tier is Tier.PAGE:
                pages.add(id(route))
    yield from ((route, key in pages) for key, route in found.items())


def _at_node(
    route: Route, view: IncidentView, world: World, now: datetime, *, pages: bool
) -> Iterator[Recipient]:
    plain = _plain(route, world, now)
    owner = world.maintainers.get(view.incident.owner)
    if route.receiver is not None:
        yield _pager_or_not(route.receiver, plain, view, world, now)
        return
    chats = owner.receivers if owner else ()
    for name in chats or world.on_call.receivers:
        yield replace(plain, receiver=name)
    if owner is not None and pages:
        for name in owner.page:
            if name not in chats:
                yield _pager_or_not(name, plain, view, world, now)


def _plain(route: Route, world: World, now: datetime) -> Recipient:
    """Make a recipient without a name; without a tree nothing waits and nothing is repeated."""
    if world.routing.route is None:
        return Recipient("")
    return Recipient(
        "",
        wait=route.group_wait,
        interval=route.group_interval,
        repeat=route.repeat_interval,
        muted_by=", ".join(world.routing.mutes(route, now)) or None,
    )


def _pager_or_not(
    name: str, plain: Recipient, view: IncidentView, world: World, now: datetime
) -> Recipient:
    """Let a receiver that somebody lists under ``page:`` wake only who may be woken."""
    if name not in world.pagers:
        return replace(plain, receiver=name)
    owner = world.maintainers.get(view.incident.owner)
    paging = (*view.own, *(member for member in view.folded if member.tier is Tier.PAGE))
    wakes = view.incident.tier is Tier.PAGE and any(
        facts.wake for member in paging if (facts := world.checks.get(member.check))
    )
    may_wake = wakes or owner is None or is_within(owner.hours, now, world.timezone)
    return replace(plain, receiver=name, is_page=True, may_wake=may_wake)


def _offer(told: dict[str, Recipient], to: Recipient) -> None:
    """Take the first node that tells a receiver, one that is not muted before one that is."""
    known = told.get(to.receiver)
    if known is None or (known.muted_by is not None and to.muted_by is None):
        told[to.receiver] = to


def _affected(
    view: IncidentView, alerts: Alerts, world: World, now: datetime
) -> Iterator[Recipient]:
    """Go through those whose things follow from the incident; they are never paged for it.

    Where the cause is silenced and is told for a page all the same, only those whose page it is.
    """
    firing = [member for member in view.own if member.state.is_firing]
    is_silenced = bool(firing) and all(member.silenced_by for member in firing)
    by_owner: dict[str, list[Member]] = {}
    for member in view.folded:
        pages = member.tier is Tier.PAGE and not member.silenced_by
        if member.told_in is None and (pages or not is_silenced):
            by_owner.setdefault(member.maintainer, []).append(member)
    for name, members in by_owner.items():
        team = world.maintainers.get(name)
        for route, _ in _routes(members, name, alerts, world):
            plain = replace(
                _plain(route, world, now), scope=name, interval=AFFECTED_INTERVAL, repeat=None
            )
            if route.receiver is None:
                yield from (
                    replace(plain, receiver=one) for one in (team.receivers if team else ())
                )
            elif route.receiver not in world.pagers:
                yield replace(plain, receiver=route.receiver)
