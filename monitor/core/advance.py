"""One step of the whole monitor: what was found goes in, everything that changes comes out. Pure.

The caller commits the step in one transaction and only then goes on with the new memory.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

from monitor.core.alert import Alert, AlertEvent, AlertKey, AlertState, Change
from monitor.core.incident import Incident, IncidentView
from monitor.core.judge import block, worst
from monitor.core.lifecycle import step as live
from monitor.core.lineage import ancestors, root_cause
from monitor.core.model import Outcome, Tier, Verdict
from monitor.core.notification import Notification, NotifyReason, QuietReason
from monitor.core.notify import decide, fingerprint
from monitor.core.route import Recipient, owner_of, recipients
from monitor.core.state import Memory, OutboxRow, Quiet, Slot, Step, Told
from monitor.core.view import is_folded, view_of
from monitor.core.world import CheckFacts, World

_K = TypeVar("_K")
_V = TypeVar("_V")

GRACE_AFTER_ROOT = timedelta(minutes=30)
"""How long what follows from a cause may still be bad after the cause is gone, before it stands
on its own: a dashboard refreshes some time after its tables were filled."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One look of one check: the slot that was due, and a verdict for each slice.

    ``due_at`` is None for what is no check of the plan: the health of a source.
    """

    check: str
    due_at: datetime | None
    ended_at: datetime
    verdicts: tuple[Verdict, ...]


def advance(
    memory: Memory, findings: Sequence[Finding], world: World, now: datetime
) -> tuple[Step, Memory]:
    """Take the monitor through the findings; without any, only what time alone changes."""
    run = _Run(memory, world, now)
    for finding in sorted(findings, key=lambda found: run.depth(found.check)):
        run.take(finding)
    run.close_incidents()
    run.tell()
    return run.step(), run.memory()


class _Run:
    """The working copy of one step: dictionaries that are filled and then frozen again."""

    def __init__(self, memory: Memory, world: World, now: datetime) -> None:
        self.world, self.now = world, now
        self.alerts: dict[AlertKey, Alert] = dict(memory.alerts)
        self.incidents: dict[str, Incident] = dict(memory.incidents)
        self.told: dict[tuple[str, str], Told] = dict(memory.told)
        self.before = memory
        self.slots: list[Slot] = []
        self.verdicts: list[Verdict] = []
        self.events: list[AlertEvent] = []
        self.new_told: dict[tuple[str, str], Told] = {}
        self.quiet: list[Quiet] = []
        self.outbox: list[OutboxRow] = []
        self.closed: list[Alert] = []

    def facts(self, check: str) -> CheckFacts:
        return self.world.checks.get(check) or CheckFacts(check, "removed", (), "")

    def depth(self, check: str) -> tuple[int, str]:
        """Order causes before what follows from them."""
        facts = self.facts(check)
        return len(ancestors(facts.resource, self.world.resources)) + len(facts.after), check

    def take(self, finding: Finding) -> None:
        facts = self.facts(finding.check)
        cause = self._cause(facts)
        verdicts = [block(verdict, cause) for verdict in self._with_silent(finding)]
        for verdict in verdicts:
            self._take_verdict(verdict, facts)
        # A slot that was left out says nothing new about any slice.
        self.verdicts.extend(v for v in verdicts if v.outcome is not Outcome.SKIPPED)
        if finding.due_at is not None:
            top = worst(verdicts)
            slot = Slot(finding.check, finding.due_at, finding.ended_at, top.outcome, top.reason)
            self.slots.append(slot)

    def _with_silent(self, finding: Finding) -> Iterable[Verdict]:
        """Add no data for the slices that are open and that the answer says nothing about."""
        yield from finding.verdicts
        seen = {verdict.slice for verdict in finding.verdicts}
        first = finding.verdicts[0]
        for alert in self.alerts.values():
            if alert.check == finding.check and alert.is_open and alert.slice not in seen:
                outcome = first.outcome if not first.outcome.is_judged else Outcome.NO_DATA
                yield Verdict(
                    alert.check,
                    alert.slice,
                    first.at,
                    outcome,
                    reason=first.reason or "the slice is no longer in the answer",
                    blocked_by=first.blocked_by if first.tier is None else None,
                )

    def _cause(self, facts: CheckFacts) -> str | None:
        red = self._red()
        by_check = next((f"check:{name}" for name in facts.after if f"check:{name}" in red), None)
        return root_cause(facts.resource, self.world.resources, red) or by_check

    def _red(self) -> dict[str, str]:
        """Map red resources and checks to the incident that is theirs."""
        red: dict[str, str] = {}
        for alert in self.alerts.values():
            incident = self.incidents.get(alert.incident or "")
            if alert.state is not AlertState.FIRING or incident is None:
                continue
            if is_folded(incident, alert):
                continue
            red[f"check:{alert.check}"] = incident.id
            resource = self.facts(alert.check).resource
            if resource is not None:
                red[resource] = incident.id
        return red

    def _take_verdict(self, verdict: Verdict, facts: CheckFacts) -> None:
        key = (verdict.check, verdict.slice)
        before = self.alerts.get(key)
        after, events = live(before, verdict, facts.rules)
        if after is None:
            if before is not None and before.is_open:
                self.alerts.pop(key)
                self.closed.append(replace(before, state=AlertState.RESOLVED, resolved_at=self.now))
            self.events.extend(events)
            return
        if any(event.change is Change.FIRED for event in events):
            after = replace(after, incident=self._incident_for(after, verdict, facts))
        elif after.state is AlertState.FIRING:
            after = self._refold(after, verdict, facts)
        self.alerts[key] = after
        self.events.extend(replace(event, incident=after.incident) for event in events)

    def _incident_for(self, alert: Alert, verdict: Verdict, facts: CheckFacts) -> str:
        cause = self._red().get(verdict.blocked_by or "")
        if cause is not None:
            self._note(alert, Change.FOLDED, f"follows from {verdict.blocked_by}", cause)
            return cause
        return self._own_incident(alert, verdict, facts)

    def _own_incident(self, alert: Alert, verdict: Verdict, facts: CheckFacts) -> str:
        for incident in self.incidents.values():
            if incident.check == alert.check and incident.resolved_at is None:
                return incident.id
        owner, unowned = owner_of((facts.maintainer, verdict.maintainer), self.world)
        incident = Incident(
            id=f"{self.now:%Y%m%dT%H%M%S}-{alert.check.replace('/', '-')}",
            check=alert.check,
            resource=facts.resource,
            maintainer=owner,
            opened_at=self.now,
            tier=alert.tier or Tier.WARN,
            unowned=unowned,
        )
        self.incidents[incident.id] = incident
        return incident.id

    def _refold(self, alert: Alert, verdict: Verdict, facts: CheckFacts) -> Alert:
        """Let an alert stand on its own when its cause has been gone for long enough."""
        incident = self.incidents.get(alert.incident or "")
        if incident is None or not is_folded(incident, alert) or verdict.blocked_by is not None:
            return alert
        own = [
            a
            for a in self.alerts.values()
            if a.incident == incident.id and a.check == incident.check
        ]
        gone_at = max((a.resolved_at for a in own if a.resolved_at), default=incident.opened_at)
        if any(a.is_open for a in own) or self.now - gone_at < GRACE_AFTER_ROOT:
            return alert
        own_id = self._own_incident(alert, verdict, facts)
        self._note(alert, Change.UNFOLDED, f"still bad after {incident.check} is well", own_id)
        return replace(alert, incident=own_id)

    def _note(self, alert: Alert, change: Change, reason: str, incident: str) -> None:
        self.events.append(
            AlertEvent(self.now, alert.check, alert.slice, change, alert.tier, reason, incident)
        )

    def close_incidents(self) -> None:
        """Bring tier and end of every open incident up to its alerts."""
        for incident in list(self.incidents.values()):
            firing = [
                alert
                for alert in self.alerts.values()
                if alert.incident == incident.id and alert.state is AlertState.FIRING
            ]
            own = [alert for alert in firing if not is_folded(incident, alert)] or firing
            if not firing:
                self.incidents[incident.id] = replace(incident, resolved_at=self.now)
                continue
            tier = Tier.PAGE if any(alert.tier is Tier.PAGE for alert in own) else Tier.WARN
            self.incidents[incident.id] = replace(incident, tier=tier)

    def tell(self) -> None:
        """Decide for every incident and receiver; all that are open are looked at each time."""
        for incident in self.incidents.values():
            view = view_of(incident, self.alerts.values(), self.world)
            for to in self._recipients(view):
                self._decide(view, to)

    def _recipients(self, view: IncidentView) -> tuple[Recipient, ...]:
        """Return whom it concerns now, and whoever was told before: they hear the end, too."""
        now = recipients(view, self.world, self.now)
        named = {to.receiver for to in now}
        before = [
            receiver
            for (incident, receiver), told in self.told.items()
            if incident == view.incident.id and told.revision > 0 and receiver not in named
        ]
        return (*now, *(Recipient(receiver) for receiver in before))

    def _decide(self, view: IncidentView, to: Recipient) -> None:
        key = (view.incident.id, to.receiver)
        told = self.told.get(key)
        decision = decide(view, told, to)
        if isinstance(decision, QuietReason):
            self._stay_quiet(key, told, decision)
            return
        revision = (told.revision if told else 0) + 1
        self._remember(Told(*key, revision, fingerprint(view)))
        self.outbox.append(
            OutboxRow(_notification(view, to, decision, revision, self.now), self.now)
        )

    def _stay_quiet(self, key: tuple[str, str], told: Told | None, reason: QuietReason) -> None:
        if reason is QuietReason.NOTHING_NEW or (told and told.fingerprint == f"quiet:{reason}"):
            return
        self.quiet.append(Quiet(self.now, *key, reason))
        self._remember(Told(*key, 0, f"quiet:{reason}"))

    def _remember(self, told: Told) -> None:
        self.told[(told.incident, told.receiver)] = told
        self.new_told[(told.incident, told.receiver)] = told

    def step(self) -> Step:
        """Gather what changed."""
        changed = _changed(self.before.alerts, self.alerts)
        return Step(
            at=self.now,
            slots=tuple(self.slots),
            verdicts=tuple(self.verdicts),
            alerts=(*self.closed, *changed),
            events=tuple(self.events),
            incidents=_changed(self.before.incidents, self.incidents),
            told=tuple(self.new_told.values()),
            quiet=tuple(self.quiet),
            outbox=tuple(self.outbox),
        )

    def memory(self) -> Memory:
        """Keep what is open, and what belongs to something open."""
        incidents = {k: one for k, one in self.incidents.items() if one.resolved_at is None}
        alerts = {
            key: alert
            for key, alert in self.alerts.items()
            if alert.is_open or alert.incident in incidents
        }
        told = {key: one for key, one in self.told.items() if key[0] in incidents}
        return Memory(alerts, incidents, told)


def _changed(before: Mapping[_K, _V], after: Mapping[_K, _V]) -> tuple[_V, ...]:
    return tuple(one for key, one in after.items() if before.get(key) != one)


def _notification(
    view: IncidentView, to: Recipient, reason: NotifyReason, revision: int, now: datetime
) -> Notification:
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
