"""Lineage: which red resource upstream explains a red one."""

from collections.abc import Iterable, Mapping

from monitor.core.model import Resource


def ancestors(resource: str | None, resources: Mapping[str, Resource]) -> tuple[str, ...]:
    """Return everything upstream, nearest first; each once, so that a cycle ends."""
    found: list[str] = []
    level = [resource] if resource is not None else []
    while level:
        above = [up for name in level for up in _upstream(name, resources)]
        level = [up for up in dict.fromkeys(above) if up not in found and up != resource]
        found.extend(level)
    return tuple(found)


def _upstream(name: str, resources: Mapping[str, Resource]) -> tuple[str, ...]:
    known = resources.get(name)
    return known.upstream if known else ()


def root_cause(
    resource: str | None, resources: Mapping[str, Resource], red: Iterable[str]
) -> str | None:
    """Return the red resource that lies furthest upstream, or None."""
    bad = set(red)
    return next((up for up in reversed(ancestors(resource, resources)) if up in bad), None)
