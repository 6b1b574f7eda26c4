"""Whether a receiver is told of an incident: a decision that returns its reason."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from hashlib import blake2s
from typing import TypeAlias

from monitor.core.alert import AlertState
from monitor.core.incident import Ack, IncidentView, Member
from monitor.core.model import Tier
from monitor.core.notification import Notification, NotifyReason, QuietReason
from monitor.core.route import Recipient
from monitor.core.state import Told

Decision: TypeAlias = NotifyReason | QuietReason

HUSHED = frozenset(
    {QuietReason.SILENCED, QuietReason.INHIBITED, QuietReason.MUTED, QuietReason.FOLDED}
)
"""Reasons whose end is told at once when it still fires."""

_CAN_WAIT = frozenset(
    {NotifyReason.MORE_ALERTS, NotifyReason.FEWER_ALERTS, NotifyReason.CAUSE_CHANGED}
)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a receiver can see of an incident's state; two that are equal look the same."""

    tier: str
    firing: int
    folded: int
    silenced: int
    code: str
    cause: str = ""
    is_flapping: bool = False
    ack: str = ""
    owner: str = ""


def seen(view: IncidentView, scope: str | None = None) -> Seen:
    """Say what a receiver sees; whoever only follows from it sees what is theirs, and its end."""
    if scope is not None:
        folded = [m for m in view.folded if m.state.is_firing]
        state = "open" if view.is_open else "resolved"
        return Seen(state, 0, len(folded), 0, _code(folded))
    firing = [m for m in view.own if m.state.is_firing and not m.silenced_by]
    incident = view.incident
    return Seen(
        tier=str(incident.tier) if view.is_open else "resolved",
        firing=len(firing),
        folded=sum(m.state.is_firing for m in view.folded),
        silenced=sum(bool(m.silenced_by) and m.state.is_firing for m in view.own),
        code=_code(view.members),
        cause=view.cause,
        is_flapping=bool(firing) and all(m.state is AlertState.FLAPPING for m in firing),
        ack=_ack(incident.ack),
        owner=incident.owner,
    )


def _ack(ack: Ack | None) -> str:
    if ack is None:
        return ""
    return ack.words if ack.is_new_normal else ack.by


def _code(members: Iterable[Member]) -> str:
    parts = sorted(
        f"{m.check}|{m.slice}|{m.state.is_firing}|{m.tier}|{m.is_folded}" for m in members
    )
    return blake2s("\n".join(parts).encode(), digest_size=8).hexdigest()


def notification(
    view: IncidentView, to: Recipient, reason: NotifyReason, revision: int, now: datetime
) -> Notification:
    """Make the message to a receiver."""
    subject = view.incident.id
    return Notification(
        key=f"{subject}:{to.receiver}:{revision}",
        subject=subject,
        receiver=to.receiver,
        reason=reason,
        at=now,
        is_page=to.is_page,
        view=view,
    )


_SEEN = tuple(field.name for field in fields(Seen))


def fingerprint(sight: Seen) -> str:
    """Write what a receiver sees as text, to be compared with later."""
    return json.dumps([getattr(sight, name) for name in _SEEN])


_RINGS_NOT = frozenset(
    {
        NotifyReason.RESOLVED,
        NotifyReason.ACKNOWLEDGED,
        NotifyReason.ADOPTED,
        NotifyReason.FEWER_ALERTS,
    }
)
"""What a pager may be told at night: it makes a page smaller or ends it."""


def decide(
    view: IncidentView, sight: Seen, told: Told | None, to: Recipient, now: datetime
) -> Decision:
    """Decide what one receiver is told now, given what it sees and what it was told last."""
    decision = _decide(view, sight, told, to, now)
    if to.may_wake:
        was_asleep = told is not None and told.quiet == QuietReason.OUTSIDE_HOURS
        is_same = decision is QuietReason.NOTHING_NEW and view.is_open
        return NotifyReason.UNSUPPRESSED if was_asleep and is_same else decision
    rings = isinstance(decision, NotifyReason) and decision not in _RINGS_NOT
    return QuietReason.OUTSIDE_HOURS if rings else decision


