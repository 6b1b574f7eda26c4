"""Alerts that are open in other systems: read into the digest, never judged."""

from dataclasses import dataclass
from datetime import datetime

from monitor.api.answer import Answer
from monitor.api.query import Query


@dataclass(frozen=True, slots=True)
class OpenAlerts(Query):
    """The alerts that are open in another system."""


@dataclass(frozen=True, slots=True)
class OpenAlert:
    """One of them. ``owner`` is what that system calls the responsible team."""

    title: str
    since: datetime | None = None
    owner: str | None = None
    link: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAlertList(Answer):
    """The open alerts, the most urgent first."""

    alerts: tuple[OpenAlert, ...]
