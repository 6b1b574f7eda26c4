"""Asking sources while the configuration is read: bounded, and never the sources that run."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from monitor.api.source import Source
from monitor.config.for_each import Find

Ask: TypeAlias = Callable[[Source, str], tuple[str, ...]]
"""Ask a source for the values of a query within a bound of time. Raise SourceError."""


def finder(sources: Mapping[str, Source], ask: Ask | None) -> Find:
    """Return what finds values for ``for_each``; without ``ask`` it only knows the sources."""

    def find(name: str, query: str) -> tuple[str, ...] | None:
        source = sources[name]
        # A copy: connections belong to the loop that made them.
        return None if ask is None else ask(source.model_copy(), query)

    return find
