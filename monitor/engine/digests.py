"""Digests: when they leave, and what is read for them."""

import logging
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from monitor.config.plan import DigestPlan, Plan
from monitor.core.digest import Digest
from monitor.core.fold import Window, coverage, fold
from monitor.core.notification import Notification, NotifyReason
from monitor.core.state import OutboxRow
from monitor.core.view import views_of
from monitor.core.world import World
from monitor.store import Store

log = logging.getLogger(__name__)

LATEST = timedelta(hours=6)
"""A digest whose moment passed longer ago than this (the daemon was off) waits for its next day:
a morning digest in the afternoon misleads."""

LONGEST_WINDOW = timedelta(days=4)


def due_on(plan: DigestPlan, timezone: str, now: datetime) -> tuple[date, datetime] | None:
    """Return the local day whose digest should have left by now, and when it was due."""
    zone = ZoneInfo(timezone)
    today = now.astimezone(zone).date()
    at = _moment(plan, zone, today)
    is_due = today.weekday() in plan.weekdays and at <= now < at + LATEST
    return (today, at) if is_due else None


def next_after(plan: DigestPlan, timezone: str, now: datetime) -> datetime | None:
    """Return when the digest leaves next; None when no weekday is allowed."""
    zone = ZoneInfo(timezone)
    today = now.astimezone(zone).date()
    days = (today + timedelta(days=ahead) for ahead in range(8))
    moments = (_moment(plan, zone, day) for day in days if day.weekday() in plan.weekdays)
    return next((at for at in moments if at > now), None)


def _moment(plan: DigestPlan, zone: ZoneInfo, day: date) -> datetime:
    return datetime(day.year, day.month, day.day, plan.hour, plan.minute, tzinfo=zone)


@dataclass(frozen=True)
class Digests:
    """Makes digests from the store and hands them to the outbox, once per local day."""

    plan: Plan
    world: World
    store: Store

    def run_due(self, now: datetime) -> list[list[OutboxRow]]:
        """Store every digest that is due and was not made yet; blocking. Return its messages."""
        made: list[list[OutboxRow]] = []
        for one in self.plan.digests:
            due = due_on(one, self.plan.timezone, now)
            if due is None or self._was_made(one, due[1]):
                continue
            digest = self.make(one, now)
            rows = self._rows(one, digest, due[0])
            if self.store.journal.claim_digest(due[0], digest, rows):
                log.info("digest %s of %s: %s", one.name, due[0], digest.mood)
                made.append(rows)
        return made

    def _was_made(self, one: DigestPlan, due_at: datetime) -> bool:
        last = self.store.journal.last_digest(one.name)
        return last is not None and last >= due_at

    def make(self, one: DigestPlan, now: datetime, since: datetime | None = None) -> Digest:
        """Fold what happened since the last digest, or since a given moment, without storing it."""
        start = since or self.store.journal.last_digest(one.name) or now - timedelta(hours=16)
        start = max(start, now - LONGEST_WINDOW)
        start = max(start, self.store.journal.first_start() or start)
        incidents = self.store.history.incidents(start, now)
        alerts = self.store.history.alerts_of(incident.id for incident in incidents)
        slots = self.store.history.slots(start, now)
        covered = coverage(
            self.plan.checks,
            {check: summary.last for check, summary in slots.items()},
            {
                check: sum(n for outcome, n in summary.counts.items() if outcome.is_judged)
                for check, summary in slots.items()
            },
            self.store.journal.blind(start, now),
            self.world,
        )
        return fold(
            Window(one.name, one.audience, start, now, next_after(one, self.plan.timezone, now)),
            views_of(incidents, alerts, self.world),
            [s for s in self.store.history.slice_states() if s.check in self.plan.checks],
            covered,
            self.world,
            revision=self.plan.revision,
        )

    def _rows(self, one: DigestPlan, digest: Digest, day: date) -> list[OutboxRow]:
        return [
            OutboxRow(
                Notification(
                    key=f"digest:{one.name}:{day}:{receiver}",
                    subject=f"digest:{one.name}:{day}",
                    receiver=receiver,
                    reason=NotifyReason.DIGEST,
                    at=digest.until,
                    digest=digest,
                ),
                digest.until,
            )
            for receiver in self.plan.on_call.receivers
            if self._takes_digests(receiver)
        ]

    def _takes_digests(self, receiver: str) -> bool:
        known = self.plan.receivers.get(receiver)
        return known is None or known.takes_digests
