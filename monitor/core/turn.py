"""One turn of the monitor under way: the draft of what is remembered, and what goes into the step.

``causes``, ``orders`` and ``telling`` decide on it; ``advance`` puts them in order.
"""

from collections import Counter
from dataclasses import replace
from datetime import datetime

from monitor.core.alert import Alert, AlertEvent, AlertState, Change
from monitor.core.book import Memory
from monitor.core.draft import Draft, changed
from monitor.core.incident import Incident
from monitor.core.inhibit import Inhibitions
from monitor.core.layer import Layer
from monitor.core.model import Tier, Verdict
from monitor.core.route import owner_of
from monitor.core.state import OutboxRow, Postponed, Quiet, Rebase, Slot, Step, Told
from monitor.core.trail import MONITOR, Deed, TrailEntry
from monitor.core.view import facts_of
from monitor.core.world import CheckFacts, World

LONGEST_ID = 200


class Turn:
    """What one step works on.

    ``touched`` are the incidents that must be told anew, ``urgent`` those that cannot wait,
    ``storms`` what stands for others of them; ``lately`` counts by place the incidents of the last
    minute that were told one by one, once somebody has asked.
    """

    def __init__(self, memory: Memory, world: World, now: datetime) -> None:
        """Begin with nothing changed."""
        self.memory, self.world, self.now = memory, world, now
        self.draft = Draft(memory)
        self.touched: dict[str, None] = {}
        self.urgent: set[str] = set()
        self.storms: dict[str, None] = {}
        self.lately: Counter[str] | None = None
        self.slots: list[Slot] = []
        self.verdicts: list[Verdict] = []
        self.events: list[AlertEvent] = []
        self.dropped: list[Alert] = []
        self.told: dict[tuple[str, str], Told] = {}
        self.quiet: list[Quiet] = []
        self.outbox: list[OutboxRow] = []
        self.trail: list[TrailEntry] = []
        self.postponed: list[Postponed] = []
        self.rebases: list[Rebase] = []
        self.inhibitions: Inhibitions | None = None

    def facts(self, check: str) -> CheckFacts:
        """Return what is known of a check; of one that is in no file, only its name."""
        return facts_of(check, self.world)

    def touch(self, incident: str | None) -> None:
        """Decide later what is told of an incident, and of the one that it belongs to."""
        while incident is not None and incident not in self.touched:
            self.touched[incident] = None
            known = self.draft.incidents.get(incident)
            incident = known.parent if known else None

    def touch_all(self) -> None:
        """Decide anew about every incident, at once."""
        self.touched.update(dict.fromkeys(self.draft.incidents))
        self.urgent.update(self.draft.incidents)

    def put(self, alert: Alert) -> None:
        """Replace the alert of a slice."""
        before = self.draft.alerts.get(alert.key)
        if before is not None and before.incident != alert.incident:
            self.touch(before.incident)
        self.draft.put_alert(alert)
        self.touch(alert.incident)

    def put_incident(self, incident: Incident) -> None:
        """Replace an incident."""
        self.draft.put_incident(incident)
        self.touch(incident.id)

    def note(self, alert: Alert, change: Change, reason: str, incident: str | None) -> None:
        """Write a line into the history of an alert."""
        self.events.append(
            AlertEvent(self.now, alert.check, alert.slice, change, alert.tier, reason, incident)
        )

    def leave_trail(
        self,
        deed: Deed,
        *,
        who: str = MONITOR,
        why: str = "",
        what: str = "",
        incident: str | None = None,
    ) -> None:
        """Write down who did what."""
        self.trail.append(TrailEntry(self.now, deed, who, why, what, incident))

    def remember(self, told: Told) -> None:
        """Replace what a receiver was told."""
        self.draft.put_told(told)
        self.told[told.incident, told.receiver] = told

    def own_incident(self, alert: Alert, verdict: Verdict | None) -> Incident:
        """Return the open incident of the alert's check, opening one where there is none."""
        known = self.draft.incident_of_check(alert.check)
        if known is not None:
            return known
        facts = self.facts(alert.check)
        discovered = verdict.maintainer if verdict else None
        owner, unowned = owner_of((facts.maintainer, discovered), self.world)
        incident = Incident(
            id=self.new_id(alert.check),
            check=alert.check,
            resource=facts.resource,
            maintainer=owner,
            opened_at=self.now,
            tier=alert.tier or Tier.WARN,
            unowned=unowned,
        )
        self.put_incident(incident)
        return incident

    def new_id(self, check: str) -> str:
        """Name an incident so that no other one has the name, whatever the clock does."""
        # Alerts of other systems have names of any length, and some receivers a bound for keys.
        name = f"{self.now:%Y%m%dT%H%M%S}-{check.replace('/', '-')}"[:LONGEST_ID]
        number, free = 1, name
        while free in self.draft.incidents or free in self.memory.closed:
            number += 1
            free = f"{name}-{number}"
        return free

    def top(self, incident: Incident) -> Incident:
        """Return the cause of the cause of an incident, itself where it has none."""
        seen = {incident.id}
        while incident.parent is not None and incident.parent not in seen:
            above = self.draft.incidents.get(incident.parent)
            if above is None:
                break
            incident = above
            seen.add(incident.id)
        return incident

    def step(self) -> Step:
        """Gather what changed."""
        alerts, before = self.draft.alerts, self.memory
        assert isinstance(alerts, Layer)
        silences = self.draft.silences
        assert isinstance(silences, Layer)
        return Step(
            at=self.now,
            slots=tuple(self.slots),
            verdicts=tuple(self.verdicts),
            alerts=(
                *self.dropped,
                *(one for one in alerts.changes() if before.alerts.get(one.key) is not one),
            ),
            events=tuple(self.events),
            incidents=tuple(changed(self.draft.incidents, before.incidents)),
            told=tuple(self.told.values()),
            quiet=tuple(self.quiet),
            outbox=tuple(self.outbox),
            silences=tuple(silences.changes()),
            trail=tuple(self.trail),
            postponed=tuple(self.postponed),
            rebases=tuple(self.rebases),
        )

    def drop(self, alert: Alert) -> None:
        """Forget a pending alert that never fired."""
        self.draft.drop_alert(alert.key)
        gone = replace(alert, state=AlertState.RESOLVED, resolved_at=self.now)
        self.dropped.append(gone)
