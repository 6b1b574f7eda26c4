"""What is said in a message that stands for others, and what is stored of how it ended."""

from dataclasses import replace
from datetime import datetime

from monitor.core.notification import Notification, Receipt
from monitor.core.state import Settled, Step
from monitor.core.trail import MONITOR, Deed, TrailEntry
from monitor.engine.lane import Parcel


def with_older(parcel: Parcel) -> Notification:
    """Say in the newest message how many it stands for."""
    note = parcel.row.notification
    if not parcel.older:
        return note
    count = len(parcel.older)
    since = parcel.older[0].notification.at
    text = f"{count} earlier {'message' if count == 1 else 'messages'} since {since:%H:%M} UTC"
    return replace(note, headline=note.headline or f"{text} could not be delivered")


def delivered(parcel: Parcel, proof: Receipt, now: datetime) -> Step:
    """Settle a parcel that has arrived, and what it stands for."""
    note = parcel.row.notification
    older = [row.notification for row in parcel.older]
    return Step(
        now,
        settled=(
            *(Settled(one.key, now, "superseded") for one in older),
            Settled(note.key, now, "sent", receipt=proof),
        ),
        trail=(
            *(trail_of(one, now, Deed.FOLDED_IN, note.key) for one in older),
            trail_of(note, now, Deed.SENT, str(note.reason)),
        ),
    )


def trail_of(note: Notification, at: datetime, deed: Deed, why: str) -> TrailEntry:
    """Write down what became of a message, and why."""
    incident = note.subject if note.view is not None else None
    return TrailEntry(at, deed, MONITOR, why, f"{note.receiver} {note.key}", incident)
