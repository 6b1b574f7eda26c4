"""``resources:`` of config.yaml: what has an owner, and what stands upstream of it."""

from collections.abc import Collection
from dataclasses import replace

from monitor.config.graph import find_cycles
from monitor.config.plan import Place
from monitor.config.report import Report
from monitor.config.sections import ResourceSection
from monitor.config.tree_parts import known_names, maps_in
from monitor.config.typed import Subject, construct
from monitor.config.yaml_tree import Fields, Text
from monitor.core.model import Resource


def read_resources(
    root: Fields, report: Report, maintainers: Collection[str]
) -> dict[str, Resource]:
    """Read the resources; one with problems stays by name, so that its checks still run."""
    broken: dict[str, Place] = {}
    trees = list(maps_in(root, "resources", report, broken))
    names = {*(name for name, *_ in trees), *broken}
    found = {name: Resource(name) for name in broken}
    for name, place, fields in trees:
        subject = Subject(f"resource '{name}'", place)
        section = construct(ResourceSection, fields.entries, report, subject)
        upstream = known_names(fields, "upstream", "resource", names, report)
        owner = known_owner(fields, maintainers, report)
        found[name] = (
            Resource(name, owner, upstream, section.backfill, section.links)
            if section
            else Resource(name, owner, upstream)
        )
    return _without_cycles(found, {name: place for name, place, _ in trees}, report)


def known_owner(fields: Fields, maintainers: Collection[str], report: Report) -> str | None:
    """Return the maintainer that a map names, None where it names none or an unknown one."""
    node = fields.get("maintainer")
    if not isinstance(node, Text):
        return None
    is_known = report.is_known("maintainer", node.text, maintainers, node.place)
    return node.text if is_known else None


def _without_cycles(
    found: dict[str, Resource], places: dict[str, Place], report: Report
) -> dict[str, Resource]:
    cycles = find_cycles({name: one.upstream for name, one in found.items()})
    for cycle in cycles:
        way = " -> ".join((*cycle, cycle[0]))
        report.add(places[cycle[0]], f"'upstream' goes round in a circle: {way}")
        last = found[cycle[-1]]
        kept = tuple(name for name in last.upstream if name != cycle[0])
        found[cycle[-1]] = replace(last, upstream=kept)
    return found
