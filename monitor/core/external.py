"""Alerts of another system: judged there, and here told, silenced and acknowledged as our own."""

from collections.abc import Mapping

from monitor.core.model import Tier, TierRule
from monitor.core.world import CheckFacts

KIND = "alertmanager"
RULES = (TierRule(Tier.WARN, ()), TierRule(Tier.PAGE, ()))
"""What fires elsewhere has been held there for long enough."""


def check_of(labels: Mapping[str, str]) -> str:
    """Name the check that alerts with these labels belong to: its alerts are one incident."""
    return "/".join((KIND, labels.get("maintainer", "-"), labels["alertname"]))


def facts_of(check: str) -> CheckFacts | None:
    """Return what is known of a check by its name alone; None for one that is not from outside."""
    if not check.startswith(f"{KIND}/"):
        return None
    return CheckFacts(check, KIND, RULES, KIND)
