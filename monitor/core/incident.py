"""Incidents: what people get one message about."""

from dataclasses import dataclass
from datetime import datetime

from monitor.core.alert import AlertState
from monitor.core.labels import Labels
from monitor.core.model import Breach, Evidence, Sample, Tier

STORM = "storm/"
"""What the checks of storms begin with; see ``monitor.core.storm``."""


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
class Ack:
    """Somebody takes care of it; ``until`` is when others may be told again, None for its end.

    ``is_new_normal`` says that the level it fires about was accepted: later looks judge by it.
    """

    by: str
    at: datetime
    until: datetime | None = None
    is_new_normal: bool = False

    @property
    def words(self) -> str:
        """What was done, and by whom."""
        done = "accepted as the new normal" if self.is_new_normal else "acknowledged"
        return f"{done} by {self.by}"


@dataclass(frozen=True, slots=True)
class Suppression:
    """Why nobody is told of an incident for now.

    ``kind`` is ``silence``, ``lineage`` or ``inhibition``; ``by`` names the silence or the
    incident; ``until`` is None where only an event can end it.
    """

    kind: str
    by: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Incident:
    """Alerts with one cause and one owner, from the first that fired to the last that resolved.

    ``unowned`` says that no maintainer was found and on-call stands in. ``parent`` is the incident
    of the cause that adopted this one. ``told_at`` is when it was last decided what is told;
    ``due_at`` is the next moment at which time alone may change that. ``paged_at`` is since when a
    page waits for an answer; None while somebody has acknowledged it. ``members`` counts the
    incidents that a storm took in.
    """

    id: str
    check: str
    resource: str | None
    maintainer: str
    opened_at: datetime
    tier: Tier
    resolved_at: datetime | None = None
    unowned: bool = False
    parent: str | None = None
    assignee: str | None = None
    ack: Ack | None = None
    suppressed_by: tuple[Suppression, ...] = ()
    told_at: datetime | None = None
    due_at: datetime | None = None
    paged_at: datetime | None = None
    members: int = 0

    @property
    def is_storm(self) -> bool:
        """Whether it stands for other incidents, of which a receiver hears in one message."""
        return self.check.startswith(STORM)

    @property
    def owner(self) -> str:
        """Who answers for it now: the one it was reassigned to, else its maintainer."""
        return self.assignee or self.maintainer


@dataclass(frozen=True, slots=True)
class Member:
    """One alert as a message shows it. ``folded`` ones belong to a resource downstream.

    ``told_in`` is the incident that its maintainer was told of before the cause was found;
    ``silenced_by`` are the ids of the silences that cover it; ``is_learned`` says that it was
    judged by what is normal for it, which somebody may change. ``labels`` are those by which the
    route tree sees it.
    """

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
    told_in: str | None = None
    silenced_by: tuple[str, ...] = ()
    is_learned: bool = False
    labels: Labels = ()


@dataclass(frozen=True, slots=True)
class Storm:
    """What is still open of a storm: incidents in all, of tier page, acknowledged, by owner.

    ``owners`` begins with the one that has most.
    """

    open: int
    pages: int
    acked: int
    owners: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class IncidentView:
    """An incident with everything that a message about it shows; self-contained.

    ``cause`` is what it follows from, as words; empty for one that stands on its own.
    ``more_own`` and ``more_folded`` count the alerts that are left out of ``members``. That of a
    ``storm`` has one member for each of its incidents.
    """

    incident: Incident
    members: tuple[Member, ...]
    people: tuple[str, ...] = ()
    cause: str = ""
    more_own: int = 0
    more_folded: int = 0
    storm: Storm | None = None

    @property
    def own(self) -> tuple[Member, ...]:
        """The alerts of the cause itself."""
        return tuple(member for member in self.members if not member.is_folded)

    @property
    def folded(self) -> tuple[Member, ...]:
        """The alerts that follow from the cause."""
        return tuple(member for member in self.members if member.is_folded)

    @property
    def own_count(self) -> int:
        """The number of alerts of the cause itself, those that are left out included."""
        return len(self.own) + self.more_own

    @property
    def folded_count(self) -> int:
        """The number of alerts that follow from the cause, those that are left out included."""
        return len(self.folded) + self.more_folded

    @property
    def is_open(self) -> bool:
        """Whether something still fires."""
        return self.incident.resolved_at is None

    @property
    def kind(self) -> str:
        """The kind of the check; empty where no alert of it is left."""
        if self.storm is not None:
            return "storm"
        return self.own[0].kind if self.own else ""

    @property
    def can_be_normal(self) -> bool:
        """Whether the level that it fires about may be accepted as the new normal."""
        return self.is_open and self.storm is None and any(member.is_learned for member in self.own)
