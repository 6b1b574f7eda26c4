"""The story of an incident: verdict changes, who was told or not, what people did, and why."""

from collections.abc import Iterable
from typing import Any

from monitor.core.incident import Incident
from monitor.core.labels import text_of
from monitor.core.trail import MONITOR
from monitor.store import Store

MOST = 5000


def timeline(store: Store, incident: Incident) -> list[dict[str, Any]]:
    """Return what happened, oldest first: ``at``, ``what``, ``who``, ``why`` and ``about``.

    Of very much only the newest.
    """
    entries = [
        *_changes(store, incident),
        *_quiet(store, incident),
        *_messages(store, incident),
        *_deeds(store, incident),
    ]
    entries.sort(key=lambda entry: entry["at"])
    return entries[-MOST:]


def _changes(store: Store, incident: Incident) -> Iterable[dict[str, Any]]:
    for event in store.history.events_of(incident.id):
        where = text_of(event.slice)
        about = f"{event.check} {where}".strip()
        yield _entry(event.at.isoformat(), str(event.change), MONITOR, event.reason, about)


def _quiet(store: Store, incident: Incident) -> Iterable[dict[str, Any]]:
    for one in store.history.quiet_of(incident.id):
        yield _entry(one.at.isoformat(), "not told", MONITOR, str(one.reason), one.receiver)


def _messages(store: Store, incident: Incident) -> Iterable[dict[str, Any]]:
    for one in store.outbox.intents_of(incident.id):
        yield _entry(one.at.isoformat(), "to be told", MONITOR, one.reason, one.key)


def _deeds(store: Store, incident: Incident) -> Iterable[dict[str, Any]]:
    for one in store.history.trail_of(incident.id):
        yield _entry(one.at.isoformat(), str(one.deed), one.who, one.why, one.what)


def _entry(at: str, what: str, who: str, why: str, about: str) -> dict[str, Any]:
    return {"at": at, "what": what, "who": who, "why": why, "about": about}
