"""Whether a receiver is told of an incident: a decision that returns its reason."""

from hashlib import blake2s
from typing import TypeAlias

from monitor.core.alert import AlertState
from monitor.core.incident import IncidentView
from monitor.core.model import Tier
from monitor.core.notification import NotifyReason, QuietReason
from monitor.core.route import Recipient
from monitor.core.state import Told

Decision: TypeAlias = NotifyReason | QuietReason


def fingerprint(view: IncidentView) -> str:
    """Write what a receiver can see of the state: ``tier:firing:folded:hash``."""
    firing = [m for m in view.own if m.state is AlertState.FIRING]
    folded = [m for m in view.folded if m.state is AlertState.FIRING]
    seen = sorted(f"{m.check}|{m.slice}|{m.state}|{m.tier}|{m.is_folded}" for m in view.members)
    code = blake2s("\n".join(seen).encode(), digest_size=8).hexdigest()
    tier = view.incident.tier if view.is_open else "resolved"
    return f"{tier}:{len(firing)}:{len(folded)}:{code}"


def decide(view: IncidentView, told: Told | None, to: Recipient) -> Decision:
    """Decide what one receiver is told now, given what it was told last."""
    if told is None or told.revision == 0:
        if not view.is_open:
            return QuietReason.NEVER_TOLD
        return NotifyReason.FIRST if to.may_wake else QuietReason.OUTSIDE_HOURS
    now = fingerprint(view)
    if told.fingerprint == now:
        return QuietReason.NOTHING_NEW
    if not view.is_open:
        return NotifyReason.RESOLVED
    return _what_changed(told.fingerprint, now)


def _what_changed(before: str, now: str) -> NotifyReason:
    tier_before, firing_before, folded_before, _ = before.split(":")
    tier, firing, folded, _ = now.split(":")
    if tier == Tier.PAGE and tier_before != Tier.PAGE:
        return NotifyReason.WORSE
    if int(firing) > int(firing_before):
        return NotifyReason.MORE_ALERTS
    if folded != folded_before:
        return NotifyReason.CAUSE_CHANGED
    return NotifyReason.FEWER_ALERTS
