"""The trail: what people and the monitor did, who and why. Append-only."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

MONITOR = "monitor"
"""Who did what nobody did by hand."""


class Deed(StrEnum):
    """What was done."""

    ACKNOWLEDGED = "acknowledged"
    ACCEPTED = "accepted as the new normal"
    ACK_ENDED = "acknowledgement ended"
    REASSIGNED = "reassigned"
    RESOLVED = "resolved by hand"
    LOOKED = "looked at by hand"
    EXPLAINED = "explained"
    SILENCE_MADE = "silence made"
    SILENCE_ENDED = "silence ended"
    SUPPRESSED = "suppressed"
    UNSUPPRESSED = "suppression ended"
    ADOPTED = "put under its cause"
    RELEASED = "stands on its own"
    INTENDED = "to be told"
    SENT = "sent"
    NOT_TAKEN = "not taken"
    GIVEN_UP = "given up"
    FOLDED_IN = "folded into a newer message"
    DEGRADED = "told somebody else instead"
    RELOADED = "configuration reloaded"


@dataclass(frozen=True, slots=True)
class TrailEntry:
    """One deed. ``what`` names what it was done to or with: a receiver, a silence, a maintainer."""

    at: datetime
    deed: Deed
    who: str
    why: str = ""
    what: str = ""
    incident: str | None = None
