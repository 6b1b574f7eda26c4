"""Whom a check would tell, in words."""

from datetime import datetime

from monitor.config.plan import PlannedCheck
from monitor.core.recipients import told_if_it_fired
from monitor.core.route import Recipient
from monitor.core.world import World


def told_lines(planned: PlannedCheck, world: World, now: datetime) -> list[str]:
    """Say who would be told now, each tier by itself where that makes a difference."""
    found = {
        rule.tier: ", ".join(map(_how, told_if_it_fired(planned.id, rule.tier, world, now)))
        for rule in planned.tiers
    }
    if len(set(found.values())) == 1:
        return [f"told: {told}" for told in set(found.values())]
    return [f"told of tier {tier}: {told}" for tier, told in found.items()]


def _how(to: Recipient) -> str:
    notes = ["pages"] if to.is_page else []
    if to.is_page and not to.may_wake:
        notes.append("not now: outside the hours")
    if to.muted_by:
        notes.append(f"not now: muted by {to.muted_by}")
    return f"{to.receiver} ({', '.join(notes)})" if notes else to.receiver
