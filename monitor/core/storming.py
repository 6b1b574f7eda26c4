"""Storms at work: what a storm takes in, and what its receiver is told of it."""

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta

from monitor.core.audit import AUDITOR
from monitor.core.incident import Incident
from monitor.core.model import Tier
from monitor.core.notification import NotifyReason, QuietReason
from monitor.core.notify import fingerprint, notification
from monitor.core.recipients import recipients
from monitor.core.route import ON_CALL, Recipient
from monitor.core.state import OutboxRow, Quiet, Told
from monitor.core.storm import (
    COLLECTS,
    WINDOW,
    check_of,
    count,
    decide,
    receiver_of,
    sight_of,
    still_in,
    storm_view,
    wait_after,
)
from monitor.core.turn import Turn
from monitor.core.view import view_of


def is_in_storm(turn: Turn, told: Told) -> bool:
    """Say whether a receiver hears of an incident by a storm that is not over."""
    storm = turn.draft.incidents.get(told.storm)
    return storm is not None and storm.resolved_at is None


def touch_storms(turn: Turn, incident: str) -> None:
    """Decide later what is told of the storms that an incident is in, wherever it belongs now."""
    turn.storms.update({told.storm: None for told in turn.draft.told_of(incident) if told.storm})


def join(turn: Turn, incident: Incident, to: Recipient) -> bool:
    """Take an incident, of which a receiver would now hear first, into its storm, if there is one.

    The storm begins with the first one beyond what the receiver is told one by one.
    """
    apart = turn.world.told_apart.get(to.receiver)
    if apart is None or incident.check == AUDITOR:
        return False
    check = check_of(apart.receiver)
    storm = turn.draft.incident_of_check(check)
    if storm is None or not timedelta(0) <= turn.now - storm.opened_at < COLLECTS:
        if turn.lately is None:
            turn.lately = _told_lately(turn)
        if turn.lately[apart.receiver] < apart.most:
            turn.lately[apart.receiver] += 1
            return False
        name = turn.new_id(check)
        storm = Incident(name, check, None, ON_CALL, turn.now, incident.tier)
    turn.draft.put_incident(replace(storm, members=storm.members + 1))
    turn.storms[storm.id] = None
    key = (incident.id, to.receiver)
    turn.remember(Told(*key, 0, "", None, to.is_page, quiet=QuietReason.IN_STORM, storm=storm.id))
    turn.quiet.append(Quiet(turn.now, *key, QuietReason.IN_STORM))
    return True


def _told_lately(turn: Turn) -> Counter[str]:
    """Count by place the incidents of the last minute that were told one by one."""
    lately = (
        one
        for one in turn.memory.incidents.values()
        if timedelta(0) <= turn.now - one.opened_at < WINDOW and not one.is_storm
    )
    told = (told for one in lately for told in turn.memory.told_of(one.id) if told.revision > 0)
    places = (turn.world.told_apart.get(one.receiver) for one in told)
    return Counter(one.receiver for one in places if one is not None)


def tell_storms(turn: Turn) -> None:
    """Tell of every storm that took something in, or of which something changed."""
    for name in turn.storms:
        storm = turn.draft.incidents.get(name)
        if storm is not None and storm.resolved_at is None:
            _tell(turn, storm)


def _tell(turn: Turn, storm: Incident) -> None:
    members = still_in(turn.draft.members_of(storm.id))
    counted = count(members)
    ended_at = None if members else turn.now
    tier = Tier.PAGE if counted.pages else Tier.WARN
    storm = replace(storm, tier=tier if members else storm.tier, resolved_at=ended_at, due_at=None)
    sight, view = sight_of(storm, counted), None
    is_quiet = bool(members) and all(one.suppressed_by for one in members)
    due: list[datetime] = []
    for to in _recipients(turn, storm, members):
        told = turn.draft.told.get((storm.id, to.receiver))
        decision = decide(storm, sight, told, to.repeat, turn.now)
        if isinstance(decision, NotifyReason) and not is_quiet:
            alerts_of = turn.draft.alerts_of
            view = view or storm_view(storm, members, alerts_of, turn.world, now=turn.now)
            said = Told(
                storm.id, to.receiver, (told.revision if told else 0) + 1, fingerprint(sight)
            )
            told = replace(said, at=turn.now, is_page=to.is_page)
            turn.remember(told)
            row = notification(view, to, decision, told.revision, turn.now)
            turn.outbox.append(OutboxRow(row, turn.now))
        if told is not None and told.at is not None and members:
            waits = decision is QuietReason.STORM_WAIT
            due += [told.at + wait_after(storm, turn.now)] if waits else []
            due += [told.at + to.repeat] if to.repeat is not None else []
    later = min((at for at in due if at > turn.now), default=None)
    turn.draft.put_incident(replace(storm, told_at=turn.now, due_at=later))


def _recipients(turn: Turn, storm: Incident, members: list[Incident]) -> list[Recipient]:
    """Return the receiver of a storm, and whoever was told instead of it."""
    name = receiver_of(storm)
    told = {one.receiver: one for one in turn.draft.told_of(storm.id)}
    found = [_receiver(turn, name, members)]
    found += [Recipient(r, is_page=one.is_page) for r, one in told.items() if r != name]
    return found


def _receiver(turn: Turn, name: str, members: list[Incident]) -> Recipient:
    """Ask the route of its worst incident whether, and how often, the receiver hears it again."""
    plain = Recipient(name, is_page=name in turn.world.pagers)
    if not members or turn.world.routing.route is None:
        return plain
    alerts = {alert.key: alert for alert in turn.draft.alerts_of(members[0].id)}
    view = view_of(members[0], alerts.values(), turn.world)
    named = recipients(view, alerts, turn.world, now=turn.now)
    return next((to for to in named if to.receiver == name), plain)
