"""``like:`` copies the keys of a sibling."""

from collections.abc import Mapping

from monitor.config.report import Report, nearest
from monitor.config.yaml_tree import Entry, Fields, Text


def resolve_likes(checks: Fields, report: Report) -> dict[str, dict[str, Entry]]:
    """Return the keys of every check that can be used, with those of its sibling below its own."""
    for fault in checks.faults:
        report.add(fault.place, fault.message)
    usable: dict[str, Fields] = {}
    for name, entry in checks.entries.items():
        if report.add_faults(entry.value, f"check '{name}'", name):
            continue
        if isinstance(entry.value, Fields):
            usable[name] = entry.value
        else:
            report.add(entry.place, f"check '{name}' must be a map of keys", check=name)
    resolved: dict[str, dict[str, Entry]] = {}
    for name in usable:
        entries = _with_siblings(name, checks, usable, report)
        if entries is not None:
            resolved[name] = entries
    return resolved


def _with_siblings(
    name: str, checks: Fields, usable: Mapping[str, Fields], report: Report
) -> dict[str, Entry] | None:
    chain = [name]
    entries = dict(usable[name].entries)
    while "like" in entries:
        like = entries.pop("like")
        sibling = like.value.text if isinstance(like.value, Text) else ""
        message = ""
        hint = None
        if sibling in chain:
            message = f"'like' goes round in a circle: {' -> '.join((*chain, sibling))}"
        elif sibling not in checks.entries:
            message = f"'like' needs a check of the same file, and '{sibling}' is none"
            hint = nearest(sibling, (other for other in checks.entries if other not in chain))
        elif sibling not in usable:
            message = f"'like' names '{sibling}', which has problems of its own"
        if message:
            report.add(like.value.place, message, suggestion=hint, check=name)
            return None
        chain.append(sibling)
        entries = {**usable[sibling].entries, **entries}
    return entries
