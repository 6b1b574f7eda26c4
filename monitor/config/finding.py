"""Asking sources while the configuration is read: bounded, and never the sources that run."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from monitor.api.errors import SourceError
from monitor.api.source import Source
from monitor.config.for_each import Find

Ask: TypeAlias = Callable[[Source, str], tuple[str, ...]]
"""Ask a source for the values of a query within a bound of time. Raise SourceError."""


def finder(sources: Mapping[str, Source], ask: Ask | None) -> Find:
    """Return what finds values for ``for_each``; without ``ask`` it only knows the sources.

    One query is asked once, and a source that could not be asked is asked no further: each such
    asking may take its whole deadline.
    """
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    ill: dict[str, SourceError] = {}

    def find(name: str, query: str) -> tuple[str, ...] | None:
        source = sources[name]
        if ask is None:
            return None
        if name in ill:
            raise ill[name]
        if (name, query) not in found:
            try:
                # A copy: connections belong to the loop that made them.
                found[(name, query)] = ask(source.model_copy(), query)
            except SourceError as error:
                if not error.blames_check:
                    ill[name] = error
                raise
        return found[(name, query)]

    return find
