"""A step, written in one transaction."""

import sqlalchemy as sa

from monitor.core.alert import Alert
from monitor.core.model import Verdict
from monitor.core.state import Step
from monitor.store import codec
from monitor.store.outbox import add_rows
from monitor.store.tables import (
    alert,
    alert_event,
    check_state,
    incident,
    quiet,
    told,
    verdict_recent,
)
from monitor.store.upsert import upsert


def write(connection: sa.Connection, step: Step) -> None:
    """Write everything of a step; the caller commits or rolls back."""
    for slot in step.slots:
        upsert(
            connection,
            verdict_recent,
            {"check": slot.check, "due_at": slot.due_at},
            {"ended_at": slot.ended_at, "outcome": slot.outcome, "reason": slot.reason},
        )
    for verdict in step.verdicts:
        _verdict(connection, verdict)
    for one in sorted(step.alerts, key=lambda one: one.is_open):  # closing first: one open a slice
        _alert(connection, one)
    for event in step.events:
        connection.execute(
            alert_event.insert().values(
                at=event.at, incident=event.incident, value=codec.dump(codec.EVENT, event)
            )
        )
    for found in step.incidents:
        values = {
            "opened_at": found.opened_at,
            "resolved_at": found.resolved_at,
            "value": codec.dump(codec.INCIDENT, found),
        }
        upsert(connection, incident, {"id": found.id}, values)
    for entry in step.told:
        key = {"incident": entry.incident, "receiver": entry.receiver}
        upsert(
            connection,
            told,
            key,
            {"revision": entry.revision, "fingerprint": entry.fingerprint},
        )
    for hush in step.quiet:
        connection.execute(
            quiet.insert().values(
                at=hush.at, incident=hush.incident, receiver=hush.receiver, reason=hush.reason
            )
        )
    add_rows(connection, step.outbox)


def _verdict(connection: sa.Connection, verdict: Verdict) -> None:
    key = {"check": verdict.check, "slice": codec.labels_text(verdict.slice)}
    before = connection.execute(
        sa.select(check_state.c.outcome, check_state.c.since).where(
            check_state.c.check == key["check"], check_state.c.slice == key["slice"]
        )
    ).first()
    since = before.since if before and before.outcome == verdict.outcome else verdict.at
    values = {
        "since": since,
        "outcome": verdict.outcome,
        "verdict": codec.dump(codec.VERDICT, verdict),
    }
    upsert(connection, check_state, key, values)


def _alert(connection: sa.Connection, one: Alert) -> None:
    key = {
        "check": one.check,
        "slice": codec.labels_text(one.slice),
        "opened_at": one.opened_at,
    }
    values = {
        "fired_at": one.fired_at,
        "resolved_at": one.resolved_at,
        "incident": one.incident,
        "value": codec.dump(codec.ALERT, one),
    }
    upsert(connection, alert, key, values)
