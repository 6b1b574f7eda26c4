"""Reading parts of a tree whose shape is fixed: texts, maps of maps, lists of names."""

from collections.abc import Iterable, Iterator

from monitor.config.plan import Place
from monitor.config.report import Report
from monitor.config.yaml_tree import Fields, Items, Node, Text


def text_of(root: Fields, key: str, report: Report) -> str | None:
    """Return the text under a key, None where it is absent; anything else ends the load."""
    entry = root.entries.get(key)
    if entry is None:
        return None
    if report.add_faults(entry.value, f"'{key}'"):
        report.is_fatal = True
        return None
    if not isinstance(entry.value, Text):
        report.add(entry.place, f"'{key}' must be a text", is_fatal=True)
        return None
    return entry.value.text


def map_at(root: Fields, key: str, report: Report) -> Fields | None:
    """Return the map under a key; None where it is absent, or after reporting what it is."""
    node = root.get(key)
    if node is None or isinstance(node, Fields):
        return node
    if not report.add_faults(node, f"'{key}'"):
        report.add(root.place_of(key), f"'{key}' must be a map")
    return None


def texts_in(node: Node) -> Iterator[Text]:
    """Go through the texts of a list; nothing for what is no list."""
    if isinstance(node, Items):
        yield from (item for item in node.items if isinstance(item, Text))


def maps_in(
    root: Fields, key: str, report: Report, broken: dict[str, Place]
) -> Iterator[tuple[str, Place, Fields]]:
    """Go through a map of maps: name, place of the name, and the map.

    What is no map or has faults is reported, noted in ``broken`` and left out.
    """
    section = root.entries.get(key)
    if section is None:
        return
    if not isinstance(section.value, Fields):
        report.add(section.place, f"'{key}' must be a map of names")
        return
    for fault in section.value.faults:
        report.add(fault.place, fault.message)
    for name, entry in section.value.entries.items():
        is_faulty = report.add_faults(entry.value, f"'{name}'")
        if not is_faulty and isinstance(entry.value, Fields):
            yield name, entry.place, entry.value
            continue
        broken[name] = entry.place
        if not is_faulty:
            report.add(entry.place, f"'{name}' in '{key}' must be a map of keys")


def known_names(
    fields: Fields, key: str, what: str, known: Iterable[str], report: Report
) -> tuple[str, ...]:
    """Return the names of the list under a key that are known; report the others at their place."""
    node = fields.get(key)
    if not isinstance(node, Items):
        return ()
    names = tuple(known)
    texts = [item for item in node.items if isinstance(item, Text)]
    return tuple(item.text for item in texts if report.is_known(what, item.text, names, item.place))


def known_name(
    fields: Fields, key: str, what: str, known: Iterable[str], report: Report
) -> str | None:
    """Return the name under a key if it is known; report an unknown one at its place."""
    node = fields.get(key)
    if not isinstance(node, Text) or not report.is_known(what, node.text, known, node.place):
        return None
    return node.text
