"""From alerts to the self-contained picture of an incident that messages show."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from monitor.core import external
from monitor.core.alert import Alert, AlertState
from monitor.core.incident import Gap, Incident, IncidentView, Member
from monitor.core.labels import labels_of
from monitor.core.model import Evidence, Outcome, Tier, Verdict
from monitor.core.oncall import on_call_at
from monitor.core.route import ON_CALL, owner_of
from monitor.core.silence import Silences, silenced_by
from monitor.core.world import CheckFacts, World

MOST_SHOWN = 10
"""Alerts of a cause that are shown to those whose things follow from it."""

MOST_OWN, MOST_FOLDED = 10_000, 1_000
"""Alerts that one message carries; the rest is counted, and told by the pages."""


def view_of(
    incident: Incident,
    alerts: Iterable[Alert],
    world: World,
    *,
    silences: Silences = (),
    now: datetime | None = None,
    told_in: Mapping[str, str] = {},  # a mapping is not written to
    cause: str = "",
) -> IncidentView:
    """Gather the alerts of an incident: its own first, worst and oldest first within each.

    ``told_in`` maps the incidents that this one adopted to themselves, or to nothing when
    nobody was told of them.
    """
    active = [one for one in silences if now is not None and one.is_active(now)]
    mine: dict[str | None, str | None] = {incident.id: None}
    mine.update(told_in)
    members = [
        _member(incident, alert, world, mine[alert.incident] or None, active)
        for alert in alerts
        if alert.incident in mine and alert.fired_at is not None
    ]
    members.sort(key=_worst_first)
    team = world.maintainers.get(incident.owner)
    people = team.people if team else _on_call(world, now)
    return IncidentView(incident, tuple(members), people=people, cause=cause)


def _on_call(world: World, now: datetime | None) -> tuple[str, ...]:
    person = on_call_at(world.on_call, now) if now is not None else None
    return () if person is None else (person,)


def views_of(
    incidents: Iterable[Incident], alerts: Iterable[Alert], world: World
) -> list[IncidentView]:
    """Make the view of each incident; what a cause adopted is shown in the cause's, not alone.

    Storms are left out: each of their incidents has its own.
    """
    known = {one.id: one for one in incidents}
    children: dict[str, dict[str, str]] = {}
    for one in known.values():
        if one.parent in known:
            children.setdefault(one.parent or "", {})[one.id] = one.id
    by_incident: dict[str, list[Alert]] = {}
    for alert in alerts:
        by_incident.setdefault(alert.incident or "", []).append(alert)
    views = []
    for one in known.values():
        if one.parent in known or one.is_storm:
            continue
        told_in = children.get(one.id, {})
        found = [alert for name in (one.id, *told_in) for alert in by_incident.get(name, ())]
        views.append(view_of(one, found, world, told_in=told_in))
    return views


def open_then(incident: Incident, then: datetime) -> Incident:
    """Return an incident as it was at a moment: what ended later was open."""
    ended = incident.resolved_at
    return incident if ended is None or ended <= then else replace(incident, resolved_at=None)


def firing_then(alert: Alert, then: datetime) -> Alert:
    """Return an alert as it was at a moment; of one that ended later, only its end is known."""
    ended = alert.resolved_at
    if ended is None or ended <= then or alert.fired_at is None:
        return alert
    tier = alert.tier or Tier.WARN
    told = f"over since {ended.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    last = Verdict(alert.check, alert.slice, ended, Outcome(tier), tier, reason=told)
    return replace(alert, state=AlertState.FIRING, resolved_at=None, last=last)


def cut(view: IncidentView) -> IncidentView:
    """Leave out what one message cannot carry, and count it."""
    if len(view.members) <= MOST_FOLDED:
        return view
    own, folded = view.own, view.folded
    return replace(
        view,
        members=(*own[:MOST_OWN], *folded[:MOST_FOLDED]),
        more_own=max(0, len(own) - MOST_OWN),
        more_folded=max(0, len(folded) - MOST_FOLDED),
    )


def only_for(view: IncidentView, maintainer: str) -> IncidentView:
    """Show a cause to somebody whose things follow from it: those things, and no others'."""
    folded = tuple(member for member in view.folded if member.maintainer == maintainer)
    return replace(view, members=(*view.own[:MOST_SHOWN], *folded))


