"""How verdicts, incidents and silences are written as JSON, and the labels that they match by."""

from datetime import UTC, datetime
from typing import Any

from monitor.core.incident import Incident, IncidentView, Member
from monitor.core.model import Verdict
from monitor.core.silence import Silence
from monitor.core.state import SliceState
from monitor.render.backfill import commands
from monitor.render.summary import headline
from monitor.store.codec import INCIDENT_VIEW, SLICE_STATES


def state_labels(state: SliceState) -> list[dict[str, str]]:
    """Return the labels that the newest verdict of a slice matches by."""
    verdict: Verdict = state.verdict
    known = {"check": state.check, "outcome": str(state.verdict.outcome)}
    return [{**dict(state.slice), **known, "maintainer": verdict.maintainer or ""}]


def view_labels(view: IncidentView) -> list[dict[str, str]]:
    """Return the labels of each alert of an incident."""
    return [_member_labels(view.incident, member) for member in view.members]


def _member_labels(incident: Incident, member: Member) -> dict[str, str]:
    return {
        **dict(member.slice),
        "alertname": member.check,
        "check": member.check,
        "incident": incident.id,
        "kind": member.kind,
        "maintainer": member.maintainer,
        "resource": member.resource or "",
        "severity": str(member.tier),
        "state": "firing" if incident.resolved_at is None else "resolved",
    }


def told_states(states: list[SliceState]) -> Any:
    """Write the newest verdicts of slices."""
    return SLICE_STATES.dump_python(states, mode="json")


def told_views(views: list[IncidentView]) -> list[Any]:
    """Write incidents."""
    return list(map(told_view, views))


def told_view(view: IncidentView) -> dict[str, Any]:
    """Write a view, with the sentence and the backfill commands that messages have of it."""
    told = INCIDENT_VIEW.dump_python(view, mode="json")
    return {"headline": headline(view), "commands": commands(view), **told}


def silence_as_json(one: Silence, now: datetime) -> dict[str, Any]:
    """Write a silence as Alertmanager does."""
    state = "expired" if one.ends_at <= now else "active" if one.is_active(now) else "pending"
    return {
        "id": one.id,
        "status": {"state": state},
        "matchers": [
            {
                "name": matcher.name,
                "value": matcher.value,
                "isRegex": "~" in matcher.operator,
                "isEqual": not matcher.operator.startswith("!"),
            }
            for matcher in one.matchers
        ],
        "startsAt": moment(one.starts_at),
        "endsAt": moment(one.ends_at),
        "createdBy": one.created_by,
        "comment": one.comment,
    }


def moment(at: datetime) -> str:
    """Write a moment in UTC, as Alertmanager does."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
