"""``like:`` copies the keys of a sibling, ``for_each:`` makes many checks from one."""

import re
from collections.abc import Iterator, Mapping
from itertools import product

from monitor.config.plan import Place
from monitor.config.report import Report, nearest
from monitor.config.yaml_tree import Entry, Fields, Items, Node, Text

MAX_EACH = 1000
"""The most checks that one ``for_each`` makes."""
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_HOLE = re.compile(r"\{\{\s*([A-Za-z_]\w*)\s*\}\}")
_RESERVED = frozenset({"since", "value"})


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


def expand(
    written: str, place: Place, entries: Mapping[str, Entry], report: Report
) -> Iterator[tuple[str, dict[str, Entry]]]:
    """Go through the checks that one definition makes: id and keys with the names filled in."""
    own = {key: entry for key, entry in entries.items() if key != "for_each"}
    each = entries.get("for_each")
    names = _each(written, each, report) if each is not None else {}
    if names is None:
        return
    for choice in product(*names.values()):
        values = dict(zip(names, choice, strict=True))
        made = _fill(written, values)
        if _ID.fullmatch(made) is None:
            message = f"'{made}' is no id of a check; use letters, digits, '.', '_' and '-'"
            report.add(place, message, check=made)
            continue
        yield made, {key: Entry(e.place, _filled(e.value, values)) for key, e in own.items()}


def _each(written: str, each: Entry, report: Report) -> dict[str, list[str]] | None:
    """Return the values of each name; None after reporting why there are none."""
    message = _why_not(written, each.value)
    if message:
        report.add(each.place, message, check=written)
        return None
    assert isinstance(each.value, Fields)
    return {name: _texts(entry.value) for name, entry in each.value.entries.items()}


def _why_not(written: str, node: Node) -> str:
    """Return what is wrong with a ``for_each``; empty when nothing is."""
    if not isinstance(node, Fields) or not node.entries:
        return "'for_each' must be a map of names and lists, as {model: [ctr, cvr]}"
    count = 1
    for name, entry in node.entries.items():
        values = _texts(entry.value)
        wrong = _why_no_list(name, values, written)
        if wrong:
            return wrong
        count *= len(values)
    if count > MAX_EACH:
        return f"'for_each' makes {count} checks; the most is {MAX_EACH}"
    return ""


def _texts(node: Node) -> list[str]:
    """Return the texts of a list; nothing for what is no list of texts."""
    items = node.items if isinstance(node, Items) else ()
    texts = [item.text for item in items if isinstance(item, Text)]
    return texts if len(texts) == len(items) else []


def _why_no_list(name: str, values: list[str], written: str) -> str:
    if not values:
        return f"'{name}' in 'for_each' must be a list of texts; queries are not supported yet"
    if len(set(values)) < len(values):
        return f"'{name}' in 'for_each' holds a value twice"
    if name in _RESERVED:
        return f"'{name}' in 'for_each' is a name that queries use; take another"
    if name not in _HOLE.findall(written):
        return f"the id '{written}' must contain {{{{ {name} }}}}, or the checks share it"
    return ""


def _fill(text: str, values: Mapping[str, str]) -> str:
    return _HOLE.sub(lambda hole: values.get(hole.group(1), hole.group(0)), text)


def _filled(node: Node, values: Mapping[str, str]) -> Node:
    if not values:
        return node
    if isinstance(node, Text):
        return Text(_fill(node.text, values), node.place, node.fault)
    if isinstance(node, Items):
        return Items(tuple(_filled(item, values) for item in node.items), node.place)
    filled = {key: Entry(e.place, _filled(e.value, values)) for key, e in node.entries.items()}
    return Fields(filled, node.place, node.faults)
