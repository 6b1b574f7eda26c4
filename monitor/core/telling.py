"""Telling: for every incident that was touched, who is told what now, who is not, and why."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from monitor.core.causes import release
from monitor.core.escalating import as_paged, waiting_since, with_escalation
from monitor.core.escalation import next_step_at
from monitor.core.incident import Incident, IncidentView, Suppression
from monitor.core.inhibiting import inhibitors, labels_of, touch_targets
from monitor.core.model import Tier
from monitor.core.notification import QuietReason
from monitor.core.notify import Seen, decide, fingerprint, notification, seen
from monitor.core.recipients import recipients
from monitor.core.route import Recipient
from monitor.core.silence import silenced_by
from monitor.core.state import OutboxRow, Quiet, Told
from monitor.core.storming import is_in_storm, join, tell_storms, touch_storms
from monitor.core.trail import Deed
from monitor.core.turn import Turn
from monitor.core.view import cut, is_folded, only_for, view_of

MINUTE = timedelta(minutes=1)
"""Hours and mutes begin and end with a minute: at each it is asked again."""

GATHER = timedelta(seconds=1)
"""How long changes of the list of alerts are gathered before anybody is told: in a storm the list
changes with every look."""


def tell(turn: Turn) -> None:
    """Bring every touched incident up to date, then decide for each of its receivers."""
    for name in turn.memory.due(turn.now):
        turn.touch(name)
    touch_targets(turn)
    done: set[str] = set()
    while len(done) < len(turn.touched):
        for name in [one for one in turn.touched if one not in done]:
            done.add(name)
            incident = turn.draft.incidents.get(name)
            if incident is not None and incident.is_storm:
                turn.storms[name] = None
            elif incident is not None and incident.resolved_at is None:
                _refresh(turn, incident)
    for name in turn.touched:
        incident = turn.draft.incidents.get(name)
        if incident is None or incident.is_storm or _can_wait(turn, incident):
            continue
        _tell(turn, incident)
    tell_storms(turn)


def _refresh(turn: Turn, incident: Incident) -> None:
    """Bring tier, end and acknowledgement of an incident up to its alerts and the time."""
    if not turn.draft.fires(incident.id):
        release(turn, incident)
        turn.put_incident(replace(incident, resolved_at=turn.now, due_at=None))
        return
    tier = Tier.PAGE if any(_pages(turn, incident)) else Tier.WARN
    ack = incident.ack
    if ack is not None and ack.until is not None and ack.until <= turn.now:
        turn.leave_trail(Deed.ACK_ENDED, what=ack.by, incident=incident.id)
        ack = None
        incident = replace(incident, paged_at=turn.now)
    if tier is not incident.tier or ack is not incident.ack:
        turn.put_incident(replace(incident, tier=tier, ack=ack))
        if incident.parent is not None:
            turn.touch(incident.parent)


def _pages(turn: Turn, incident: Incident) -> Iterator[bool]:
    """Go through what fires in an incident: whether it is a page.

    What only follows from it counts, too, or a page under a warning would wake nobody; unless
    somebody silenced it, or was paged for it before the cause was found.
    """
    active = [one for one in turn.draft.silences.values() if one.is_active(turn.now)]
    children = (one.id for one in turn.draft.children_of(incident.id) if not _is_dealt_with(one))
    for name in (incident.id, *children):
        for alert in turn.draft.alerts_of(name):
            if alert.state.is_firing and alert.tier is Tier.PAGE:
                mine = not is_folded(incident, alert)
                yield mine or not silenced_by(labels_of(turn, alert), active)


def _is_dealt_with(child: Incident) -> bool:
    """Whether somebody was paged for an incident, or took it, before its cause was found."""
    return bool(child.resolved_at or child.ack or child.paged_at)


def _can_wait(turn: Turn, incident: Incident) -> bool:
    """Say whether nothing but the list of alerts changed, and that was told a moment ago."""
    before = turn.memory.incidents.get(incident.id)
    if before != incident or incident.id in turn.urgent:
        return False
    if incident.told_at is None or incident.resolved_at is not None:
        return False
    due_at = incident.told_at + GATHER
    if not incident.told_at <= turn.now < due_at:
        return False
    if incident.due_at is not None and incident.due_at <= turn.now:
        return False
    due_at = min(due_at, incident.due_at or due_at)
    turn.draft.put_incident(replace(incident, due_at=due_at))
    return True


def _tell(turn: Turn, incident: Incident) -> None:
    incident, view = _look_over(turn, incident)
    sights: dict[str | None, tuple[IncidentView, Seen]] = {}
    due = [one.until for one in incident.suppressed_by if one.until is not None]
    held = {name for one in view.folded if one.tier is Tier.PAGE for name in one.silenced_by}
    due.extend(turn.draft.silences[name].ends_at for name in held)
    if incident.ack is not None and incident.ack.until is not None:
        due.append(incident.ack.until)
    touch_storms(turn, incident.id)
    told_to = _recipients(turn, view)
    for to in told_to:
        if to.scope not in sights:
            shown = view if to.scope is None else only_for(view, to.scope)
            sights[to.scope] = (cut(shown), seen(shown, to.scope))
        again = _decide(turn, *sights[to.scope], to)
        if again is not None:
            due.append(again)
    since = waiting_since(incident, told_to, turn.draft.told_of(incident.id), turn.now)
    incident = as_paged(incident, since)
    step_at = next_step_at(turn.world.on_call.escalation, since, turn.now)
    due.extend([step_at] if step_at is not None else [])
    # What may not be repeated now (it is held, acknowledged) waits for what holds it.
    later = [at for at in due if at > turn.now]
    due_at = min(later, default=None) if incident.resolved_at is None else None
    turn.draft.put_incident(replace(incident, told_at=turn.now, due_at=due_at))


def _look_over(turn: Turn, incident: Incident) -> tuple[Incident, IncidentView]:
    """Make the view of an incident, and note when what suppresses it has changed."""
    parent = turn.draft.incidents.get(incident.parent or "")
    children = turn.draft.children_of(incident.id)
    told_in = {one.id: one.id for one in children if _was_told(turn, one)}
    told_in.update({one.id: "" for one in children if one.id not in told_in})
    alerts = [alert for name in (incident.id, *told_in) for alert in turn.draft.alerts_of(name)]
    view = view_of(
        incident,
        alerts,
        turn.world,
        silences=list(turn.draft.silences.values()),
        now=turn.now,
        told_in=told_in,
        cause=f"{parent.resource or parent.check} ({parent.owner})" if parent else "",
    )
    suppressed_by = tuple(_suppressions(turn, incident, view)) if view.is_open else ()
    if suppressed_by != incident.suppressed_by:
        _note_suppression(turn, incident, suppressed_by)
        incident = replace(incident, suppressed_by=suppressed_by)
        view = replace(view, incident=incident)
    return incident, view


def _was_told(turn: Turn, incident: Incident) -> bool:
    return any(entry.is_heard for entry in turn.draft.told_of(incident.id))


def _suppressions(turn: Turn, incident: Incident, view: IncidentView) -> Iterable[Suppression]:
    if incident.parent is not None:
        yield Suppression("lineage", incident.parent)
    firing = [m for m in view.own if m.state.is_firing]
    # A page that only follows from it is told, unless it is silenced itself.
    dealt_with = {one.id for one in turn.draft.children_of(incident.id) if _is_dealt_with(one)}
    pages = (m for m in view.folded if m.tier is Tier.PAGE and m.told_in not in dealt_with)
    firing += [m for m in pages if m.state.is_firing]
    if firing and all(m.silenced_by for m in firing):
        silences = turn.draft.silences
        names = sorted({m.silenced_by[0] for m in firing})
        ends = [max(silences[name].ends_at for name in m.silenced_by) for m in firing]
        yield Suppression("silence", ", ".join(names), min(ends))
    held_by = inhibitors(turn, incident)
    if held_by:
        yield Suppression("inhibition", ", ".join(held_by))


def _note_suppression(turn: Turn, incident: Incident, now: tuple[Suppression, ...]) -> None:
    before = {(one.kind, one.by) for one in incident.suppressed_by}
    after = {(one.kind, one.by) for one in now}
    for kind, by in sorted(after - before):
        turn.leave_trail(Deed.SUPPRESSED, why=kind, what=by, incident=incident.id)
    for kind, by in sorted(before - after):
        turn.leave_trail(Deed.UNSUPPRESSED, why=kind, what=by, incident=incident.id)


def _recipients(turn: Turn, view: IncidentView) -> tuple[Recipient, ...]:
    """Return whom it concerns now, and whoever was told before: they hear the end, too."""
    incident, told = view.incident, turn.draft.told_of(view.incident.id)
    names = (incident.id, *(one.id for one in turn.draft.children_of(incident.id)))
    alerts = {alert.key: alert for name in names for alert in turn.draft.alerts_of(name)}
    now = recipients(view, alerts, turn.world, turn.now)
    now = with_escalation(incident, now, told, turn.world, turn.now)
    named = {to.receiver for to in now}
    before = [
        Recipient(one.receiver, is_page=one.is_page, is_past=True)
        for one in told
        if one.revision > 0 and one.receiver not in named
    ]
    return (*now, *before)


def _decide(turn: Turn, view: IncidentView, sight: Seen, to: Recipient) -> datetime | None:
    """Tell one receiver or not; return when it must be decided again."""
    key = (view.incident.id, to.receiver)
    told = turn.draft.told.get(key)
    if told is not None and told.storm:
        if is_in_storm(turn, told):
            return None
        told = replace(told, storm="")
    decision = decide(view, sight, told, to, turn.now)
    if isinstance(decision, QuietReason):
        _stay_quiet(turn, key, told, decision)
        return _again(view, told, to, decision, turn.now)
    revision = (told.revision if told else 0) + 1
    if revision == 1 and join(turn, view.incident, to):
        return None
    turn.remember(Told(*key, revision, fingerprint(sight), turn.now, to.is_page))
    note = notification(view, to, decision, revision, turn.now)
    turn.outbox.append(OutboxRow(note, turn.now))
    return turn.now + to.repeat if to.repeat is not None else None


def _again(
    view: IncidentView, told: Told | None, to: Recipient, reason: QuietReason, now: datetime
) -> datetime | None:
    if reason is QuietReason.GROUP_WAIT:
        return view.incident.opened_at + to.wait
    if reason in {QuietReason.OUTSIDE_HOURS, QuietReason.MUTED}:
        return now.replace(second=0, microsecond=0) + MINUTE
    if told is None or told.at is None:
        return None
    if reason is QuietReason.GROUP_INTERVAL:
        return told.at + to.interval
    return told.at + to.repeat if to.repeat is not None else None


def _stay_quiet(turn: Turn, key: tuple[str, str], told: Told | None, reason: QuietReason) -> None:
    if reason is QuietReason.NOTHING_NEW or (told is not None and told.quiet == reason):
        return
    turn.quiet.append(Quiet(turn.now, *key, reason))
    turn.remember(replace(told or Told(*key, 0, ""), quiet=reason))
