"""Degradation: a receiver that cannot be reached never means silence; the next in line is told."""

from dataclasses import dataclass, replace
from datetime import datetime

from monitor.core.incident import Incident
from monitor.core.notification import Notification, NotifyReason
from monitor.core.notify import fingerprint, seen
from monitor.core.state import OutboxRow, Postponed, Told
from monitor.core.storm import count, sight_of, still_in, storm_view
from monitor.core.trail import Deed
from monitor.core.turn import Turn
from monitor.core.view import cut, view_of
from monitor.core.world import World


@dataclass(frozen=True, slots=True)
class Undelivered:
    """A message waited for too long, or can never arrive. ``due_at`` is its next try.

    ``is_heard`` says that somebody else has heard of its incident, or will.
    """

    note: Notification
    error: str
    due_at: datetime
    is_heard: bool = False

    @property
    def incident(self) -> str:
        """The incident that it is about."""
        return self.note.subject


def line_of(incident: Incident, world: World) -> tuple[str, ...]:
    """Return who is told of an incident, one instead of the other.

    Its owner's pagers, its owner's other receivers, on-call, the receivers of last resort.
    """
    owner = world.maintainers.get(incident.owner)
    own = (*owner.page, *owner.receivers) if owner else ()
    return tuple(dict.fromkeys((*own, *world.on_call.receivers, *world.fallback)))


def tell_instead(turn: Turn, order: Undelivered) -> None:
    """Tell the next in line of the receiver that was not reached; the last one has none."""
    note, view = order.note, order.note.view
    assert view is not None
    turn.postponed.append(Postponed(note.key, order.due_at, order.error, is_degraded=True))
    incident = turn.draft.incidents.get(note.subject)
    is_over = incident is None or incident.resolved_at is not None
    if is_over and (order.is_heard or view.is_open):  # its end is queued behind it
        why = f"{note.receiver} did not hear of the end: {order.error}"
        turn.leave_trail(Deed.GIVEN_UP, why=why, what=note.key, incident=note.subject)
        return
    line = line_of(incident or view.incident, turn.world)
    at = line.index(note.receiver) + 1 if note.receiver in line else 0
    name = next((one for one in line[at:] if one != note.receiver), None)
    if name is None:
        why = f"nobody is left after {note.receiver}: {order.error}"
        turn.leave_trail(Deed.GIVEN_UP, why=why, what=note.key, incident=note.subject)
        return
    said = replace(
        note,
        receiver=name,
        reason=NotifyReason.FALLBACK,
        at=turn.now,
        is_page=True,
        headline=f"{note.receiver} could not be told: {order.error}",
    )
    if incident is not None and not is_over:
        said = _as_told(turn, incident, said)
    else:  # it is over, and its end is the only thing that is left to say
        number = note.key.rpartition(":")[2]
        said = replace(said, key=f"{note.subject}:instead:{name}:{number}")
    turn.outbox.append(OutboxRow(said, turn.now))
    turn.leave_trail(Deed.DEGRADED, why=order.error, what=name, incident=note.subject)


def _as_told(turn: Turn, incident: Incident, said: Notification) -> Notification:
    """Remember that somebody else was told: they hear the end, too."""
    if incident.is_storm:
        members, alerts_of = turn.draft.members_of(incident.id), turn.draft.alerts_of
        view = storm_view(incident, members, alerts_of, turn.world, now=turn.now)
        # Its last incident may have ended in this very step: the end is told behind it.
        open_yet = replace(sight_of(incident, count(still_in(members))), tier=str(incident.tier))
        sight = fingerprint(open_yet)
    else:
        view = cut(view_of(incident, turn.draft.alerts_of(incident.id), turn.world))
        sight = fingerprint(seen(view))
    before = turn.draft.told.get((incident.id, said.receiver))
    revision = (before.revision if before else 0) + 1
    turn.remember(Told(incident.id, said.receiver, revision, sight, turn.now, is_page=True))
    return replace(said, key=f"{incident.id}:{said.receiver}:{revision}", view=view)