def is_folded(incident: Incident, alert: Alert) -> bool:
    """Say whether an alert is in an incident only because that is its cause."""
    return alert.check != incident.check


def facts_of(check: str, world: World) -> CheckFacts:
    """Return what is known of a check; of one that is in no file, only its name."""
    known = world.checks.get(check) or external.facts_of(check)
    return known or CheckFacts(check, "removed", (), "")


def alert_labels(alert: Alert, facts: CheckFacts, owner: str) -> dict[str, str]:
    """Return the labels by which silences and routes see an alert."""
    if facts.kind == external.KIND:
        given = {"severity": str(alert.tier or Tier.WARN), **dict(alert.slice)}
        return {**given, "check": alert.check, "kind": facts.kind, "maintainer": owner}
    return {
        **dict(facts.labels),
        **dict(alert.slice),
        "alertname": alert.check,
        "check": alert.check,
        "kind": facts.kind,
        "maintainer": owner,
        "resource": facts.resource or "",
        "severity": str(alert.tier or Tier.WARN),
        "source": facts.source,
    }


def _worst_first(member: Member) -> tuple[object, ...]:
    is_well = not member.state.is_firing
    by_tier = member.tier is not Tier.PAGE
    return (member.is_folded, is_well, by_tier, member.fired_at, member.check, member.slice)


def _member(
    incident: Incident,
    alert: Alert,
    world: World,
    told_in: str | None,
    active: Silences,
) -> Member:
    facts = facts_of(alert.check, world)
    last = alert.last
    resource = world.resources.get(facts.resource) if facts.resource else None
    folded = is_folded(incident, alert)
    owner = incident.maintainer
    if folded:
        discovered = last.maintainer if last else None
        owner, _ = owner_of((facts.maintainer, discovered), world)
    assert alert.fired_at is not None
    evidence = _with_owners(evidence_of(last), world)
    labels = alert_labels(alert, facts, owner)
    quiet = silenced_by(labels, active) if active else ()
    return Member(
        check=alert.check,
        kind=facts.kind,
        slice=alert.slice,
        state=alert.state,
        tier=alert.tier or Tier.WARN,
        summary=last.reason if last else "",
        maintainer=owner or ON_CALL,
        fired_at=alert.fired_at,
        resource=facts.resource,
        resolved_at=alert.resolved_at,
        is_folded=folded,
        samples=last.samples if last else (),
        breach=last.breach if last else None,
        evidence=evidence,
        gaps=_gaps(evidence),
        backfill=resource.backfill if resource else None,
        link=last.link if last else None,
        runbook=facts.runbook,
        told_in=told_in,
        silenced_by=tuple(one.id for one in quiet),
        is_learned=facts.learns and alert.state.is_firing and not alert.is_blind,
        labels=labels_of(labels),
    )


def evidence_of(verdict: Verdict | None) -> Evidence | None:
    """Return what a verdict rests on: of what is breached, else of the first number."""
    if verdict is None:
        return None
    if verdict.breach is not None:
        return verdict.breach.sample.evidence
    return verdict.samples[0].evidence if verdict.samples else None


def _with_owners(evidence: Evidence | None, world: World) -> Evidence | None:
    """Name the maintainers of the resources that a kind says are victims of what it saw."""
    victims = (evidence or {}).get("victims")
    if evidence is None or not isinstance(victims, list):
        return evidence
    owned = [_with_owner(one, world) if isinstance(one, Mapping) else one for one in victims]
    return {**evidence, "victims": owned}


def _with_owner(victim: Mapping[str, object], world: World) -> Mapping[str, object]:
    resource = world.resources.get(str(victim.get("resource")))
    owner = resource.maintainer if resource else None
    return victim if owner is None else {**victim, "maintainer": owner}


def _gaps(evidence: Evidence | None) -> tuple[Gap, ...]:
    """Read the runs of missing partitions that a kind put into the evidence as ``gaps``."""
    found = (evidence or {}).get("gaps")
    return (
        tuple(_gap(one) for one in found if isinstance(one, Mapping))
        if isinstance(found, list)
        else ()
    )


def _gap(one: Evidence) -> Gap:
    names = one.get("partitions")
    return Gap(
        start=datetime.fromisoformat(str(one["from"])),
        last=datetime.fromisoformat(str(one["to"])),
        end=datetime.fromisoformat(str(one["end"])),
        partitions=tuple(str(name) for name in names) if isinstance(names, list) else (),
    )
