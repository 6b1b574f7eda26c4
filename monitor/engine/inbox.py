"""Alerts that another system sends: kept first, answered then, taken in afterwards."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from monitor.api.errors import MonitorError
from monitor.core.advance import Finding
from monitor.core.external import check_of
from monitor.core.labels import Labels, labels_of
from monitor.core.model import Outcome, Tier, Verdict

MOST_ALERTS = 10_000
PAGES = frozenset({"page", "critical"})
"""Values of the label ``severity`` that wake people; every other one warns."""


class BatchError(MonitorError):
    """A batch of alerts is not in Alertmanager's form."""


@dataclass(frozen=True, slots=True)
class Batch:
    """A received batch that no step took in yet."""

    key: str
    findings: tuple[Finding, ...]


def read_batch(key: str, body: str | bytes, at: datetime) -> Batch:
    """Read Alertmanager's webhook, or the list that is posted to its API. Raise BatchError."""
    try:
        read = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BatchError(f"the body is no JSON: {error}") from None
    alerts = read.get("alerts") if isinstance(read, dict) else read
    if not isinstance(alerts, list) or not alerts:
        raise BatchError("the body needs a list 'alerts' with at least one alert")
    if len(alerts) > MOST_ALERTS:
        raise BatchError(f"{len(alerts)} alerts are too many for one request: {MOST_ALERTS}")
    found: dict[str, dict[Labels, Verdict]] = {}
    for number, alert in enumerate(alerts):
        verdict = _verdict(number, alert, at)
        found.setdefault(verdict.check, {})[verdict.slice] = verdict
    findings = (
        Finding(check, None, at, tuple(verdicts.values()), is_partial=True)
        for check, verdicts in found.items()
    )
    return Batch(key, tuple(findings))


def _verdict(number: int, alert: Any, at: datetime) -> Verdict:
    labels = alert.get("labels") if isinstance(alert, dict) else None
    if not isinstance(labels, dict) or not labels.get("alertname"):
        raise BatchError(f"alert {number} needs labels with an alertname")
    if not all(isinstance(value, str) for value in labels.values()):
        raise BatchError(f"alert {number} has a label whose value is no text")
    told = {name: value for name, value in labels.items() if value}
    annotations = alert.get("annotations")
    is_over = _is_over(number, alert, at)
    tier = Tier.PAGE if told.get("severity") in PAGES else Tier.WARN
    link = alert.get("generatorURL")
    return Verdict(
        check_of(told),
        labels_of(told),
        at,
        Outcome.OK if is_over else Outcome(tier),
        None if is_over else tier,
        _summary(annotations if isinstance(annotations, dict) else {}),
        maintainer=told.get("maintainer"),
        link=link if isinstance(link, str) and link else None,
    )


def _is_over(number: int, alert: Mapping[str, Any], at: datetime) -> bool:
    status = alert.get("status")
    if status in {"firing", "resolved"}:
        return bool(status == "resolved")
    ends = alert.get("endsAt")
    if not ends:
        return False
    try:
        return datetime.fromisoformat(str(ends)) <= at
    except (ValueError, TypeError):
        raise BatchError(f"alert {number} ends at '{ends}', which is no moment") from None


def _summary(annotations: Mapping[str, Any]) -> str:
    texts: Sequence[Any] = [annotations.get(name) for name in ("summary", "description")]
    return next((text for text in texts if isinstance(text, str) and text), "")


def gather(batches: Iterable[Batch], most: int) -> tuple[list[Batch], list[Batch]]:
    """Return the first batches with about so many alerts, at least one, and those that are left."""
    taken: list[Batch] = []
    count = 0
    left = list(batches)
    while left and (not taken or count < most):
        taken.append(left.pop(0))
        count += sum(len(finding.verdicts) for finding in taken[-1].findings)
    return taken, left
