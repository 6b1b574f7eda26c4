"""Steps, written in one transaction: one statement a table, however much there is to write."""

import json
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import sqlalchemy as sa

from monitor.core.state import Settled, Step
from monitor.store import codec
from monitor.store.columns import Moment
from monitor.store.metrics import write_rebases
from monitor.store.outbox import add_rows
from monitor.store.repeats import Repeats
from monitor.store.slot_batches import batch_rows
from monitor.store.tables import (
    alert,
    alert_event,
    check_state,
    incident,
    outbox,
    quiet,
    receipt,
    received,
    silence,
    slot_batch,
    told,
    trail,
)
from monitor.store.upsert import insert_many, upsert_many

Rows: TypeAlias = list[dict[str, Any]]

# Built once: building a statement takes longer than executing it for a few rows.
_OPEN = sa.and_(outbox.c.key == sa.bindparam("of"), outbox.c.done_at.is_(None))
SETTLE = (
    outbox.update()
    .where(_OPEN)
    .values(
        done_at=sa.bindparam("at", type_=Moment),
        state=sa.bindparam("how"),
        error=sa.bindparam("why"),
        attempts=outbox.c.attempts + 1,
    )
)
POSTPONE = (
    outbox.update()
    .where(_OPEN)
    .values(
        due_at=sa.bindparam("at", type_=Moment),
        error=sa.bindparam("why"),
        attempts=outbox.c.attempts + 1,
        is_degraded=sa.or_(outbox.c.is_degraded, sa.bindparam("instead", type_=sa.Boolean)),
    )
)
TAKE = received.delete().where(received.c.key == sa.bindparam("of"))


def write(connection: sa.Connection, steps: Sequence[Step], repeats: Repeats) -> None:
    """Write everything of some steps, in their order; the caller commits or rolls back."""
    _looks(connection, steps, repeats)
    _alerts(connection, steps)
    _incidents(connection, steps)
    for step in steps:
        add_rows(connection, step.outbox)
        _settle(connection, step.settled)
        _postpone(connection, step)
    _orders(connection, steps)


def _looks(connection: sa.Connection, steps: Sequence[Step], repeats: Repeats) -> None:
    slots = batch_rows(slot for step in steps for slot in step.slots)
    insert_many(connection, slot_batch, slots)
    verdicts = [one for step in steps for one in step.verdicts]
    changed, as_of = repeats.write(connection, verdicts)
    states: Rows = [
        {
            "check": one.check,
            "slice": codec.labels_text(one.slice),
            "since": one.at,
            "outcome": str(one.outcome),  # the driver looks for how to adapt what is no text
            "verdict": codec.verdict_text(one),
            "as_of": as_of,
        }
        for one in changed
    ]
    upsert_many(
        connection,
        check_state,
        ("check", "slice"),
        states,
        # The outcome keeps the moment at which it first came.
        unless_same=("since", "outcome"),
    )


def _alerts(connection: sa.Connection, steps: Iterable[Step]) -> None:
    for step in steps:
        rows: Rows = [
            {
                "check": one.check,
                "slice": codec.labels_text(one.slice),
                "opened_at": one.opened_at,
                "fired_at": one.fired_at,
                "resolved_at": one.resolved_at,
                "incident": one.incident,
                "value": codec.dump(codec.ALERT, one),
            }
            # Closing first: at most one is open for each slice.
            for one in sorted(step.alerts, key=lambda one: one.is_open)
        ]
        upsert_many(connection, alert, ("check", "slice", "opened_at"), rows)
    events: Rows = [
        {"at": one.at, "incident": one.incident, "value": codec.dump(codec.EVENT, one)}
        for step in steps
        for one in step.events
    ]
    insert_many(connection, alert_event, events)


def _incidents(connection: sa.Connection, steps: Iterable[Step]) -> None:
    found: Rows = [
        {
            "id": one.id,
            "opened_at": one.opened_at,
            "resolved_at": one.resolved_at,
            "value": codec.dump(codec.INCIDENT, one),
        }
        for step in steps
        for one in step.incidents
    ]
    upsert_many(connection, incident, ("id",), found)
    entries: Rows = [
        {
            "incident": one.incident,
            "receiver": one.receiver,
            "revision": one.revision,
            "fingerprint": one.fingerprint,
            "at": one.at,
            "is_page": one.is_page,
            "quiet": one.quiet,
            "storm": one.storm,
        }
        for step in steps
        for one in step.told
    ]
    upsert_many(connection, told, ("incident", "receiver"), entries)
    hushes: Rows = [
        {"at": one.at, "incident": one.incident, "receiver": one.receiver, "reason": one.reason}
        for step in steps
        for one in step.quiet
    ]
    insert_many(connection, quiet, hushes)


def _settle(connection: sa.Connection, settled: Sequence[Settled]) -> None:
    if not settled:
        return
    rows = [{"of": one.key, "at": one.at, "how": one.how, "why": one.error} for one in settled]
    connection.execute(SETTLE, rows)
    proofs: Rows = [
        {
            "subject": one.receipt.subject,
            "receiver": one.receipt.receiver,
            "first_at": one.receipt.at,
            "at": one.receipt.at,
            "place": json.dumps(dict(one.receipt.place)),
        }
        for one in settled
        if one.receipt is not None
    ]
    upsert_many(connection, receipt, ("subject", "receiver"), proofs, only_new=("first_at",))


def _postpone(connection: sa.Connection, step: Step) -> None:
    rows = [
        {"of": one.key, "at": one.due_at, "why": one.error, "instead": one.is_degraded}
        for one in step.postponed
    ]
    if rows:
        connection.execute(POSTPONE, rows)


def _orders(connection: sa.Connection, steps: Iterable[Step]) -> None:
    silences: Rows = [
        {
            "id": one.id,
            "starts_at": one.starts_at,
            "ends_at": one.ends_at,
            "value": codec.dump(codec.SILENCE, one),
        }
        for step in steps
        for one in step.silences
    ]
    upsert_many(connection, silence, ("id",), silences)
    deeds: Rows = [
        {
            "at": one.at,
            "incident": one.incident,
            "deed": one.deed,
            "who": one.who,
            "why": one.why,
            "what": one.what,
        }
        for step in steps
        for one in step.trail
    ]
    insert_many(connection, trail, deeds)
    write_rebases(connection, [one for step in steps for one in step.rebases])
    batches: Rows = [
        {"key": one.key, "at": one.at, "body": one.body} for step in steps for one in step.received
    ]
    insert_many(connection, received, batches)
    taken: Rows = [{"of": key} for step in steps for key in step.taken]
    if taken:
        connection.execute(TAKE, taken)
