"""One step of the monitor: the values that the store keeps."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from monitor.core.alert import Alert, AlertEvent
from monitor.core.incident import Incident
from monitor.core.labels import Labels
from monitor.core.model import Outcome, Verdict
from monitor.core.notification import Notification, QuietReason, Receipt
from monitor.core.silence import Silence
from monitor.core.trail import TrailEntry
from monitor.core.value import value


@value(frozen=True, slots=True)
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
    """What one receiver was last told of one incident; ``revision`` counts the notifications.

    ``quiet`` is the reason why it was not told since then; empty when there is none. ``storm`` is
    the one in which the receiver hears of it instead.
    """

    incident: str
    receiver: str
    revision: int
    fingerprint: str
    at: datetime | None = None
    is_page: bool = False
    quiet: str = ""
    storm: str = ""

    @property
    def is_heard(self) -> bool:
        """Whether the receiver knows of the incident."""
        return self.revision > 0 or bool(self.storm)


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A stored intent to tell somebody, not before ``due_at``.

    ``is_degraded`` says that somebody else was told instead after too long a wait.
    """

    notification: Notification
    due_at: datetime
    attempts: int = 0
    error: str = ""
    is_degraded: bool = False


Settlement: TypeAlias = Literal["sent", "failed", "superseded"]


@dataclass(frozen=True, slots=True)
class Settled:
    """The end of an intent; a sent one has its receipt."""

    key: str
    at: datetime
    how: Settlement
    error: str = ""
    receipt: Receipt | None = None


@dataclass(frozen=True, slots=True)
class Postponed:
    """An intent that is tried again later."""

    key: str
    due_at: datetime
    error: str
    is_degraded: bool = False


@dataclass(frozen=True, slots=True)
class Received:
    """A batch of alerts that another system sent, as it came."""

    key: str
    at: datetime
    body: str


@dataclass(frozen=True, slots=True)
class Rebase:
    """Somebody took the level of a slice, at a moment, for the new normal."""

    check: str
    slice: Labels
    at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class Step:
    """What a step changes; all of it commits in one transaction or none.

    ``verdicts`` and ``rebases`` are kept as the newest of their slice; alerts, incidents, told
    entries and silences replace what was there; outbox rows are settled or postponed by their key;
    ``taken`` are the keys of the received batches that are worked off; the rest is appended.
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
    settled: tuple[Settled, ...] = ()
    postponed: tuple[Postponed, ...] = ()
    silences: tuple[Silence, ...] = ()
    trail: tuple[TrailEntry, ...] = ()
    received: tuple[Received, ...] = ()
    taken: tuple[str, ...] = ()
    rebases: tuple[Rebase, ...] = ()


@dataclass(frozen=True, slots=True)
class SliceState:
    """The newest verdict of one slice, and since when it has had this outcome."""

    check: str
    slice: Labels
    since: datetime
    verdict: Verdict
