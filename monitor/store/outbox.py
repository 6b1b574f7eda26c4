"""The outbox: stored intents to tell somebody, and the proofs that they arrived."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa

from monitor.core.notification import Receipt
from monitor.core.state import OutboxRow
from monitor.store import codec
from monitor.store.tables import outbox, receipt
from monitor.store.upsert import upsert


def add_rows(connection: sa.Connection, rows: Sequence[OutboxRow]) -> None:
    """Store intents; one with a key that was used before is the same message and is left out."""
    for row in rows:
        note = row.notification
        known = connection.scalar(sa.select(outbox.c.id).where(outbox.c.key == note.key))
        if known is None:
            connection.execute(
                outbox.insert().values(
                    key=note.key,
                    subject=note.subject,
                    receiver=note.receiver,
                    due_at=row.due_at,
                    attempts=row.attempts,
                    error=row.error,
                    notification=codec.dump(codec.NOTIFICATION, note),
                )
            )


class Outbox:
    """Reading and settling intents."""

    def __init__(self, engine: sa.Engine) -> None:
        """Work on an opened store."""
        self._engine = engine

    def pending(self, now: datetime, limit: int = 1000) -> list[OutboxRow]:
        """Return intents that are due, oldest first.

        Of each subject and receiver only the oldest unsettled one, so that messages of one
        incident keep their order, whatever fails in between.
        """
        first = (
            sa.select(sa.func.min(outbox.c.id))
            .where(outbox.c.done_at.is_(None))
            .group_by(outbox.c.subject, outbox.c.receiver)
        )
        query = (
            sa.select(outbox)
            .where(outbox.c.id.in_(first), outbox.c.due_at <= now)
            .order_by(outbox.c.id)
            .limit(limit)
        )
        with self._engine.connect() as connection:
            return [_row(found) for found in connection.execute(query)]

    def next_due(self) -> datetime | None:
        """Return when the next intent is due; None when all are settled."""
        query = sa.select(sa.func.min(outbox.c.due_at)).where(outbox.c.done_at.is_(None))
        with self._engine.connect() as connection:
            found: datetime | None = connection.scalar(query)
        return found

    def pending_count(self) -> dict[str, int]:
        """Return the number of unsettled intents of each receiver that has any."""
        query = (
            sa.select(outbox.c.receiver, sa.func.count())
            .where(outbox.c.done_at.is_(None))
            .group_by(outbox.c.receiver)
        )
        with self._engine.connect() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def delivered(self, key: str, proof: Receipt) -> None:
        """Settle an intent and keep its receipt, in one transaction."""
        with self._engine.begin() as connection:
            _settle(connection, key, proof.at, "sent")
            place = json.dumps(dict(proof.place))
            upsert(
                connection,
                receipt,
                {"subject": proof.subject, "receiver": proof.receiver},
                {"at": proof.at, "place": place},
                only_new={"first_at": proof.at},
            )

    def postpone(self, key: str, due_at: datetime, error: str) -> None:
        """Try again later."""
        with self._engine.begin() as connection:
            connection.execute(
                outbox.update()
                .where(outbox.c.key == key)
                .values(due_at=due_at, attempts=outbox.c.attempts + 1, error=error)
            )

    def give_up(
        self, key: str, at: datetime, error: str, instead: Sequence[OutboxRow] = ()
    ) -> None:
        """Settle an intent that cannot be delivered; whoever is told instead, in the same go."""
        with self._engine.begin() as connection:
            _settle(connection, key, at, "failed", error)
            add_rows(connection, instead)

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

    def failures(self, since: datetime) -> Mapping[str, str]:
        """Return key and error of the intents that were given up since a moment."""
        query = sa.select(outbox.c.key, outbox.c.error).where(
            outbox.c.state == "failed", outbox.c.done_at >= since
        )
        with self._engine.connect() as connection:
            return {row.key: row.error for row in connection.execute(query)}


def _settle(connection: sa.Connection, key: str, at: datetime, state: str, error: str = "") -> None:
    connection.execute(
        outbox.update()
        .where(outbox.c.key == key)
        .values(done_at=at, state=state, error=error, attempts=outbox.c.attempts + 1)
    )


def _row(found: sa.Row[tuple[object, ...]]) -> OutboxRow:
    note = codec.NOTIFICATION.validate_json(found.notification)
    return replace(OutboxRow(note, found.due_at), attempts=found.attempts, error=found.error)
