"""What was: reads for the digest and the pages."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from monitor.core.alert import Alert, AlertEvent
from monitor.core.incident import Incident
from monitor.core.model import Outcome
from monitor.core.state import Memory, SliceState, Slot, Told
from monitor.store import codec
from monitor.store.tables import alert, alert_event, check_state, incident, told, verdict_recent


@dataclass(frozen=True, slots=True)
class SlotSummary:
    """How often a check came to each outcome in a window, and its last slot."""

    counts: dict[Outcome, int]
    last: Slot


class History:
    """Reads; every method opens and closes its own connection."""

    def __init__(self, engine: sa.Engine) -> None:
        """Work on an opened store."""
        self._engine = engine

    def memory(self) -> Memory:
        """Return what a daemon must remember after a start."""
        is_open = sa.select(incident.c.id).where(incident.c.resolved_at.is_(None))
        with self._engine.connect() as connection:
            incidents = [
                codec.INCIDENT.validate_json(text)
                for text in connection.scalars(
                    sa.select(incident.c.value).where(incident.c.resolved_at.is_(None))
                )
            ]
            mine = sa.or_(alert.c.resolved_at.is_(None), alert.c.incident.in_(is_open))
            alerts = [
                codec.ALERT.validate_json(text)
                for text in connection.scalars(
                    sa.select(alert.c.value).where(mine).order_by(alert.c.opened_at)
                )
            ]
            entries = [
                Told(row.incident, row.receiver, row.revision, row.fingerprint)
                for row in connection.execute(sa.select(told).where(told.c.incident.in_(is_open)))
            ]
        return Memory(
            alerts={one.key: one for one in alerts},  # the newest of a slice comes last
            incidents={one.id: one for one in incidents},
            told={(one.incident, one.receiver): one for one in entries},
        )

    def slice_states(self) -> list[SliceState]:
        """Return the newest verdict of every slice, by check."""
        query = sa.select(check_state).order_by(check_state.c.check, check_state.c.slice)
        with self._engine.connect() as connection:
            return [
                SliceState(
                    row.check,
                    codec.labels_from(row.slice),
                    row.since,
                    codec.VERDICT.validate_json(row.verdict),
                )
                for row in connection.execute(query)
            ]

    def incidents(self, since: datetime, until: datetime) -> list[Incident]:
        """Return the incidents that were open at some moment of the window, oldest first."""
        query = (
            sa.select(incident.c.value)
            .where(
                incident.c.opened_at < until,
                sa.or_(incident.c.resolved_at.is_(None), incident.c.resolved_at >= since),
            )
            .order_by(incident.c.opened_at, incident.c.id)
        )
        with self._engine.connect() as connection:
            return [codec.INCIDENT.validate_json(text) for text in connection.scalars(query)]

    def incident(self, key: str) -> Incident | None:
        """Return one incident."""
        query = sa.select(incident.c.value).where(incident.c.id == key)
        with self._engine.connect() as connection:
            text = connection.scalar(query)
        return None if text is None else codec.INCIDENT.validate_json(text)

    def alerts_of(self, incidents: Iterable[str]) -> list[Alert]:
        """Return the alerts of incidents that ever fired, in the order in which they opened."""
        query = (
            sa.select(alert.c.value)
            .where(alert.c.incident.in_(list(incidents)), alert.c.fired_at.is_not(None))
            .order_by(alert.c.opened_at, alert.c.id)
        )
        with self._engine.connect() as connection:
            return [codec.ALERT.validate_json(text) for text in connection.scalars(query)]

    def events_of(self, key: str) -> list[AlertEvent]:
        """Return the history of an incident, oldest first."""
        query = (
            sa.select(alert_event.c.value)
            .where(alert_event.c.incident == key)
            .order_by(alert_event.c.id)
        )
        with self._engine.connect() as connection:
            return [codec.EVENT.validate_json(text) for text in connection.scalars(query)]

    def slots(self, since: datetime, until: datetime) -> dict[str, SlotSummary]:
        """Return how the slots that were due in [since, until) ended, by check."""
        query = (
            sa.select(verdict_recent)
            .where(verdict_recent.c.due_at >= since, verdict_recent.c.due_at < until)
            .order_by(verdict_recent.c.due_at)
        )
        counts: dict[str, Counter[Outcome]] = {}
        last: dict[str, Slot] = {}
        with self._engine.connect() as connection:
            for row in connection.execute(query):
                outcome = Outcome(row.outcome)
                counts.setdefault(row.check, Counter())[outcome] += 1
                last[row.check] = Slot(row.check, row.due_at, row.ended_at, outcome, row.reason)
        return {check: SlotSummary(dict(counts[check]), slot) for check, slot in last.items()}
