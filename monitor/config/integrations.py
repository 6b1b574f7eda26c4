"""``sources:`` and ``receivers:`` of config.yaml: ``type`` picks the class, the rest its fields."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from monitor.api.errors import MissingExtraError
from monitor.api.receiver import RECEIVERS, Receiver
from monitor.api.source import SOURCES, Source
from monitor.config.plan import Place
from monitor.config.plugins import find_plugin, missing_extra
from monitor.config.report import Report, nearest
from monitor.config.resources import known_owner
from monitor.config.sections import SlackSection
from monitor.config.tree_parts import maps_in
from monitor.config.typed import Subject, construct
from monitor.config.yaml_tree import Entry, Fields, Text
from monitor.sources.pings import PINGS

_M = TypeVar("_M", bound=BaseModel)


def read_sources(
    root: Fields, report: Report, failed: Sequence[str]
) -> tuple[dict[str, Source], dict[str, Place]]:
    """Read ``sources:``: those that work, and the places of those that do not."""
    made: dict[str, Source] = {}
    broken: dict[str, Place] = {}
    for name, place, fields in maps_in(root, "sources", report, broken):
        if name == PINGS:
            report.add(place, f"the source '{PINGS}' is built in; take another name")
            continue
        cls = _type_of("monitor.sources", fields)
        types = {one: known for one, known in SOURCES.items() if one != PINGS}
        source = _build(
            cls,
            Subject(f"source '{name}'", place),
            name,
            fields,
            report,
            types=types,
            failed=failed,
        )
        if source is None:
            broken[name] = place
        else:
            made[name] = source
    return made, broken


def disown_strangers(
    root: Fields, sources: Mapping[str, Source], maintainers: Collection[str], report: Report
) -> dict[str, Source]:
    """Return the sources; one that names an unknown maintainer is left to on-call."""
    owned = dict(sources)
    for name, _, fields in maps_in(root, "sources", report, {}):
        if name in owned and known_owner(fields, maintainers, report) is None:
            owned[name] = owned[name].model_copy(update={"maintainer": None})
    return owned


def read_receivers(
    root: Fields, report: Report, failed: Sequence[str], templates: Path | None = None
) -> tuple[dict[str, Receiver], dict[str, Place]]:
    """Read ``receivers:`` with the defaults of ``slack:``, as ``read_sources``.

    All of them write times in the zone of the configuration and use its folder of templates.
    """
    made: dict[str, Receiver] = {}
    broken: dict[str, Place] = {}
    defaults = _slack(root, report)
    shared = _shared(root, templates)
    for name, place, fields in maps_in(root, "receivers", report, broken):
        subject = Subject(f"receiver '{name}'", place)
        cls = _type_of("monitor.receivers", fields)
        full = _with_shared(_with_defaults(fields, defaults), shared, cls)
        receiver = _build(cls, subject, name, full, report, types=RECEIVERS, failed=failed)
        if receiver is None:
            broken[name] = place
        else:
            made[name] = receiver
    return made, broken


def _slack(root: Fields, report: Report) -> Mapping[str, Entry]:
    node = root.get("slack")
    if node is None:
        return {}
    place = root.place_of("slack")
    if not isinstance(node, Fields):
        report.add(place, "'slack' must be a map of keys")
        return {}
    if report.add_faults(node):
        return {}
    return (
        node.entries
        if construct(SlackSection, node.entries, report, Subject("slack", place))
        else {}
    )


def _with_defaults(fields: Fields, defaults: Mapping[str, Entry]) -> Fields:
    word = fields.get("type")
    if not isinstance(word, Text) or word.text != "slack" or "slack" not in RECEIVERS:
        return fields
    known = RECEIVERS["slack"].model_fields
    fitting = {key: entry for key, entry in defaults.items() if key in known}
    return replace(fields, entries={**fitting, **fields.entries})


def _shared(root: Fields, templates: Path | None) -> Mapping[str, Entry]:
    """Gather what config.yaml says once for all receivers."""
    found = {key: entry for key, entry in root.entries.items() if key == "timezone"}
    if templates is not None:
        place = root.place_of("templates")
        found["templates"] = Entry(place, Text(str(templates), place))
    return found


def _type_of(group: str, fields: Fields) -> Any:
    """Return the class that ``type`` names; None where there is none."""
    word = fields.get("type")
    return find_plugin(group, word.text) if isinstance(word, Text) else None


def _with_shared(fields: Fields, shared: Mapping[str, Entry], cls: type[Receiver] | None) -> Fields:
    """Lay the shared settings below a receiver's own, those that its type knows."""
    known = cls.model_fields if cls else {}
    fitting = {key: entry for key, entry in shared.items() if key in known}
    return replace(fields, entries={**fitting, **fields.entries})


def _needs_type(
    subject: Subject, fields: Fields, report: Report, types: Mapping[str, object]
) -> None:
    """Say that the type is missing: where it is written wrong, otherwise where it should be."""
    needs = f"{subject.name} needs the key 'type', one of: {', '.join(sorted(types))}"
    entry = fields.entries.get("type")
    if entry is not None:
        report.add(entry.place, needs)
        return
    meant = nearest("type", fields.entries)
    if meant is None:
        report.add(subject.place, needs)
        return
    message = f"unknown key '{meant}' in {subject.name}: {needs}"
    report.add(fields.entries[meant].place, message, suggestion="type")


def _build(
    cls: type[_M] | None,
    subject: Subject,
    name: str,
    fields: Fields,
    report: Report,
    *,
    types: Mapping[str, type[_M]],
    failed: Sequence[str],
) -> _M | None:
    """Build one by its ``type``; None after reporting why not."""
    word = fields.get("type")
    if not isinstance(word, Text):
        _needs_type(subject, fields, report, types)
        return None
    if cls is None or word.text not in types:
        message = f"unknown type '{word.text}' of {subject.name}{why_failed(word.text, failed)}"
        report.add(word.place, message, suggestion=nearest(word.text, types))
        return None
    extra = getattr(cls, "extra", None)
    if missing_extra(extra):
        report.add(word.place, str(MissingExtraError(subject.name, str(extra))))
        return None
    entries = {key: entry for key, entry in fields.entries.items() if key != "type"}
    return construct(cls, entries, report, replace(subject, known=("type",)), {"name": name})


def why_failed(word: str, failed: Sequence[str]) -> str:
    """Return why the plugin of this name could not be imported; empty where none failed."""
    lines = [line for line in failed if f" {word} " in line or f".{word} " in line]
    return f": {lines[0]}" if lines else ""
