"""What is remembered, with the indexes that deciding needs.

A step reads the memory through a draft and writes into the draft only. What the draft gathered
becomes a ``Step``; the memory takes it over once that is committed.
"""

import heapq
from collections.abc import Container, Iterable, MutableMapping
from datetime import datetime
from typing import TypeAlias

from monitor.core.alert import Alert, AlertKey
from monitor.core.incident import Incident
from monitor.core.lifecycle import FLAP_WINDOW
from monitor.core.silence import Silence
from monitor.core.state import Step, Told

ToldKey: TypeAlias = tuple[str, str]

MOST_CLOSED = 1000
"""Names of closed incidents that are remembered: a clock that is set back must not reuse them."""


class Book:
    """Alerts, incidents, what was told and silences, found by what one asks for."""

    def __init__(self) -> None:
        """Start empty."""
        self.alerts: MutableMapping[AlertKey, Alert] = {}
        self.incidents: MutableMapping[str, Incident] = {}
        self.told: MutableMapping[ToldKey, Told] = {}
        self.silences: MutableMapping[str, Silence] = {}
        self._of_check: MutableMapping[str, MutableMapping[AlertKey, None]] = {}
        self._of_incident: MutableMapping[str, MutableMapping[AlertKey, None]] = {}
        self._receivers: MutableMapping[str, MutableMapping[str, None]] = {}
        self._children: MutableMapping[str, MutableMapping[str, None]] = {}
        self._members: MutableMapping[str, MutableMapping[str, None]] = {}
        self._own: MutableMapping[str, str] = {}
        self._red: MutableMapping[str, MutableMapping[str, None]] = {}
        self._firing: MutableMapping[str, int] = {}

    def _group(
        self, groups: MutableMapping[str, MutableMapping[AlertKey, None]], name: str
    ) -> MutableMapping[AlertKey, None]:
        return groups.setdefault(name, {})

    def _names(
        self, groups: MutableMapping[str, MutableMapping[str, None]], name: str
    ) -> MutableMapping[str, None]:
        return groups.setdefault(name, {})

    def alerts_of_check(self, check: str) -> list[Alert]:
        """Return the alerts of a check, resolved ones that are still remembered included."""
        return [self.alerts[key] for key in self._of_check.get(check, ())]

    def alerts_of(self, incident: str) -> list[Alert]:
        """Return the alerts that are told in an incident."""
        return [self.alerts[key] for key in self._of_incident.get(incident, ())]

    def told_of(self, incident: str) -> list[Told]:
        """Return what each receiver was told of an incident."""
        return [self.told[incident, name] for name in self._receivers.get(incident, ())]

    def children_of(self, incident: str) -> list[Incident]:
        """Return the incidents that an incident adopted."""
        return [self.incidents[name] for name in self._children.get(incident, ())]

    def members_of(self, storm: str) -> list[Incident]:
        """Return the incidents of which a receiver hears in a storm."""
        return [self.incidents[name] for name in self._members.get(storm, ())]

    def incident_of_check(self, check: str) -> Incident | None:
        """Return the open incident that is about a check itself."""
        name = self._own.get(check)
        return None if name is None else self.incidents[name]

    def red(self, name: str) -> Incident | None:
        """Return the open incident of a resource, or of ``check:<id>``, that fires."""
        return next((self.incidents[one] for one in self._red.get(name, ())), None)

    def fires(self, incident: str) -> bool:
        """Say whether an alert of the incident's own check fires."""
        return self._firing.get(incident, 0) > 0

    def put_alert(self, alert: Alert) -> None:
        """Replace the alert of a slice."""
        self.drop_alert(alert.key)
        self.alerts[alert.key] = alert
        self._group(self._of_check, alert.check)[alert.key] = None
        if alert.incident is not None:
            self._group(self._of_incident, alert.incident)[alert.key] = None
            self._count(alert, 1)

    def drop_alert(self, key: AlertKey) -> None:
        """Forget the alert of a slice, if there is one."""
        alert = self.alerts.get(key)
        if alert is None:
            return
        del self.alerts[key]
        del self._group(self._of_check, alert.check)[key]
        if alert.incident is not None:
            del self._group(self._of_incident, alert.incident)[key]
            self._count(alert, -1)

    def _count(self, alert: Alert, by: int) -> None:
        incident = self.incidents.get(alert.incident or "")
        if incident is None or incident.check != alert.check or not alert.state.is_firing:
            return
        now = self._firing.get(incident.id, 0) + by
        self._firing[incident.id] = now
        if now == 0 or (now == 1 and by == 1):
            self._mark(incident, is_red=now > 0)

    def _mark(self, incident: Incident, *, is_red: bool) -> None:
        for name in (incident.resource, f"check:{incident.check}"):
            if name is None:
                continue
            marked = self._names(self._red, name)
            if is_red:
                marked[incident.id] = None
            else:
                marked.pop(incident.id, None)

    def put_incident(self, incident: Incident) -> None:
        """Replace an incident. One must be known before its alerts are put."""
        before = self.incidents.get(incident.id)
        if before is not None and before.parent is not None:
            self._names(self._children, before.parent).pop(incident.id, None)
        self.incidents[incident.id] = incident
        if incident.parent is not None:
            self._names(self._children, incident.parent)[incident.id] = None
        if incident.resolved_at is None:
            self._own[incident.check] = incident.id
        elif self._own.get(incident.check) == incident.id:
            del self._own[incident.check]

    def put_told(self, told: Told) -> None:
        """Replace what one receiver was told of one incident."""
        before = self.told.get((told.incident, told.receiver))
        if before is not None and before.storm and before.storm != told.storm:
            self._names(self._members, before.storm).pop(told.incident, None)
        self.told[told.incident, told.receiver] = told
        self._names(self._receivers, told.incident)[told.receiver] = None
        if told.storm:
            self._names(self._members, told.storm)[told.incident] = None


