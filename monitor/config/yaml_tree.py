"""YAML as a tree of raw texts with places: nothing is typed here, nothing is executed.

The tree is built from the parser's events and not with ``yaml.compose``: composing recurses in C
and dies on deep nesting, and it hides where an alias stands.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import yaml

from monitor.config.plan import Place, Problem

MAX_BYTES = 5_000_000
"""The largest file that is read."""
MAX_DEPTH = 40
"""How deep maps and lists may nest."""
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_NO_VALUE = (
    "has no value; give it one, or remove the key (a text that starts with '#' needs quotes)"
)
_HINTS = {
    "\t": "tabs cannot indent YAML; use spaces",
    "@": "a text that starts with '@' needs quotes",
    "`": "a text that starts with '`' needs quotes",
    "while scanning an alias": "a text that starts with '*' needs quotes",
    "while scanning a block scalar": "a text that starts with '>' or '|' needs quotes, "
    "and limits are written without operators",
    "%": "a text that starts with '%' needs quotes",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """Something in a tree that makes the part around it unusable."""

    place: Place
    message: str


class Text(NamedTuple):
    """A scalar as it was written; ``fault`` says why it cannot be used.

    ``is_hidden`` marks a value from the environment, which no message may show.
    """

    text: str
    place: Place
    fault: str | None = None
    is_hidden: bool = False


class Items(NamedTuple):
    """A list."""

    items: tuple["Node", ...]
    place: Place


class Entry(NamedTuple):
    """A key with the place of the key, and its value."""

    place: Place
    value: "Node"


@dataclass(frozen=True, slots=True)
class Fields:
    """A map; of keys that are written twice the first one counts, ``faults`` names the others."""

    entries: dict[str, Entry]
    place: Place
    faults: tuple[Fault, ...] = ()

    def get(self, key: str) -> "Node | None":
        """Return the value of a key, or None."""
        entry = self.entries.get(key)
        return entry.value if entry else None

    def place_of(self, key: str) -> Place:
        """Return where a key stands; the place of the map for a key that is absent."""
        entry = self.entries.get(key)
        return entry.place if entry else self.place


Node: TypeAlias = Text | Items | Fields


class YamlError(Exception):
    """A file that is no YAML, with the problem to report."""

    def __init__(self, problem: Problem) -> None:
        """Keep the problem."""
        super().__init__(str(problem))
        self.problem = problem


def read_tree(text: str, file: str) -> Fields:
    """Build the tree of a file whose root is a map; an empty file is an empty map.

    Raise YamlError for what is no YAML, too deep, no map, or more than one document.
    """
    loader = yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader
    builder = _Builder(file)
    try:
        builder.read(loader(text))
    except yaml.MarkedYAMLError as error:
        raise YamlError(_syntax_problem(error, text, file)) from None
    except yaml.YAMLError as error:
        message = str(error).splitlines()[0]
        raise YamlError(Problem(Place(file, 1, 1), f"no YAML: {message}")) from None
    root = builder.root
    if root is None or (isinstance(root, Text) and root.fault):
        return Fields({}, Place(file, 1, 1))
    if not isinstance(root, Fields):
        raise YamlError(Problem(root.place, "the file must hold a map of keys"))
    return root


def faults_of(node: Node, name: str = "the value") -> Iterator[Fault]:
    """Go through everything that is wrong in a tree and below."""
    if isinstance(node, Text):
        if node.fault is not None:
            yield Fault(node.place, f"{name} {node.fault}")
    elif isinstance(node, Items):
        for item in node.items:
            yield from faults_of(item, "the item")
    else:
        yield from node.faults
        for key, entry in node.entries.items():
            for fault in faults_of(entry.value, f"'{key}'"):
                is_own = fault.place == entry.value.place and isinstance(entry.value, Text)
                yield Fault(entry.place, fault.message) if is_own else fault


def plain(node: Node) -> Any:
    """Return the tree as texts, lists and dictionaries."""
    if isinstance(node, Text):
        return node.text
    if isinstance(node, Items):
        return [plain(item) for item in node.items]
    return {key: plain(entry.value) for key, entry in node.entries.items()}


@dataclass(slots=True)
class _Open:
    """A list or map that has not ended yet."""

    place: Place
    is_map: bool
    items: list[Node] = field(default_factory=list)
    entries: dict[str, Entry] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    key: Text | None = None

    def add(self, node: Node) -> None:
        key = self.key
        if not self.is_map:
            self.items.append(node)
        elif key is None:
            self.key = node if type(node) is Text else self._no_key(node)
        else:
            self.key = None
            if key.text in self.entries:
                first = self.entries[key.text].place
                message = f"'{key.text}' is written twice; the first one is at {first}"
                self.faults.append(Fault(key.place, message))
            else:
                self.entries[key.text] = Entry(key.place, node)

    def _no_key(self, node: Node) -> Text:
        self.faults.append(Fault(node.place, "a key must be a text, not a list or a map"))
        return Text("", node.place)

    def close(self) -> Node:
        if self.is_map:
            return Fields(self.entries, self.place, tuple(self.faults))
        return Items(tuple(self.items), self.place)


class _Builder:
    """Turns events into nodes with a stack of its own."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.root: Node | None = None
        self.open: list[_Open] = []

    def read(self, events: Any) -> None:
        """Take all events of a parser. This loop is most of the time that a load takes."""
        next_event, file, stack = events.get_event, self.file, self.open
        while (event := next_event()) is not None:
            if type(event) is not yaml.ScalarEvent:
                self._take(event)
                continue
            mark: Any = event.start_mark
            text = Text(event.value, Place(file, mark.line + 1, mark.column + 1))
            if event.tag is not None or (event.value in _NULLS and not event.style):
                text = text._replace(fault=_fault_of(event))
            if stack:
                stack[-1].add(text)
            else:
                self.root = text

    def _take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            if len(self.open) >= MAX_DEPTH:
                self._refuse(event, f"maps and lists nest deeper than {MAX_DEPTH} levels")
            is_map = isinstance(event, yaml.MappingStartEvent)
            self.open.append(_Open(self._place(event), is_map))
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            self._add(self.open.pop().close())
        elif isinstance(event, yaml.AliasEvent):
            fault = f"uses the YAML alias *{event.anchor}; use 'like:' or 'defaults:' instead"
            self._add(Text("", self._place(event), fault))
        elif isinstance(event, yaml.DocumentStartEvent) and self.root is not None:
            self._refuse(event, "the file holds a second document; remove the '---' line")

    def _add(self, node: Node) -> None:
        if self.open:
            self.open[-1].add(node)
        else:
            self.root = node

    def _place(self, event: yaml.Event) -> Place:
        mark = event.start_mark
        assert mark is not None  # the parser of a text always knows where it is
        return Place(self.file, mark.line + 1, mark.column + 1)

    def _refuse(self, event: yaml.Event, message: str) -> None:
        raise YamlError(Problem(self._place(event), message))


def _fault_of(event: yaml.ScalarEvent) -> str:
    if event.tag is not None:
        return f"uses the YAML tag {event.tag}; tags are not supported"
    return _NO_VALUE


def _syntax_problem(error: yaml.MarkedYAMLError, text: str, file: str) -> Problem:
    mark = error.problem_mark
    line, column = 0, 0
    if mark is not None:
        line, column = mark.line, mark.column
    message = f"YAML syntax: {error.problem}"
    lines = text.split("\n")
    near = lines[line][column : column + 1] if line < len(lines) else ""
    hint = _HINTS.get(str(error.context)) or _HINTS.get(near)
    return Problem(Place(file, line + 1, column + 1), f"{message}; {hint}" if hint else message)
