"""Degradation: a receiver that cannot be reached never means silence; the next in line is told."""

from dataclasses import dataclass
from datetime import datetime

from monitor.core.incident import Incident
from monitor.core.notification import Notification, NotifyReason
from monitor.core.notify import fingerprint, seen
from monitor.core.state import OutboxRow, Postponed, Told
from monitor.core.trail import Deed
from monitor.core.turn import Turn
from monitor.core.view import cut, view_of
from monitor.core.world import World


@dataclass(frozen=True, slots=True)
class Undelivered:
    """A message waited for too long, or can never arrive. ``due_at`` is its next try."""

    incident: str
    receiver: str
    key: str
    error: str
    due_at: datetime


def line_of(incident: Incident, world: World) -> tuple[str, ...]:
    """Return who is told of an incident, one instead of the other.

    Its owner's pagers, its owner's other receivers, on-call, the receivers of last resort.
    """
    owner = world.maintainers.get(incident.owner)
    own = (*owner.page, *owner.receivers) if owner else ()
    return tuple(dict.fromkeys((*own, *world.on_call.receivers, *world.fallback)))


def tell_instead(turn: Turn, incident: Incident, order: Undelivered) -> None:
    """Tell the next in line of the receiver that was not reached; the last one has none."""
    turn.postponed.append(Postponed(order.key, order.due_at, order.error, is_degraded=True))
    line = line_of(incident, turn.world)
    at = line.index(order.receiver) + 1 if order.receiver in line else 0
    name = next((one for one in line[at:] if one != order.receiver), None)
    if name is None:
        why = f"nobody is left after {order.receiver}: {order.error}"
        turn.leave_trail(Deed.GIVEN_UP, why=why, what=order.key, incident=incident.id)
        return
    view = cut(view_of(incident, turn.draft.alerts_of(incident.id), turn.world))
    before = turn.draft.told.get((incident.id, name))
    revision = (before.revision if before else 0) + 1
    told = Told(incident.id, name, revision, fingerprint(seen(view)), turn.now, is_page=True)
    turn.remember(told)
    note = Notification(
        key=f"{incident.id}:{name}:{revision}",
        subject=incident.id,
        receiver=name,
        reason=NotifyReason.FALLBACK,
        at=turn.now,
        is_page=True,
        view=view,
        headline=f"{order.receiver} could not be told: {order.error}",
    )
    turn.outbox.append(OutboxRow(note, turn.now))
    turn.leave_trail(Deed.DEGRADED, why=order.error, what=name, incident=incident.id)