class Memory(Book):
    """What a daemon remembers: all that is open, and what belongs to something open.

    Equal to what a restart would read from the store.
    """

    def __init__(
        self,
        alerts: Iterable[Alert] = (),
        incidents: Iterable[Incident] = (),
        told: Iterable[Told] = (),
        silences: Iterable[Silence] = (),
        closed: Iterable[str] = (),
    ) -> None:
        """Remember these; of several alerts of one slice the last counts.

        ``closed`` are the ids of incidents that are over lately: no new one may have their name.
        """
        super().__init__()
        self.closed: dict[str, None] = dict.fromkeys(closed)
        self._due: list[tuple[datetime, str]] = []
        for incident in incidents:
            self.put_incident(incident)
        self._resting: dict[AlertKey, datetime] = {}
        for alert in alerts:
            self._put(alert)
        for entry in told:
            self.put_told(entry)
        self.silences.update({one.id: one for one in silences})

    def __eq__(self, other: object) -> bool:
        """Compare what is remembered, not how it is found."""
        return isinstance(other, Memory) and (
            self.alerts,
            self.incidents,
            self.told,
            self.silences,
        ) == (other.alerts, other.incidents, other.told, other.silences)

    __hash__ = None  # type: ignore[assignment]  # it changes

    def apply(self, step: Step) -> None:
        """Take over a step that is committed."""
        for incident in step.incidents:
            self.put_incident(incident)
        for alert in step.alerts:
            self._put(alert)
        for entry in step.told:
            self.put_told(entry)
        for silence in step.silences:
            self.silences[silence.id] = silence
        for incident in step.incidents:
            if incident.resolved_at is not None:
                self._forget(incident)
        self._forget_old(step.at)

    def _put(self, alert: Alert) -> None:
        self._resting.pop(alert.key, None)
        if alert.is_open:
            self.put_alert(alert)
        elif alert.incident in self.incidents or alert.fires:
            self.put_alert(alert)
            self._resting[alert.key] = alert.resolved_at or alert.opened_at
        else:
            self.drop_alert(alert.key)

    def _forget(self, incident: Incident) -> None:
        for alert in self.alerts_of(incident.id):
            if not alert.fires:
                self.drop_alert(alert.key)
                self._resting.pop(alert.key, None)
        for entry in self.told_of(incident.id):
            del self.told[incident.id, entry.receiver]
            if entry.storm:
                self._names(self._members, entry.storm).pop(incident.id, None)
        for groups in (self._receivers, self._children, self._members, self._firing):
            groups.pop(incident.id, None)
        for name in (incident.resource or "", f"check:{incident.check}"):
            if not self._red.get(name):
                self._red.pop(name, None)
        if incident.parent is not None:
            self._names(self._children, incident.parent).pop(incident.id, None)
        del self.incidents[incident.id]
        self.closed[incident.id] = None
        while len(self.closed) > MOST_CLOSED:
            del self.closed[next(iter(self.closed))]

    def _forget_old(self, now: datetime) -> None:
        """Forget how often slices fired that have been well for longer than matters."""
        while self._resting:
            key, at = next(iter(self._resting.items()))
            alert = self.alerts[key]
            if now - at < FLAP_WINDOW or alert.incident in self.incidents:
                break
            del self._resting[key]
            self.drop_alert(key)
        for silence in [one for one in self.silences.values() if one.ends_at <= now]:
            del self.silences[silence.id]

    def drop_alert(self, key: AlertKey) -> None:
        """Forget the alert of a slice, and the lists that are empty without it."""
        alert = self.alerts.get(key)
        super().drop_alert(key)
        if alert is None:
            return
        for groups, name in ((self._of_check, alert.check), (self._of_incident, alert.incident)):
            if name is not None and not groups.get(name):
                groups.pop(name, None)

    @property
    def alerted(self) -> Container[str]:
        """The checks that have an alert, be it resolved."""
        return self._of_check

    def put_incident(self, incident: Incident) -> None:
        """Replace an incident, and note when it is due."""
        super().put_incident(incident)
        if incident.due_at is not None:
            heapq.heappush(self._due, (incident.due_at, incident.id))

    def next_due(self) -> datetime | None:
        """Return when time alone changes something next; None for never."""
        while self._due:
            at, name = self._due[0]
            known = self.incidents.get(name)
            if known is not None and known.due_at == at:
                return at
            heapq.heappop(self._due)
        return None

    def due(self, now: datetime) -> list[str]:
        """Return the incidents whose time has come."""
        first = self.next_due()
        if first is None or first > now:
            return []
        return [
            one.id
            for one in self.incidents.values()
            if one.due_at is not None and one.due_at <= now
        ]
