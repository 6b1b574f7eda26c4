"""Incidents in Alertmanager's words: the body of its webhook (version 4), and its API's alerts."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from monitor.core.incident import IncidentView, Member
from monitor.core.notification import Notification
from monitor.render.backfill import commands
from monitor.render.digest import as_json
from monitor.render.summary import details, headline, sentence

NO_END = "0001-01-01T00:00:00Z"
"""What Alertmanager writes as the end of an alert that still fires."""

_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_]")


def body_of(notification: Notification) -> dict[str, Any]:
    """Write the body of a notification; moments as RFC 3339 in UTC."""
    view = notification.view
    if view is None:
        said: dict[str, Any] = {"version": "4", "reason": str(notification.reason)}
        if notification.digest is None:
            return {**said, "text": notification.headline}
        return {**said, "digest": as_json(notification.digest)}
    alerts = [_webhook_alert(view, member) for member in view.members]
    return {
        "version": "4",
        "groupKey": view.incident.id,
        "status": "firing" if view.is_open else "resolved",
        "receiver": notification.receiver,
        "groupLabels": {"alertname": view.incident.check},
        "commonLabels": _common([alert["labels"] for alert in alerts]),
        "commonAnnotations": _common([alert["annotations"] for alert in alerts]),
        "externalURL": "",
        "truncatedAlerts": 0,
        "alerts": alerts,
        "incident": view.incident.id,
        "reason": str(notification.reason),
        "text": headline(view),
        "backfill": list(commands(view)),
    }


def _common(named: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return what all alerts have."""
    first, *others = named or [{}]
    return {n: value for n, value in first.items() if all(one.get(n) == value for one in others)}


def labels_of(view: IncidentView, member: Member) -> dict[str, str]:
    """Return what tells an alert from all others, and what a route tree there may go by.

    A new severity, owner or configuration changes them, so that ``gone`` finds those of before.
    """
    labels = {
        **{name: value for name, value in member.labels if value},
        **dict(member.slice),
        "alertname": member.check,
        "severity": str(member.tier),
        "maintainer": member.maintainer,
        "kind": member.kind,
    }
    if member.is_folded:
        labels["cause"] = view.incident.check
    return labels


def _webhook_alert(view: IncidentView, member: Member) -> dict[str, Any]:
    return {
        "status": "resolved" if member.resolved_at else "firing",
        "labels": labels_of(view, member),
        "annotations": {"summary": sentence(member)},
        "startsAt": _rfc3339(member.fired_at),
        "endsAt": _rfc3339(member.resolved_at) if member.resolved_at else NO_END,
        "generatorURL": member.link or "",
        "fingerprint": _fingerprint(member),
    }


def api_alert(
    labels: dict[str, str], starts_at: datetime, ends_at: datetime, annotations: dict[str, str]
) -> dict[str, Any]:
    """Write an alert for ``POST /api/v2/alerts``; names fit Alertmanager before 0.27."""
    fitting = {_fit(name): value for name, value in labels.items() if value}
    return {
        "labels": fitting,
        "annotations": annotations,
        "startsAt": _rfc3339(starts_at),
        "endsAt": _rfc3339(ends_at),
    }


def api_alerts(view: IncidentView, until: datetime) -> list[dict[str, Any]]:
    """Write the alerts of an incident; what fires does so until a moment, if nobody says more."""
    return [
        api_alert(
            labels_of(view, member),
            member.fired_at,
            member.resolved_at or until,
            _annotations(view, member),
        )
        for member in view.members
    ]


def _annotations(view: IncidentView, member: Member) -> dict[str, str]:
    told = {
        "summary": sentence(member),
        "incident": view.incident.id,
        "details": "\n".join(details(member)),
        "backfill": "\n".join(commands(member)),
        "link": member.link or "",
        "runbook": member.runbook or "",
    }
    return {name: text for name, text in told.items() if text}


def gone(
    before: Iterable[dict[str, str]], alerts: Iterable[dict[str, Any]]
) -> list[dict[str, str]]:
    """Return the labels that were told of before and are not among the alerts any more."""
    now = [alert["labels"] for alert in alerts]
    return [labels for labels in before if labels not in now]


def _fit(name: str) -> str:
    fitting = _NOT_IN_NAMES.sub("_", name)
    return f"_{fitting}" if fitting[:1].isdigit() or not fitting else fitting


def _fingerprint(member: Member) -> str:
    """Name a slice of a check for good: 16 hexadecimal digits, as Alertmanager's."""
    known = json.dumps([member.check, member.slice])
    return hashlib.blake2s(known.encode(), digest_size=8).hexdigest()


def _rfc3339(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
