"""Escalation at work: how long a page has waited for an answer, and who hears of it then."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from monitor.core.escalation import escalated_to
from monitor.core.incident import Incident
from monitor.core.model import Tier
from monitor.core.route import Recipient
from monitor.core.state import Told
from monitor.core.world import World


def waiting_since(
    incident: Incident, recipients: Iterable[Recipient], told: Iterable[Told], now: datetime
) -> datetime | None:
    """Return since when a page waits for an answer; None when none does.

    It waits from the moment at which the first pager was told; where the owner has no pager, from
    the moment at which anybody was told of tier page. A pager that sleeps is no answer owed.
    """
    if incident.resolved_at is not None or incident.tier is not Tier.PAGE or incident.ack:
        return None
    if incident.paged_at is not None:
        return incident.paged_at
    asked = [to for to in recipients if to.scope is None and not to.is_past]
    pagers = {to.receiver for to in asked if to.is_page} or {to.receiver for to in asked}
    return now if any(one.is_heard and one.receiver in pagers for one in told) else None


def with_escalation(
    incident: Incident,
    recipients: tuple[Recipient, ...],
    told: Iterable[Told],
    world: World,
    now: datetime,
) -> tuple[Recipient, ...]:
    """Add those whose step is due, and those who were told in one: they hear how it goes on."""
    steps = world.on_call.escalation
    if not steps or incident.resolved_at is not None:
        return recipients
    before = {one.receiver for one in told if one.revision > 0}
    asked = (name for step in steps for name in step.receivers if name in before)
    due = dict.fromkeys((*escalated_to(steps, incident.paged_at, now), *asked))
    named = {to.receiver for to in recipients if to.scope is None}
    kept = tuple(to for to in recipients if to.scope is None or to.receiver not in due)
    added = (Recipient(name, is_page=True, is_escalated=True) for name in due if name not in named)
    return (*kept, *added)


def as_paged(incident: Incident, since: datetime | None) -> Incident:
    """Note since when a page waits."""
    return incident if since == incident.paged_at else replace(incident, paged_at=since)
