"""What the monitor remembers, and one step of it: the values that the store keeps."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from monitor.core.alert import Alert, AlertEvent, AlertKey
from monitor.core.incident import Incident
from monitor.core.labels import Labels
from monitor.core.model import Outcome, Verdict
from monitor.core.notification import Notification, QuietReason


@dataclass(frozen=True, slots=True)
class Slot:
    """One due time of one check and how it ended: exactly one is stored for each due time.

    ``outcome`` is the worst one of its slices.
    """

    check: str
    due_at: datetime
    ended_at: datetime
    outcome: Outcome
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Quiet:
    """A decision not to tell somebody, with its reason."""

    at: datetime
    incident: str
    receiver: str
    reason: QuietReason


@dataclass(frozen=True, slots=True)
class Told:
    """What one receiver was last told of one incident; ``revision`` counts the notifications."""

    incident: str
    receiver: str
    revision: int
    fingerprint: str


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A stored intent to tell somebody, not before ``due_at``."""

    notification: Notification
    due_at: datetime
    attempts: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class Memory:
    """What a step reads: open alerts, open incidents, and what was told of them."""

    alerts: Mapping[AlertKey, Alert] = field(default_factory=dict)
    incidents: Mapping[str, Incident] = field(default_factory=dict)
    told: Mapping[tuple[str, str], Told] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """What a step changes; all of it commits in one transaction or none.

    ``verdicts`` are kept as the newest of their slice; alerts, incidents and told entries replace
    what was there; the rest is appended.
    """

    at: datetime
    slots: tuple[Slot, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    alerts: tuple[Alert, ...] = ()
    events: tuple[AlertEvent, ...] = ()
    incidents: tuple[Incident, ...] = ()
    told: tuple[Told, ...] = ()
    quiet: tuple[Quiet, ...] = ()
    outbox: tuple[OutboxRow, ...] = ()


@dataclass(frozen=True, slots=True)
class SliceState:
    """The newest verdict of one slice, and since when it has had this outcome."""

    check: str
    slice: Labels
    since: datetime
    verdict: Verdict
