"""Inhibition at work: which incidents are held because something else fires."""

from collections.abc import Iterator, Mapping

from monitor.core.alert import Alert
from monitor.core.incident import Incident
from monitor.core.inhibit import Inhibitions
from monitor.core.layer import Layer
from monitor.core.matcher import match_all
from monitor.core.route import owner_of
from monitor.core.turn import Turn
from monitor.core.view import alert_labels, is_folded


def touch_targets(turn: Turn) -> None:
    """Decide anew, and at once, about what a source may hold that came, went or changed."""
    rules = turn.world.routing.inhibit_rules
    if not rules:
        return
    changes = list(_changes(turn))
    changed = {
        one for one in rules if any(match_all(one.source_matchers, them) for them in changes)
    }
    if not changed:
        return
    for incident in list(turn.draft.incidents.values()):
        if incident.resolved_at is not None:
            continue
        firing = own_firing(turn, incident)
        if any(
            match_all(rule.target_matchers, labels_of(turn, one))
            for one in firing
            for rule in changed
        ):
            turn.touch(incident.id)
            turn.urgent.add(incident.id)


def inhibitors(turn: Turn, incident: Incident) -> tuple[str, ...]:
    """Return the checks that hold an incident: all of its own firing alerts must be held."""
    rules = turn.world.routing.inhibit_rules
    firing = own_firing(turn, incident)
    if not rules or not firing:
        return ()
    if turn.inhibitions is None:
        everything = (labels_of(turn, one) for one in turn.draft.alerts.values() if _fires(one))
        turn.inhibitions = Inhibitions(rules, everything)
    held_by: dict[str, None] = {}
    for alert in firing:
        sources = turn.inhibitions.of(labels_of(turn, alert))
        if not sources:
            return ()
        held_by.update(dict.fromkeys(dict(source)["check"] for source in sources))
    return tuple(sorted(held_by))


def own_firing(turn: Turn, incident: Incident) -> list[Alert]:
    """Return the alerts of an incident's own check that fire."""
    alerts = turn.draft.alerts_of(incident.id)
    return [one for one in alerts if _fires(one) and not is_folded(incident, one)]


def labels_of(turn: Turn, alert: Alert) -> dict[str, str]:
    """Return the labels by which an alert is matched; its maintainer is who answers for it now."""
    return _labels(turn, alert, turn.draft.incidents)


def _labels(turn: Turn, alert: Alert, incidents: Mapping[str, Incident]) -> dict[str, str]:
    facts = turn.facts(alert.check)
    incident = incidents.get(alert.incident or "")
    if incident is not None and not is_folded(incident, alert):
        return alert_labels(alert, facts, incident.owner)
    discovered = alert.last.maintainer if alert.last else None
    owner, _ = owner_of((facts.maintainer, discovered), turn.world)
    return alert_labels(alert, facts, owner)


def _changes(turn: Turn) -> Iterator[dict[str, str]]:
    """Go through the labels of what fires now and did not before, and the other way round."""
    alerts, incidents = turn.draft.alerts, turn.draft.incidents
    assert isinstance(alerts, Layer)
    assert isinstance(incidents, Layer)
    looked_at = {alert.key for alert in alerts.changes()}
    for incident in incidents.changes():
        before = turn.memory.incidents.get(incident.id)
        if before is not None and before.owner != incident.owner:
            looked_at.update(one.key for one in turn.draft.alerts_of(incident.id))
    for key in looked_at:
        was, now = turn.memory.alerts.get(key), turn.draft.alerts.get(key)
        old = _labels(turn, was, turn.memory.incidents) if was and _fires(was) else None
        new = labels_of(turn, now) if now and _fires(now) else None
        if old != new:
            yield from (labels for labels in (old, new) if labels is not None)


def _fires(alert: Alert) -> bool:
    return alert.state.is_firing
