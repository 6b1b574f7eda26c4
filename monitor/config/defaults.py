"""Defaults of checks: of the configuration, of folders, of a file; the nearer ones win."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from monitor.config.report import Report, nearest
from monitor.config.yaml_tree import Entry, Fields

DEFAULT_KEYS = (
    "kind",
    "source",
    "resource",
    "maintainer",
    "every",
    "cron",
    "after",
    "wake",
    "keep_firing_for",
    "critical",
    "batch",
    "runbook",
    "labels",
    "enabled",
    "timezone",
    "timeout",
    "slices",
)


@dataclass(frozen=True, slots=True)
class Defaults:
    """Keys that a check has unless it says otherwise; ``is_doomed`` says that some are wrong."""

    entries: Mapping[str, Entry] = field(default_factory=dict)
    is_doomed: bool = False

    def below(self, other: "Defaults") -> "Defaults":
        """Return these with nearer ones laid over them."""
        return Defaults({**self.entries, **other.entries}, self.is_doomed or other.is_doomed)


def read_defaults(node: Fields, name: str, report: Report) -> Defaults:
    """Read a map of defaults; what is wrong is reported and dooms what they reach."""
    before = report.count
    report.add_faults(node)
    for key, entry in node.entries.items():
        if key not in DEFAULT_KEYS:
            message = f"unknown key '{key}' in {name}"
            report.add(entry.place, message, suggestion=nearest(key, DEFAULT_KEYS))
    entries = {key: entry for key, entry in node.entries.items() if key in DEFAULT_KEYS}
    return Defaults(entries, report.count > before)


def defaults_at(root: Fields, of: str, report: Report) -> Defaults:
    """Read the ``defaults:`` of a file; none at all are fine."""
    entry = root.entries.get("defaults")
    if entry is None:
        return Defaults()
    if isinstance(entry.value, Fields):
        return read_defaults(entry.value, f"the defaults of {of}", report)
    if not report.add_faults(entry.value, "'defaults'"):
        report.add(entry.place, "'defaults' must be a map")
    return Defaults(is_doomed=True)
