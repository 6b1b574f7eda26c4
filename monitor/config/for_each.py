"""``for_each:`` makes many checks from one, with values that are written or that a query finds."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple, TypeAlias

from monitor.config.plan import Place
from monitor.config.report import Report, nearest
from monitor.config.yaml_tree import Entry, Fields, Items, Node, Text

MAX_EACH = 1000
"""The most checks that one ``for_each`` makes."""
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_HOLE = re.compile(r"\{\{\s*([A-Za-z_]\w*)\s*\}\}")
_RESERVED = frozenset({"since", "value"})
_WINDOW = frozenset({"since", "until"})
_QUERY_KEYS = {"source", "query"}
_FORM = "must be a list of texts, or {source: ..., query: ...}"


class Found(NamedTuple):
    """What a query found; None says that nobody may be asked now.

    ``fault`` says what was amiss. Where it ``is_wrong``, somebody has to mend something; otherwise
    it is only worth knowing, and there are values all the same.
    """

    values: tuple[str, ...] | None
    fault: str = ""
    is_wrong: bool = False


Find: TypeAlias = Callable[[str, str], Found]
"""Ask a source by name for the values of a query. Raise LookupError for one that does not exist."""


@dataclass(frozen=True, slots=True)
class Made:
    """One check that a definition makes.

    ``is_sample`` says that its values were made up, because nobody may be asked now: it is
    checked, and never run.
    """

    id: str
    entries: Mapping[str, Entry]
    values: Mapping[str, str]
    is_sample: bool = False


@dataclass(slots=True)
class _Each:
    """The values of each name."""

    values: dict[str, tuple[str, ...]]
    is_sample: bool = False


def expand(
    written: str,
    place: Place,
    entries: Mapping[str, Entry],
    report: Report,
    find: Find,
) -> Iterator[Made]:
    """Go through the checks that one definition makes: id and keys with the names filled in."""
    own = {key: entry for key, entry in entries.items() if key != "for_each"}
    entry = entries.get("for_each")
    if entry is None:
        misspelt = nearest("for_each", entries) if _HOLE.search(written) else None
        if misspelt is not None:
            message = f"unknown key '{misspelt}' in check '{written}'"
            place = entries[misspelt].place
            report.add(place, message, suggestion="for_each", check=written)
            return
        each = _Each({})
    else:
        found = _each(written, entry, report, find)
        if found is None:
            return
        each = found
    if not each.values and _ID.fullmatch(written):
        yield Made(written, own, {})
        return
    for choice in product(*each.values.values()):
        values = dict(zip(each.values, choice, strict=True))
        made = fill(written, values)
        if _ID.fullmatch(made) is None:
            message = f"'{made}' is no id of a check; use letters, digits, '.', '_' and '-'"
            report.add(place, message, check=made)
            continue
        filled = {k: Entry(e.place, _filled(e.value, values)) for k, e in own.items()}
        yield Made(made, filled if values else own, values, each.is_sample)


def fill(text: str, values: Mapping[str, str]) -> str:
    """Put values into the places of their names; other names stay."""
    return _HOLE.sub(lambda hole: values.get(hole.group(1), hole.group(0)), text)


def unfilled(text: str) -> tuple[str, ...]:
    """Return the names in a query that nothing fills: its source knows only the window."""
    if "{{" not in text:
        return ()
    return tuple(name for name in dict.fromkeys(_HOLE.findall(text)) if name not in _WINDOW)


def asks(entries: Mapping[str, Entry]) -> bool:
    """Say whether a definition finds values by a query."""
    entry = entries.get("for_each")
    if entry is None or not isinstance(entry.value, Fields):
        return False
    return any(isinstance(each.value, Fields) for each in entry.value.entries.values())


def _each(written: str, each: Entry, report: Report, find: Find) -> _Each | None:
    """Return the values of each name; None after reporting why there are none."""
    node = each.value
    if not isinstance(node, Fields) or not node.entries:
        message = "'for_each' must be a map of names and lists, as {model: [ctr, cvr]}"
        report.add(each.place, message, check=written)
        return None
    found = _Each({})
    count = 1
    for name, entry in node.entries.items():
        message = _why_no_name(name, written)
        got = Found((), message, is_wrong=True) if message else _values(name, entry, find)
        if got.fault:
            tell = report.add if got.is_wrong else report.warn
            tell(entry.place, got.fault, check=written)
        if got.values == ():
            return None
        found.is_sample = found.is_sample or got.values is None
        found.values[name] = got.values or (name,)
        count *= len(found.values[name])
    if count > MAX_EACH:
        message = f"'for_each' makes {count} checks; the most is {MAX_EACH}"
        report.add(each.place, message, check=written)
        return None
    return found


def _why_no_name(name: str, written: str) -> str:
    if name in _RESERVED:
        return f"'{name}' in 'for_each' is a name that queries use; take another"
    if name not in _HOLE.findall(written):
        return f"the id '{written}' must contain {{{{ {name} }}}}, or the checks share it"
    return ""


def _values(name: str, entry: Entry, find: Find) -> Found:
    node = entry.value
    if isinstance(node, Fields):
        source, query = _text(node, "source"), _text(node, "query")
        if node.entries.keys() != _QUERY_KEYS or source is None or query is None:
            return _wrong(name, _FORM)
        try:
            found = find(source, query)
        except LookupError:
            return _wrong(name, f"asks the source '{source}', which is not defined")
        return found._replace(fault=_about(name, found.fault)) if found.fault else found
    items = node.items if isinstance(node, Items) else ()
    texts = tuple(item.text for item in items if isinstance(item, Text))
    if not texts or len(texts) != len(items):
        return _wrong(name, _FORM)
    if len(set(texts)) < len(texts):
        return _wrong(name, "holds a value twice")
    return Found(texts)


def _wrong(name: str, what: str) -> Found:
    return Found((), _about(name, what), is_wrong=True)


def _about(name: str, what: str) -> str:
    return f"'{name}' in 'for_each' {what}"


def _text(fields: Fields, key: str) -> str | None:
    node = fields.get(key)
    return node.text if isinstance(node, Text) else None


def _filled(node: Node, values: Mapping[str, str]) -> Node:
    if not values:
        return node
    if isinstance(node, Text):
        return Text(fill(node.text, values), node.place, node.fault)
    if isinstance(node, Items):
        return Items(tuple(_filled(item, values) for item in node.items), node.place)
    filled = {key: Entry(e.place, _filled(e.value, values)) for key, e in node.entries.items()}
    return Fields(filled, node.place, node.faults)
