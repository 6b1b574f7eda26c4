"""Keeps what sources know over a restart of the daemon, and over a new configuration."""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta

from monitor.api.source import Source
from monitor.store import StoreError
from monitor.store.keepsakes import Keepsakes

log = logging.getLogger(__name__)

EVERY = timedelta(minutes=10)
"""A kill costs at most this much; an orderly end costs nothing."""

Sources = Mapping[str, Source]


class Keeping:
    """Reads what sources keep at the start, and writes it down when it has changed.

    What cannot be read or written is told in the log and stops nothing: it is learned again.
    """

    def __init__(self, kept: Keepsakes) -> None:
        """Start with nothing known."""
        self._kept = kept
        self._known: dict[str, str] = {}
        self._saved_at: datetime | None = None

    def is_due(self, now: datetime) -> bool:
        """Say whether it is time to write."""
        return self._saved_at is None or not timedelta(0) <= now - self._saved_at < EVERY

    def load(self, sources: Sources, now: datetime) -> None:
        """Give sources what they kept; blocking."""
        self._saved_at = now
        try:
            self._known = self._kept.load()
        except StoreError as error:
            log.warning("what sources kept is not known: %s", error)
            return
        for name in self._known.keys() & sources.keys():
            _recall(sources[name], self._known[name], now)

    def save(self, sources: Sources, now: datetime) -> None:
        """Write what has changed; blocking."""
        self._saved_at = now
        for name, source in sources.items():
            text = source.keepsake(now)
            if text is None or text == self._known.get(name):
                continue
            try:
                self._kept.save(name, text, now)
            except StoreError as error:
                log.warning("what %s knows is not kept: %s", name, error)
                return
            self._known[name] = text


def hand_over(old: Sources, new: Sources, now: datetime) -> None:
    """Give the sources of a new configuration what those of the same name knew."""
    for name, source in new.items():
        before = old.get(name)
        if before is None or before is source or type(before) is not type(source):
            continue
        text = before.keepsake(now)
        if text is not None:
            _recall(source, text, now)


def _recall(source: Source, text: str, now: datetime) -> None:
    try:
        source.recall(text, now)
    except ValueError as error:
        log.warning("what %s kept is ignored and learned again: %s", source.name, error)
