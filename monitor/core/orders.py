"""Orders of people: acknowledge, reassign, resolve, silence. Each is done or refused by name.

What only asks (a look, an explanation) changes nothing, and leaves its trail like the others.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from monitor.core.alert import Alert, AlertState, Change
from monitor.core.incident import Ack, Incident
from monitor.core.instead import Undelivered, tell_instead
from monitor.core.labels import text_of
from monitor.core.silence import Silence
from monitor.core.state import Rebase
from monitor.core.storm import still_in
from monitor.core.trail import Deed
from monitor.core.turn import Turn


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """Somebody takes care of an incident, until a moment or its end."""

    incident: str
    by: str
    until: datetime | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Accept:
    """The level that an incident fires about is the new normal, for each slice of it."""

    incident: str
    by: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Reassign:
    """An incident goes to another maintainer."""

    incident: str
    to: str
    by: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Resolve:
    """Somebody says that it is over; what is still bad at its next look fires again."""

    incident: str
    by: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Look:
    """Somebody has a check look at once."""

    check: str
    by: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Explain:
    """Somebody asks why an incident is there, and whom it was told."""

    incident: str
    by: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class MakeSilence:
    """Store a silence, or change the one that has its id."""

    silence: Silence


@dataclass(frozen=True, slots=True)
class EndSilence:
    """End a silence now."""

    id: str
    by: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Remove:
    """A check is in no file any more: nobody would ever look whether its alerts are over."""

    check: str


@dataclass(frozen=True, slots=True)
class Reconsider:
    """Decide anew about every incident: the configuration changed, or the daemon started."""

    why: str


Order: TypeAlias = (
    Acknowledge
    | Accept
    | Reassign
    | Resolve
    | Look
    | Explain
    | MakeSilence
    | EndSilence
    | Undelivered
    | Remove
    | Reconsider
)


class Refusal(StrEnum):
    """Why an order was not obeyed."""

    NO_INCIDENT = "there is no open incident with this id"
    NO_MAINTAINER = "there is no maintainer with this name"
    NO_SILENCE = "there is no silence with this id that could end"
    PAST = "the moment has passed"
    NOT_LEARNED = "nothing fires in it that is judged by a learned normal"


def obey(turn: Turn, order: Order) -> Refusal | None:  # noqa: PLR0911  # one for each order
    """Do what is ordered; return why not when it cannot be done."""
    if isinstance(order, MakeSilence):
        return _make_silence(turn, order.silence)
    if isinstance(order, EndSilence):
        return _end_silence(turn, order)
    if isinstance(order, Reconsider):
        turn.touch_all()
        return None
    if isinstance(order, Look):
        _look(turn, order)
        return None
    if isinstance(order, Remove):
        _end(turn, turn.draft.alerts_of_check(order.check), "check removed")
        return None
    if isinstance(order, Undelivered):
        tell_instead(turn, order)
        return None
    return _about_incident(turn, order)


def _look(turn: Turn, order: Look) -> None:
    """Write it down, and into the story of the incident that the check has."""
    incident = turn.draft.incident_of_check(order.check)
    turn.leave_trail(
        Deed.LOOKED,
        who=order.by,
        why=order.why,
        what=order.check,
        incident=incident.id if incident else None,
    )


def _about_incident(
    turn: Turn, order: Acknowledge | Accept | Reassign | Resolve | Explain
) -> Refusal | None:
    incident = turn.draft.incidents.get(order.incident)
    if incident is None or incident.resolved_at is not None:
        return Refusal.NO_INCIDENT
    if incident.is_storm and not isinstance(order, Explain):
        return _obey_for_all(turn, incident, order)
    if isinstance(order, Acknowledge):
        return _acknowledge(turn, incident, order)
    if isinstance(order, Accept):
        return _accept(turn, incident, order)
    if isinstance(order, Reassign):
        return _reassign(turn, incident, order)
    if isinstance(order, Resolve):
        _resolve(turn, incident, order)
    else:
        turn.leave_trail(Deed.EXPLAINED, who=order.by, why=order.why, incident=incident.id)
    return None


def _obey_for_all(
    turn: Turn, storm: Incident, order: Acknowledge | Accept | Reassign | Resolve
) -> Refusal | None:
    """Do it to each incident of a storm; refused where it cannot be done to any."""
    members = still_in(turn.draft.members_of(storm.id))
    refusals = [obey(turn, replace(order, incident=one.id)) for one in members]
    if all(refusals):
        return refusals[0] if refusals else Refusal.NO_INCIDENT
    turn.storms[storm.id] = None
    what = f"{refusals.count(None)} incidents"
    turn.leave_trail(DEEDS[type(order)], who=order.by, why=order.why, what=what, incident=storm.id)
    return None


DEEDS: Mapping[type[Order], Deed] = {
    Acknowledge: Deed.ACKNOWLEDGED,
    Accept: Deed.ACCEPTED,
    Reassign: Deed.REASSIGNED,
    Resolve: Deed.RESOLVED,
}


def _acknowledge(turn: Turn, incident: Incident, order: Acknowledge) -> Refusal | None:
    if order.until is not None and order.until <= turn.now:
        return Refusal.PAST
    turn.put_incident(replace(incident, ack=Ack(order.by, turn.now, order.until)))
    until = order.until.isoformat() if order.until else ""
    turn.leave_trail(
        Deed.ACKNOWLEDGED, who=order.by, why=order.why, what=until, incident=incident.id
    )
    return None


def _accept(turn: Turn, incident: Incident, order: Accept) -> Refusal | None:
    """Rebase every slice that fires, once between two looks: a click may come twice."""
    firing = [
        alert
        for alert in turn.draft.alerts_of(incident.id)
        if alert.check == incident.check and alert.state.is_firing and not alert.is_blind
    ]
    if not firing or not turn.facts(incident.check).learns:
        return Refusal.NOT_LEARNED
    before = incident.ack
    looked_at = max((alert.last.at for alert in firing if alert.last), default=turn.now)
    if before is not None and before.is_new_normal and looked_at <= before.at:
        return None
    turn.rebases.extend(Rebase(alert.check, alert.slice, turn.now, order.by) for alert in firing)
    turn.put_incident(replace(incident, ack=Ack(order.by, turn.now, is_new_normal=True)))
    what = ", ".join(text_of(alert.slice) or "the total" for alert in firing)
    turn.leave_trail(Deed.ACCEPTED, who=order.by, why=order.why, what=what, incident=incident.id)
    return None


def _reassign(turn: Turn, incident: Incident, order: Reassign) -> Refusal | None:
    if order.to not in turn.world.maintainers:
        return Refusal.NO_MAINTAINER
    turn.put_incident(replace(incident, assignee=order.to))
    turn.leave_trail(
        Deed.REASSIGNED, who=order.by, why=order.why, what=order.to, incident=incident.id
    )
    return None


def _resolve(turn: Turn, incident: Incident, order: Resolve) -> None:
    turn.leave_trail(Deed.RESOLVED, who=order.by, why=order.why, incident=incident.id)
    _end(turn, turn.draft.alerts_of(incident.id), f"resolved by {order.by}")


def _end(turn: Turn, alerts: Iterable[Alert], why: str) -> None:
    for alert in alerts:
        if alert.state.is_firing:
            done = replace(alert, state=AlertState.RESOLVED, resolved_at=turn.now)
            turn.put(done)
            turn.note(done, Change.RESOLVED, why, alert.incident)
        elif alert.is_open:
            turn.drop(alert)


def _make_silence(turn: Turn, silence: Silence) -> Refusal | None:
    if silence.ends_at <= max(turn.now, silence.starts_at):
        return Refusal.PAST
    turn.draft.silences[silence.id] = silence
    turn.touch_all()
    text = ", ".join(map(str, silence.matchers))
    turn.leave_trail(
        Deed.SILENCE_MADE,
        who=silence.created_by,
        why=silence.comment,
        what=f"{silence.id}: {text} until {silence.ends_at.isoformat()}",
    )
    return None


def _end_silence(turn: Turn, order: EndSilence) -> Refusal | None:
    silence = turn.draft.silences.get(order.id)
    if silence is None or silence.ends_at <= turn.now:
        return Refusal.NO_SILENCE
    ended = replace(silence, ends_at=turn.now, starts_at=min(silence.starts_at, turn.now))
    turn.draft.silences[order.id] = ended
    turn.touch_all()
    turn.leave_trail(Deed.SILENCE_ENDED, who=order.by, why=order.why, what=order.id)
    return None
