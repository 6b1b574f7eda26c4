"""Inhibition at work: which incidents are held because something else fires."""

from collections.abc import Iterator

from monitor.core.alert import Alert
from monitor.core.incident import Incident
from monitor.core.inhibit import Inhibitions, InhibitRule
from monitor.core.layer import Layer
from monitor.core.matcher import match_all
from monitor.core.route import owner_of
from monitor.core.turn import Turn
from monitor.core.view import alert_labels, is_folded


def touch_targets(turn: Turn) -> None:
    """Decide anew, and at once, about what a source may hold that began or ceased to fire."""
    rules = turn.world.routing.inhibit_rules
    changed = {rule for rule in rules if any(_is_source(turn, rule, one) for one in _changes(turn))}
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
    facts = turn.facts(alert.check)
    incident = turn.draft.incidents.get(alert.incident or "")
    if incident is not None and not is_folded(incident, alert):
        return alert_labels(alert, facts, incident.owner)
    discovered = alert.last.maintainer if alert.last else None
    owner, _ = owner_of((facts.maintainer, discovered), turn.world)
    return alert_labels(alert, facts, owner)


def _is_source(turn: Turn, rule: InhibitRule, alert: Alert) -> bool:
    return match_all(rule.source_matchers, labels_of(turn, alert))


def _changes(turn: Turn) -> Iterator[Alert]:
    """Go through the alerts whose firing or tier changed, as they were and as they are."""
    alerts = turn.draft.alerts
    assert isinstance(alerts, Layer)
    for alert in alerts.changes():
        before = turn.memory.alerts.get(alert.key)
        was, now = before is not None and _fires(before), _fires(alert)
        if was != now or (now and before is not None and before.tier is not alert.tier):
            yield alert
            if before is not None:
                yield before


def _fires(alert: Alert) -> bool:
    return alert.state.is_firing
