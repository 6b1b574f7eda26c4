"""What the auditor compares, read from the tables alone."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from monitor.core.audit import Records, Thread, Waiting
from monitor.store.columns import Moment
from monitor.store.tables import incident, outbox, receipt, told

LOOK_BACK = timedelta(hours=1)
"""How long incidents are looked after that are over."""


# Built once: an auditor that looks every minute shall cost nothing.
_LATELY = sa.or_(
    incident.c.resolved_at.is_(None),
    incident.c.resolved_at > sa.bindparam("since", type_=Moment),
)
_MINE = sa.select(incident.c.id).where(_LATELY)
KNOWN = sa.select(incident.c.id, incident.c.opened_at, incident.c.resolved_at).where(_LATELY)
TOLD = sa.select(told).where(told.c.incident.in_(_MINE))
INTENTS = sa.select(outbox.c.key, outbox.c.subject, outbox.c.receiver, outbox.c.state).where(
    outbox.c.subject.in_(_MINE)
)
PROOFS = sa.select(receipt.c.subject, receipt.c.receiver, receipt.c.at).where(
    receipt.c.subject.in_(_MINE)
)
WAITING = sa.select(outbox.c.subject, outbox.c.receiver, outbox.c.notification).where(
    outbox.c.done_at.is_(None), outbox.c.is_degraded.is_(sa.false())
)


class AuditReader:
    """Reads for the auditor."""

    def __init__(self, engine: sa.Engine) -> None:
        """Work on an opened store."""
        self._engine = engine

    def records(self, now: datetime) -> Records:
        """Return what concerns open incidents and those that ended lately. Raise StoreError."""
        since = {"since": now - LOOK_BACK}
        with self._engine.connect() as connection:
            known = {row.id: row for row in connection.execute(KNOWN, since)}
            entries = list(connection.execute(TOLD, since))
            intents = list(connection.execute(INTENTS, since))
            proofs = {(one, by): at for one, by, at in connection.execute(PROOFS, since)}
            waiting = list(connection.execute(WAITING))
        mentioned = {row.incident for row in entries}
        return Records(
            threads=tuple(_threads(known, entries, intents, proofs)),
            waiting=tuple(_waiting(waiting)),
            unmentioned=tuple(
                (row.id, row.opened_at)
                for row in known.values()
                if row.resolved_at is None and row.id not in mentioned
            ),
        )


def _threads(
    known: dict[str, Any],
    entries: Iterable[Any],
    intents: Iterable[Any],
    proofs: Mapping[tuple[str, str], datetime],
) -> Iterable[Thread]:
    states, sent = {}, set()
    for name, subject, receiver, state in intents:
        states[name] = state
        if state == "sent":
            sent.add((subject, receiver))
    for row in entries:
        key = (row.incident, row.receiver)
        state = states.get(f"{row.incident}:{row.receiver}:{row.revision}")
        proof = proofs.get(key)
        yield Thread(
            incident=row.incident,
            receiver=row.receiver,
            revision=row.revision,
            is_open=known[row.incident].resolved_at is None,
            is_end=row.fingerprint.startswith('["resolved"'),
            has_message=state is not None,
            is_sent=key in sent,
            has_receipt=proof is not None,
            is_page=row.fingerprint.startswith('["page"'),
            told_at=row.at if row.revision > 0 else None,
            # A clock that was set back in between makes nobody deaf.
            heard_at=max(proof, row.at) if proof and row.at and state == "sent" else None,
        )


def _waiting(rows: Iterable[Any]) -> Iterable[Waiting]:
    for row in rows:
        note = json.loads(row.notification)
        since = datetime.fromisoformat(note["at"])
        yield Waiting(row.subject, row.receiver, since, bool(note["is_page"]))
