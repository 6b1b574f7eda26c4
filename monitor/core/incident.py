"""Incidents: what people get one message about."""

from dataclasses import dataclass
from datetime import datetime

from monitor.core.alert import AlertState
from monitor.core.labels import Labels
from monitor.core.model import Breach, Evidence, Sample, Tier


@dataclass(frozen=True, slots=True)
class Gap:
    """A run of missing partitions: the first and the last one that is missing, and the end.

    ``partitions`` are the missing ones as the table writes them; ``end`` is exclusive.
    """

    start: datetime
    last: datetime
    end: datetime
    partitions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Incident:
    """Alerts with one cause and one owner, from the first that fired to the last that resolved.

    ``unowned`` says that no maintainer was found and on-call stands in.
    """

    id: str
    check: str
    resource: str | None
    maintainer: str
    opened_at: datetime
    tier: Tier
    resolved_at: datetime | None = None
    unowned: bool = False


@dataclass(frozen=True, slots=True)
class Member:
    """One alert as a message shows it. ``folded`` ones belong to a resource downstream."""

    check: str
    kind: str
    slice: Labels
    state: AlertState
    tier: Tier
    summary: str
    maintainer: str
    fired_at: datetime
    resource: str | None = None
    resolved_at: datetime | None = None
    is_folded: bool = False
    samples: tuple[Sample, ...] = ()
    breach: Breach | None = None
    evidence: Evidence | None = None
    gaps: tuple[Gap, ...] = ()
    backfill: str | None = None
    link: str | None = None
    runbook: str | None = None


@dataclass(frozen=True, slots=True)
class IncidentView:
    """An incident with everything that a message about it shows; self-contained."""

    incident: Incident
    members: tuple[Member, ...]
    people: tuple[str, ...] = ()

    @property
    def own(self) -> tuple[Member, ...]:
        """The alerts of the cause itself."""
        return tuple(member for member in self.members if not member.is_folded)

    @property
    def folded(self) -> tuple[Member, ...]:
        """The alerts that follow from the cause."""
        return tuple(member for member in self.members if member.is_folded)

    @property
    def is_open(self) -> bool:
        """Whether something still fires."""
        return self.incident.resolved_at is None
