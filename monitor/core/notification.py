"""What is told to a receiver, why, and the proof that it arrived."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from monitor.core.digest import Digest
from monitor.core.incident import IncidentView


class NotifyReason(StrEnum):
    """Why somebody is told."""

    FIRST = "first notification"
    MORE_ALERTS = "new alerts in the incident"
    WORSE = "tier raised"
    FEWER_ALERTS = "some alerts resolved"
    CAUSE_CHANGED = "alerts folded or unfolded"
    RESOLVED = "all alerts resolved"
    DIGEST = "digest is due"
    FALLBACK = "another receiver cannot be reached"
    FLAPPING = "flapping: told again only when it is steady"
    STEADIED = "no longer flapping, and bad"
    UNSUPPRESSED = "nothing suppresses it any more"
    ADOPTED = "its cause was found"
    RELEASED = "its cause is well, and it is still bad"
    ACKNOWLEDGED = "acknowledged"
    ACK_ENDED = "the acknowledgement ended"
    REASSIGNED = "reassigned"
    REPEAT = "repeat interval elapsed"
    ESCALATED = "nobody answered the page in time"
    STORM_CHANGED = "more or fewer incidents in the storm"


AWAITED = frozenset({NotifyReason.ACKNOWLEDGED, NotifyReason.REASSIGNED})
"""Reasons that a person has given with a click, and looks at the message for."""


class QuietReason(StrEnum):
    """Why somebody is not told; stored with the incident."""

    NOTHING_NEW = "nothing new"
    OUTSIDE_HOURS = "outside the maintainer's hours, and the check does not say wake: true"
    FOLDED = "shown under its cause"
    NEVER_TOLD = "resolved before it was told"
    SILENCED = "silenced"
    INHIBITED = "inhibited"
    MUTED = "muted at this time"
    FLAPPING = "flapping"
    GROUP_WAIT = "waits for others of its group"
    GROUP_INTERVAL = "told within the group interval"
    IN_STORM = "told with others in one message: too many at once"
    STORM_WAIT = "the storm was told a moment ago"
    NOT_THEIRS = "somebody else answers for it now"


@dataclass(frozen=True, slots=True)
class Notification:
    """One message to one receiver; the same ``key`` means the same message.

    ``subject`` is the incident or digest that it belongs to: all notifications of one subject to
    one receiver are delivered in order, into the same message or thread.
    """

    key: str
    subject: str
    receiver: str
    reason: NotifyReason
    at: datetime
    is_page: bool = False
    view: IncidentView | None = None
    digest: Digest | None = None
    headline: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The proof that a notification arrived, and where: whatever the receiver needs to edit it.

    One that is not whole says that more follows: the same notification is sent again, with this
    receipt, when the receiver may take the next message.
    """

    receiver: str
    subject: str
    at: datetime
    place: Mapping[str, str] = field(default_factory=dict)
    is_whole: bool = True
