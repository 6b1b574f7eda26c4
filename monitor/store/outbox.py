"""The outbox: stored intents to tell somebody, and the proofs that they arrived."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from monitor.core.notification import Receipt
from monitor.core.state import OutboxRow
from monitor.store import codec
from monitor.store.tables import outbox, receipt
from monitor.store.upsert import upsert_many


@dataclass(frozen=True, slots=True)
class Intent:
    """What became of one intent, without its message."""

    key: str
    subject: str
    receiver: str
    state: str
    attempts: int
    error: str
    done_at: datetime | None
    at: datetime
    reason: str


COLUMNS = (
    "subject",
    "receiver",
    "due_at",
    "attempts",
    "error",
    "is_degraded",
    "notification",
)


def add_rows(connection: sa.Connection, rows: Sequence[OutboxRow]) -> None:
    """Store intents; one with a key that was used before is the same message and is left out."""
    found = [
        {
            "key": row.notification.key,
            "subject": row.notification.subject,
            "receiver": row.notification.receiver,
            "due_at": row.due_at,
            "attempts": row.attempts,
            "error": row.error,
            "is_degraded": row.is_degraded,
            "notification": codec.dump(codec.NOTIFICATION, row.notification),
        }
        for row in rows
    ]
    upsert_many(connection, outbox, ("key",), found, only_new=COLUMNS)


class Outbox:
    """Reading intents and receipts; they are written by steps."""

    def __init__(self, engine: sa.Engine) -> None:
        """Work on an opened store."""
        self._engine = engine

    def waiting(self) -> list[OutboxRow]:
        """Return all unsettled intents, oldest first."""
        query = sa.select(outbox).where(outbox.c.done_at.is_(None)).order_by(outbox.c.id)
        with self._engine.connect() as connection:
            return [_row(found) for found in connection.execute(query)]

    def pending_count(self) -> dict[str, int]:
        """Return the number of unsettled intents of each receiver that has any."""
        query = (
            sa.select(outbox.c.receiver, sa.func.count())
            .where(outbox.c.done_at.is_(None))
            .group_by(outbox.c.receiver)
        )
        with self._engine.connect() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def receipt(self, subject: str, receiver: str) -> Receipt | None:
        """Return the proof that a receiver was told of a subject."""
        return next((r for r in self.receipts(subject) if r.receiver == receiver), None)

    def receipts(self, subject: str) -> list[Receipt]:
        """Return all proofs of a subject, the first told first."""
        query = sa.select(receipt).where(receipt.c.subject == subject).order_by(receipt.c.first_at)
        with self._engine.connect() as connection:
            return [
                Receipt(row.receiver, row.subject, row.at, json.loads(row.place))
                for row in connection.execute(query)
            ]

    def intents_of(self, subject: str) -> list[Intent]:
        """Return what became of the intents of a subject, oldest first."""
        query = sa.select(outbox).where(outbox.c.subject == subject).order_by(outbox.c.id)
        with self._engine.connect() as connection:
            return [_intent(row) for row in connection.execute(query)]

    def failures(self, since: datetime) -> Mapping[str, str]:
        """Return key and error of the intents that were given up since a moment."""
        query = sa.select(outbox.c.key, outbox.c.error).where(
            outbox.c.state == "failed", outbox.c.done_at >= since
        )
        with self._engine.connect() as connection:
            return {row.key: row.error for row in connection.execute(query)}


def _intent(found: sa.Row[tuple[object, ...]]) -> Intent:
    note = json.loads(found.notification)
    return Intent(
        key=found.key,
        subject=found.subject,
        receiver=found.receiver,
        state=found.state,
        attempts=found.attempts,
        error=found.error,
        done_at=found.done_at,
        at=datetime.fromisoformat(note["at"]),
        reason=note["reason"],
    )


def _row(found: sa.Row[tuple[object, ...]]) -> OutboxRow:
    note = codec.NOTIFICATION.validate_json(found.notification)
    return OutboxRow(note, found.due_at, found.attempts, found.error, bool(found.is_degraded))
