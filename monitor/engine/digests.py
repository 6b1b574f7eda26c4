"""Digests: which are due, what is read for them, and who gets them."""

import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from monitor.config.plan import DigestPlan, Plan
from monitor.core.agenda import Agenda
from monitor.core.coverage import coverage
from monitor.core.digest import Digest, Edition, Elsewhere, Unavailable
from monitor.core.fold import ON_CALL_AUDIENCE, Window, fold
from monitor.core.incident import IncidentView
from monitor.core.notification import Notification, NotifyReason
from monitor.core.state import OutboxRow
from monitor.core.view import firing_then, open_then, views_of
from monitor.core.world import World
from monitor.engine.digest_parts import WEEK, Parts
from monitor.store import Store

log = logging.getLogger(__name__)

LONGEST_WINDOW = timedelta(days=8)
FIRST_WINDOW = timedelta(hours=16)
"""What the first digest ever looks at."""

LATE = timedelta(minutes=5)
"""A digest that leaves later than this after its moment says so."""


@dataclass(frozen=True, slots=True)
class Run:
    """One digest of one local day for one audience."""

    plan: DigestPlan
    audience: str
    day: date
    due_at: datetime

    @property
    def key(self) -> str:
        """What the store calls it: ``morning``, ``owners/recsys``."""
        return key_of(self.plan, self.audience)


def key_of(plan: DigestPlan, audience: str) -> str:
    """Name the runs of a digest for an audience."""
    return plan.name if audience == ON_CALL_AUDIENCE else f"{plan.name}/{audience}"


@dataclass(frozen=True)
class Digests:
    """Makes digests from the store; each is claimed once per audience and local day."""

    plan: Plan
    world: World
    store: Store
    _made: set[tuple[str, date]] = field(default_factory=set)

    def candidates(self, now: datetime) -> list[Run]:
        """Return the runs whose moment has come and that this process has not made."""
        runs = []
        for one in self.plan.digests:
            due = self._agenda(one).due(now)
            if due is not None:
                runs += [Run(one, audience, *due) for audience in self._audiences(one)]
        return [run for run in runs if (run.key, run.day) not in self._made]

    def due(self, candidates: Iterable[Run]) -> list[Run]:
        """Return those that no process has made; blocking.

        What was due before a daemon first looked is nobody's to make.
        """
        runs = list(candidates)
        first = self.store.journal.first_start() if runs else None
        made = {
            run
            for run in runs
            if (first is not None and run.due_at < first)
            or self.store.story.was_made(run.key, run.day)
        }
        self._made.update((run.key, run.day) for run in made)
        return [run for run in runs if run not in made]

    def _audiences(self, one: DigestPlan) -> Iterable[str]:
        return [ON_CALL_AUDIENCE] if one.audience == ON_CALL_AUDIENCE else self.plan.maintainers

    def _agenda(self, one: DigestPlan) -> Agenda:
        zone = one.timezone or self.plan.timezone
        return Agenda(one.hour, one.minute, one.weekdays, zone, one.calendar)

    def claim(self, run: Run, digest: Digest) -> list[OutboxRow]:
        """Store a digest and its messages, once; blocking. Return what is now to be sent."""
        rows = self._rows(run, digest)
        is_base = run.audience == ON_CALL_AUDIENCE and run.plan.edition is Edition.FULL
        checks = json.dumps(sorted(self.plan.checks)) if is_base else None
        self._made.add((run.key, run.day))
        if not self.store.story.claim(run.key, run.day, digest, checks, rows):
            return []
        many = "1 message" if len(rows) == 1 else f"{len(rows)} messages"
        log.info("digest %s of %s: %s, %s", run.key, run.day, digest.mood, many)
        return rows

    def make(
        self,
        one: DigestPlan,
        now: datetime,
        since: datetime | None = None,
        audience: str = ON_CALL_AUDIENCE,
        *,
        due_at: datetime | None = None,
        elsewhere: tuple[Sequence[Elsewhere], Sequence[Unavailable]] = ((), ()),
    ) -> Digest:
        """Fold what happened since the last delivered digest, or since a moment; blocking."""
        start = self._start(one, now, since, audience)
        late_by = now - due_at if due_at is not None and now - due_at > LATE else timedelta(0)
        window = Window(
            one.name,
            audience,
            start,
            now,
            next_at=self._agenda(one).next_after(now),
            edition=one.edition,
            timezone=one.timezone,
            late_by=late_by,
        )
        mine = self._checks_of(audience)
        covered = coverage(
            mine,
            self.store.slots.looks(start, now),
            self.store.journal.blind(start, now),
            self.world,
            self._broken() if audience == ON_CALL_AUDIENCE else {},
        )
        states = [s for s in self.store.story.states() if s.check in mine]
        extras = Parts(self.plan, self.world, self.store).extras(window, states, mine, elsewhere)
        return fold(window, self._views(start, now), states, covered, self.world, extras=extras)

    def _start(
        self, one: DigestPlan, now: datetime, since: datetime | None, audience: str
    ) -> datetime:
        """Return the end of the last window that this audience has read of."""
        if since is not None:
            return since
        if one.edition is Edition.REVIEW:
            return now - WEEK
        siblings = (
            key_of(other, audience)
            for other in (one, *self.plan.digests)
            if other.audience == one.audience and other.edition is not Edition.REVIEW
        )
        ends = [self.store.story.delivered_until(key) for key in dict.fromkeys(siblings)]
        start = max((end for end in ends if end is not None), default=now - FIRST_WINDOW)
        start = max(start, now - LONGEST_WINDOW)
        return max(start, self.store.journal.first_start() or start)

    def _checks_of(self, audience: str) -> frozenset[str]:
        return frozenset(
            check
            for check in self.plan.checks
            if audience == ON_CALL_AUDIENCE or self.world.checks[check].maintainer == audience
        )

    def _broken(self) -> dict[str, str]:
        """Return what is written and does not run: by check, or by file where none can be named."""
        return {
            problem.check or problem.place.file: problem.message for problem in self.plan.problems
        }

    def _views(self, start: datetime, now: datetime) -> list[IncidentView]:
        """Read the incidents of a window; what ended after it was open at its end."""
        incidents = [open_then(one, now) for one in self.store.history.incidents(start, now)]
        found = self.store.history.alerts_of(incident.id for incident in incidents)
        alerts = [firing_then(alert, now) for alert in found]
        return views_of(incidents, alerts, self.world)

    def _rows(self, run: Run, digest: Digest) -> list[OutboxRow]:
        """Make the messages; a maintainer without anything to read gets none."""
        if run.audience == ON_CALL_AUDIENCE:
            names = self.plan.on_call.receivers
        else:
            is_empty = digest.is_quiet or not (digest.coverage.due or digest.open)
            if is_empty and not run.plan.heartbeat:
                return []
            names = self.plan.maintainers[run.audience].receivers
        subject = f"digest:{run.key}:{run.day}"
        return [
            OutboxRow(
                Notification(
                    key=f"{subject}:{name}",
                    subject=subject,
                    receiver=name,
                    reason=NotifyReason.DIGEST,
                    at=digest.until,
                    digest=digest,
                ),
                digest.until,
            )
            for name in names
            if self._takes_digests(name)
        ]

    def _takes_digests(self, receiver: str) -> bool:
        known = self.plan.receivers.get(receiver)
        return known is None or known.takes_digests
