"""From alerts to the self-contained picture of an incident that messages show."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from monitor.core.alert import Alert
from monitor.core.incident import Gap, Incident, IncidentView, Member
from monitor.core.model import Evidence, Tier, Verdict
from monitor.core.route import ON_CALL, owner_of
from monitor.core.world import CheckFacts, World


def view_of(incident: Incident, alerts: Iterable[Alert], world: World) -> IncidentView:
    """Gather the alerts of an incident: its own first, worst and oldest first within each."""
    members = [_member(incident, alert, world) for alert in alerts if alert.incident == incident.id]
    members.sort(key=lambda m: (m.is_folded, m.tier is not Tier.PAGE, m.fired_at, m.check, m.slice))
    team = world.maintainers.get(incident.maintainer)
    return IncidentView(incident, tuple(members), people=team.people if team else ())


def is_folded(incident: Incident, alert: Alert) -> bool:
    """Say whether an alert is in an incident only because that is its cause."""
    return alert.check != incident.check


def _member(incident: Incident, alert: Alert, world: World) -> Member:
    facts = world.checks.get(alert.check) or CheckFacts(alert.check, "removed", (), "")
    last = alert.last
    resource = world.resources.get(facts.resource) if facts.resource else None
    folded = is_folded(incident, alert)
    owner = incident.maintainer
    if folded:
        discovered = last.maintainer if last else None
        owner, _ = owner_of((facts.maintainer, discovered), world)
    assert alert.fired_at is not None
    evidence = _evidence(last)
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
    )


def _evidence(verdict: Verdict | None) -> Evidence | None:
    if verdict is None:
        return None
    if verdict.breach is not None:
        return verdict.breach.sample.evidence
    return verdict.samples[0].evidence if verdict.samples else None


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
