"""Asking sources while the configuration is read: bounded, and never the sources that run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, TypeAlias

from monitor.api.errors import SourceError
from monitor.api.source import Source
from monitor.config.for_each import Found

Ask: TypeAlias = Callable[[Source, str], tuple[str, ...]]
"""Ask a source for the values of a query within a bound of time. Raise SourceError."""


class Last(NamedTuple):
    """The last good answer: its values, since when it is the last, and whether that is too long."""

    values: tuple[str, ...]
    since: str
    is_old: bool = False


class Recall(Protocol):
    """Remembers the last good answer to each query; neither method raises."""

    def keep(self, source: str, query: str, values: tuple[str, ...]) -> None:
        """Remember an answer."""

    def last(self, source: str, query: str) -> Last | None:
        """Return the last one, None where there never was any."""


@dataclass(slots=True)
class Finder:
    """Finds values for ``for_each``; without ``ask`` it only knows the sources.

    One query is asked once, and a source that could not be asked is asked no further: each such
    asking may take its whole deadline. Where nothing good comes back, the last good answer goes on;
    ``is_stale`` says that this happened.
    """

    sources: Mapping[str, Source]
    ask: Ask | None = None
    recall: Recall | None = None
    is_stale: bool = False
    _found: dict[tuple[str, str], Found] = field(default_factory=dict)
    _ill: dict[str, SourceError] = field(default_factory=dict)

    def __call__(self, name: str, query: str) -> Found:
        """Return the values of a query. Raise LookupError for a source that does not exist."""
        source = self.sources[name]
        if self.ask is None:
            return Found(None)
        if (name, query) not in self._found:
            found = self._asked(self.ask, source, name, query)
            self._found[name, query] = found if found.values else self._last(name, query, found)
        return self._found[name, query]

    def _asked(self, ask: Ask, source: Source, name: str, query: str) -> Found:
        try:
            if name in self._ill:
                raise self._ill[name]
            # A copy: connections belong to the loop that made them.
            values = tuple(dict.fromkeys(ask(source.model_copy(), query)))
        except SourceError as error:
            if not error.blames_check:
                self._ill[name] = error
            fault = f"could not be found ({error.fault}): {error}"
            return Found((), fault, is_wrong=error.blames_check)
        if not values:
            return Found((), f"found nothing in '{name}'")
        if self.recall is not None:
            self.recall.keep(name, query, values)
        return Found(values)

    def _last(self, name: str, query: str, found: Found) -> Found:
        """Let the last good answer go on: a source that is down is no mistake in a file."""
        last = self.recall.last(name, query) if self.recall is not None else None
        if last is None:
            return found._replace(is_wrong=True)
        self.is_stale = True
        fault = f"{found.fault}; the {len(last.values)} of {last.since} go on"
        return Found(last.values, fault, is_wrong=found.is_wrong or last.is_old)
