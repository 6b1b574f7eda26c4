"""What was: reads for the digest and the pages."""

from collections.abc import Iterable
from datetime import datetime

import sqlalchemy as sa

from monitor.core.alert import Alert, AlertEvent
from monitor.core.book import MOST_CLOSED, Memory
from monitor.core.incident import Incident
from monitor.core.lifecycle import FLAP_WINDOW
from monitor.core.notification import QuietReason
from monitor.core.silence import Silence
from monitor.core.state import Quiet, Told
from monitor.core.trail import MONITOR, Deed, TrailEntry
from monitor.store import codec
from monitor.store.tables import (
    alert,
    alert_event,
    incident,
    quiet,
    silence,
    told,
    trail,
)


class History:
    """Reads; every method opens and closes its own connection."""

    def __init__(self, engine: sa.Engine) -> None:
        """Work on an opened store."""
        self._engine = engine

    def memory(self, now: datetime | None = None) -> Memory:
        """Return what a daemon must remember after a start, which is now."""
        is_open = sa.select(incident.c.id).where(incident.c.resolved_at.is_(None))
        mine = sa.or_(alert.c.resolved_at.is_(None), alert.c.incident.in_(is_open))
        if now is not None:  # how often a slice fired lately
            mine = sa.or_(mine, alert.c.resolved_at > now - FLAP_WINDOW)
        lately = sa.select(incident.c.id).order_by(incident.c.opened_at.desc()).limit(MOST_CLOSED)
        # The last one counts: what is open, though before a clock went back one of later closed.
        order = (alert.c.resolved_at.is_(None), alert.c.opened_at, alert.c.id)
        alerts = sa.select(alert.c.value).where(mine).order_by(*order)
        values = sa.select(incident.c.value).where(incident.c.resolved_at.is_(None))
        hush = sa.select(silence.c.value)
        if now is not None:
            hush = hush.where(silence.c.ends_at > now)
        with self._engine.connect() as connection:
            return Memory(
                alerts=[codec.ALERT.validate_json(text) for text in connection.scalars(alerts)],
                incidents=[
                    codec.INCIDENT.validate_json(text) for text in connection.scalars(values)
                ],
                told=[
                    Told(**row)
                    for row in connection.execute(
                        sa.select(told).where(told.c.incident.in_(is_open))
                    ).mappings()
                ],
                silences=[codec.SILENCE.validate_json(text) for text in connection.scalars(hush)],
                closed=connection.scalars(lately),
            )

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

    def children_of(self, key: str) -> list[Incident]:
        """Return the open incidents that an incident adopted."""
        query = sa.select(incident.c.value).where(incident.c.resolved_at.is_(None))
        with self._engine.connect() as connection:
            found = [codec.INCIDENT.validate_json(text) for text in connection.scalars(query)]
        return [one for one in found if one.parent == key]

    def members_of(self, storm: str) -> list[Incident]:
        """Return the incidents that a receiver heard of in a storm."""
        mine = sa.select(told.c.incident).where(told.c.storm == storm)
        query = sa.select(incident.c.value).where(incident.c.id.in_(mine))
        with self._engine.connect() as connection:
            return [codec.INCIDENT.validate_json(text) for text in connection.scalars(query)]

    def open_alerts(self) -> list[Alert]:
        """Return the alerts that are open, oldest first."""
        query = (
            sa.select(alert.c.value)
            .where(alert.c.resolved_at.is_(None))
            .order_by(alert.c.opened_at, alert.c.id)
        )
        with self._engine.connect() as connection:
            return [codec.ALERT.validate_json(text) for text in connection.scalars(query)]

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

    def trail_of(self, key: str) -> list[TrailEntry]:
        """Return what was done to an incident, by whom and why, oldest first."""
        return self._trail(sa.select(trail).where(trail.c.incident == key).order_by(trail.c.id))

    def trail(
        self, since: datetime, who: str | None = None, offset: int = 0, limit: int = 1000
    ) -> tuple[int, list[TrailEntry]]:
        """Return what was done since a moment, the newest first, and how much that is.

        To incidents or not; by one person, or by whomever but the monitor itself.
        """
        by = trail.c.who != MONITOR if who is None else trail.c.who == who
        mine = sa.and_(trail.c.at >= since, by)
        query = sa.select(trail).where(mine).order_by(trail.c.id.desc())
        with self._engine.connect() as connection:
            count = connection.scalar(sa.select(sa.func.count()).where(mine)) or 0
        return count, self._trail(query.offset(offset).limit(limit))

    def _trail(self, query: sa.Select[tuple[object, ...]]) -> list[TrailEntry]:
        with self._engine.connect() as connection:
            return [
                TrailEntry(row.at, Deed(row.deed), row.who, row.why, row.what, row.incident)
                for row in connection.execute(query)
            ]

    def quiet_of(self, key: str) -> list[Quiet]:
        """Return the decisions not to tell somebody of an incident, oldest first."""
        query = sa.select(quiet).where(quiet.c.incident == key).order_by(quiet.c.id)
        with self._engine.connect() as connection:
            return [
                Quiet(row.at, row.incident, row.receiver, QuietReason(row.reason))
                for row in connection.execute(query)
            ]

    def silences(self) -> list[Silence]:
        """Return all silences, those that are over included, the newest first."""
        query = sa.select(silence.c.value).order_by(silence.c.starts_at.desc(), silence.c.id)
        with self._engine.connect() as connection:
            return [codec.SILENCE.validate_json(text) for text in connection.scalars(query)]
