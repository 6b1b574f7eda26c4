"""Finding kinds, sources and receivers: built-ins by walking folders, others by entry points."""

import importlib
import pkgutil
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import monitor.kinds
import monitor.receivers
import monitor.sources
from monitor.api.check import KINDS
from monitor.api.receiver import RECEIVERS
from monitor.api.source import SOURCES

_ROOMS: Mapping[str, tuple[ModuleType, dict[str, Any]]] = {
    "monitor.kinds": (monitor.kinds, KINDS),
    "monitor.sources": (monitor.sources, SOURCES),
    "monitor.receivers": (monitor.receivers, RECEIVERS),
}


def load_plugins(*, with_built_in: bool = True) -> tuple[str, ...]:
    """Import every kind, source and receiver; return one line for each that could not be.

    The first one of a name keeps it: no package can replace a built-in. ``with_built_in=False``
    leaves the built-in ones to ``find_plugin``: drivers that nobody uses take memory.
    """
    failed: list[str] = []
    outside = _said_by_packages(tuple((folder, _changed_at(folder)) for folder in sys.path))
    for group, (room, registry) in _ROOMS.items():
        for module in _modules(room) if with_built_in else ():
            name = f"{group}.{module}"
            failed += _guarded(name, registry, partial(importlib.import_module, name))
        for entry in outside[group]:
            name = f"{entry.name} ({entry.value})"
            failed += _guarded(name, registry, entry.load)
    return tuple(failed)


def _changed_at(folder: str) -> int:
    """Return when a package was last put into a folder or taken out; 0 where there is none."""
    try:
        return Path(folder).stat().st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=1)
def _said_by_packages(
    _folders: tuple[tuple[str, int], ...],
) -> Mapping[str, Sequence[metadata.EntryPoint]]:
    """Read what every installed package says, a file each, again when something was installed."""
    said = metadata.entry_points()
    return {group: sorted(said.select(group=group), key=lambda it: it.name) for group in _ROOMS}


def find_plugin(group: str, name: str) -> Any:
    """Return the class of a name; None where there is none, or where its module fails.

    A built-in one that was not imported yet is looked for in the module of its name.
    """
    room, registry = _ROOMS[group]
    if name not in registry and name in _modules(room):
        module = f"{group}.{name}"
        _guarded(module, registry, partial(importlib.import_module, module))
    return registry.get(name)


def _modules(room: ModuleType) -> list[str]:
    return sorted(found.name for found in pkgutil.iter_modules(room.__path__))


def missing_extra(extra: str | None) -> bool:
    """Say whether a package of an extra of this distribution is not installed."""
    if extra is None:
        return False
    marks = (f"extra == '{extra}'", f'extra == "{extra}"')
    try:
        wanted = metadata.requires("platform-monitor") or []
    except metadata.PackageNotFoundError:  # run from a checkout that was never installed
        return False
    names = [line for line in wanted if any(mark in line for mark in marks)]
    return not all(_is_installed(line) for line in names)


def _is_installed(requirement: str) -> bool:
    name = requirement
    for stop in "[;<>=!~ (":
        name = name.split(stop, 1)[0]
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def _guarded(name: str, registry: dict[str, Any], load: Callable[[], object]) -> list[str]:
    before = dict(registry)
    try:
        load()
    except Exception as error:  # noqa: BLE001  # a plugin may fail in any way; the others must work
        registry.clear()
        registry.update(before)
        return [f"plugin {name} cannot be imported: {type(error).__name__}: {error}"]
    taken = [key for key, cls in before.items() if registry[key] is not cls]
    registry.update(before)
    return [f"plugin {name} takes the name '{key}', which is already in use" for key in taken]