def _decide(  # noqa: PLR0911  # one return for each reason
    view: IncidentView, sight: Seen, told: Told | None, to: Recipient, now: datetime
) -> Decision:
    if told is None or told.revision == 0:
        return _first(view, sight, told, to, now)
    before = Seen(*json.loads(told.fingerprint))
    if not view.is_open:
        return NotifyReason.RESOLVED if before.tier != "resolved" else QuietReason.NOTHING_NEW
    if sight.cause != before.cause:
        return NotifyReason.ADOPTED if sight.cause else NotifyReason.RELEASED
    if to.is_past:
        is_news = sight.owner != before.owner and told.quiet != QuietReason.NOT_THEIRS
        return NotifyReason.REASSIGNED if is_news else QuietReason.NOT_THEIRS
    hushed = _hushed(view, to)
    if hushed is not None:
        return hushed
    if told.quiet in HUSHED:
        return NotifyReason.UNSUPPRESSED
    decision = _what_changed(before, sight)
    assert told.at is not None
    if decision is QuietReason.NOTHING_NEW:
        is_due = to.repeat is not None and not timedelta(0) <= now - told.at < to.repeat
        if is_due and view.incident.ack is None and not sight.is_flapping:
            return NotifyReason.REPEAT
    if decision in _CAN_WAIT and timedelta(0) <= now - told.at < to.interval:
        return QuietReason.GROUP_INTERVAL
    return decision


def _first(
    view: IncidentView, sight: Seen, told: Told | None, to: Recipient, now: datetime
) -> Decision:
    if not view.is_open:
        return QuietReason.NEVER_TOLD
    hushed = _hushed(view, to)
    if hushed is not None:
        return hushed
    if not to.may_wake:
        return QuietReason.OUTSIDE_HOURS
    if timedelta(0) <= now - view.incident.opened_at < to.wait:
        return QuietReason.GROUP_WAIT
    if told is not None and told.quiet in HUSHED:
        return NotifyReason.UNSUPPRESSED
    first = NotifyReason.ESCALATED if to.is_escalated else NotifyReason.FIRST
    return NotifyReason.FLAPPING if sight.is_flapping else first


def _hushed(view: IncidentView, to: Recipient) -> QuietReason | None:
    kinds = {one.kind for one in view.incident.suppressed_by}
    if "lineage" in kinds:
        return QuietReason.FOLDED
    if "silence" in kinds:
        return QuietReason.SILENCED
    if "inhibition" in kinds:
        return QuietReason.INHIBITED
    return QuietReason.MUTED if to.muted_by is not None else None


def _what_changed(before: Seen, now: Seen) -> Decision:  # noqa: PLR0911  # as above
    if before == now:
        return QuietReason.NOTHING_NEW
    if now.tier == Tier.PAGE and before.tier != Tier.PAGE:
        return NotifyReason.WORSE
    if now.owner != before.owner:
        return NotifyReason.REASSIGNED
    if now.ack != before.ack:
        return NotifyReason.ACKNOWLEDGED if now.ack else NotifyReason.ACK_ENDED
    if now.is_flapping:
        return QuietReason.FLAPPING if before.is_flapping else NotifyReason.FLAPPING
    if before.is_flapping:
        return NotifyReason.STEADIED
    return _who_changed(before, now)


def _who_changed(before: Seen, now: Seen) -> Decision:
    if now.silenced < before.silenced:
        return NotifyReason.UNSUPPRESSED
    if now.silenced > before.silenced and now.code == before.code:
        return QuietReason.SILENCED
    if now.firing > before.firing:
        return NotifyReason.MORE_ALERTS
    if now.folded != before.folded:
        return NotifyReason.CAUSE_CHANGED
    return NotifyReason.FEWER_ALERTS
