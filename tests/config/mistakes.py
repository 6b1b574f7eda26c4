"""Mistakes as people make them, put into files of checks that are right."""

import random
import re
import string
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from monitor.api.check import KINDS
from monitor.config.plan import Place
from monitor.config.sections import CommonSection
from monitor.config.yaml_tree import Entry, Fields, Items, Text, read_tree

Files: TypeAlias = Mapping[str, str]
Path: TypeAlias = tuple[str, ...]

NAMES = {"kind", "source", "maintainer", "resource", "bad", "grain"}
DURATIONS = re.compile(r"(\d+)(ms|s|m|h|d|w)")
LONGER = {"ms": "msec", "s": "sec", "m": "min", "h": "hours", "d": "days", "w": "weeks"}
FREE = {"labels", "for_each", "links"}
NUMBERS = {"min_value", "max", "report", "false_alarms_per_month"}
CHECK = 2
"""How deep a check stands: checks, its id."""


@dataclass(frozen=True)
class Mistake:
    """One file with one mistake: the line that must be named, and the text that was meant.

    ``meant`` is None where no nearest name exists that would be right.
    """

    what: str
    file: str
    text: str
    line: int
    meant: str | None = None

    def __str__(self) -> str:
        """Write what the test says when the mistake is accepted."""
        return f"{self.what}: {self.file}:{self.line}: {self.text.splitlines()[self.line - 1]}"


def mistakes(files: Files, seed: int) -> Iterator[Mistake]:
    """Go through mistakes without end, each kind as often as the others."""
    draw = random.Random(seed)  # noqa: S311  # mistakes, no secrets
    makers: tuple[Callable[[str, str, random.Random], Mistake | None], ...] = (
        misspelt_key,
        misspelt_name,
        wrong_unit,
        wrong_type,
        undefined_name,
        wrong_nesting,
        duplicate_id,
    )
    names = sorted(files)
    while True:
        for maker in makers:
            made = None
            while made is None:
                name = draw.choice(names)
                made = maker(name, files[name], draw)
            yield made


def misspelt_key(file: str, text: str, draw: random.Random) -> Mistake | None:
    path, entry = draw.choice(entries(text, file))
    if len(path) <= CHECK or FREE & set(path[:-1]) or len(path[-1]) < 3:
        return None
    key = path[-1]
    typo = misspell(key, draw)
    if typo in known_keys():
        return None
    return Mistake("misspelt key", file, put(text, entry.place, key, typo), entry.place.line, key)


def misspelt_name(file: str, text: str, draw: random.Random) -> Mistake | None:
    path, entry = draw.choice(entries(text, file))
    if path[-1] not in NAMES or not isinstance(entry.value, Text) or len(path) > CHECK + 2:
        return None
    name = entry.value.text
    place = entry.value.place
    typo = misspell(name, draw)
    return Mistake("misspelt name", file, put(text, place, name, typo), place.line, name)


def wrong_unit(file: str, text: str, draw: random.Random) -> Mistake | None:
    _, entry = draw.choice(entries(text, file))
    if not isinstance(entry.value, Text):
        return None
    right, place = entry.value.text, entry.value.place
    duration = DURATIONS.fullmatch(right)
    if duration is not None:
        number, unit = duration.groups()
        wrong = draw.choice([f"{number}{LONGER[unit]}", f"{number} {LONGER[unit]}"])
    elif re.fullmatch(r"\d+%", right):
        wrong = draw.choice([right[:-1], f"{right[:-1]} percent", f"{right[:-1]}pct"])
    else:
        return None
    return Mistake("wrong unit", file, put(text, place, right, wrong), place.line, right)


def wrong_type(file: str, text: str, draw: random.Random) -> Mistake | None:
    path, entry = draw.choice(entries(text, file))
    value, place = entry.value, entry.value.place
    if len(path) != CHECK + 1 and path[-1] not in NUMBERS:
        return None
    if path[-1] in NUMBERS and isinstance(value, Text):
        return Mistake("wrong type", file, put(text, place, value.text, "many"), place.line)
    if isinstance(value, Text) and path[-1] not in {"warn", "page", "cron", "query"}:
        wrong = f"[{value.text}]"
        return Mistake("wrong type", file, put(text, place, value.text, wrong), place.line)
    if isinstance(value, Fields | Items) and path[-1] not in FREE:
        lines = text.splitlines(keepends=True)
        line = lines[place.line - 1]
        start = place.column - 1
        if line[start] not in "[{" or not line.startswith(f"    {path[-1]}:"):
            return None
        lines[place.line - 1] = f"{line[:start]}perhaps\n"
        return Mistake("wrong type", file, "".join(lines), place.line)
    return None


def undefined_name(file: str, text: str, draw: random.Random) -> Mistake | None:
    path, entry = draw.choice(entries(text, file))
    if path[-1] not in NAMES or not isinstance(entry.value, Text):
        return None
    place, name = entry.value.place, entry.value.text
    return Mistake("undefined name", file, put(text, place, name, "zzyzx-9"), place.line)


def wrong_nesting(file: str, text: str, draw: random.Random) -> Mistake | None:
    """Put a key of a check into a map of it, to the left margin, or deeper than its neighbours."""
    path, entry = draw.choice(entries(text, file))
    lines = text.splitlines(keepends=True)
    line = lines[entry.place.line - 1]
    if len(path) != CHECK + 1 or not line.startswith(f"    {path[-1]}:"):
        return None
    way = draw.choice(["into", "left", "deeper"])
    if way == "into" and line.rstrip().endswith("}") and isinstance(entry.value, Fields):
        lines[entry.place.line - 1] = line.rstrip()[:-1] + ", description: x}\n"
    elif way == "left" and isinstance(entry.value, Text):
        last = lines[-1] if lines[-1].endswith("\n") else lines[-1] + "\n"
        moved = [*lines[: entry.place.line - 1], *lines[entry.place.line : -1], last, line.lstrip()]
        if entry.place.line == len(lines):
            moved = [*lines[:-1], line.lstrip()]
        if path[-1] in {"kind", "query", "table", "histogram", "warn", "page"}:
            return None  # then the check lacks it, and that is the first thing to say
        return Mistake("wrong nesting", file, "".join(moved), len(moved))
    elif way == "deeper" and entry.place.line > 1 and isinstance(entry.value, Text):
        before = lines[entry.place.line - 2]
        if not re.match(r"    \w+: [^{\[|>]", before):
            return None
        lines[entry.place.line - 1] = f"  {line}"
    else:
        return None
    return Mistake("wrong nesting", file, "".join(lines), entry.place.line)


def duplicate_id(file: str, text: str, draw: random.Random) -> Mistake | None:
    found = [
        (path, entry)
        for path, entry in entries(text, file)
        if len(path) == CHECK and path[0] == "checks"
    ]
    path, entry = draw.choice(found)
    added = "" if text.endswith("\n") else "\n"
    keys = "{kind: threshold, source: kpi, query: select 1, warn: 1}"
    more = f"{text}{added}  {path[-1]}: {keys}\n"
    if "for_each" in text.splitlines()[entry.place.line]:
        return None
    return Mistake("duplicate id", file, more, len(more.splitlines()))


def entries(text: str, file: str) -> list[tuple[Path, Entry]]:
    """Return every key of a file with the keys above it."""
    return list(_below(read_tree(text, file), ()))


def _below(node: Fields, above: Path) -> Iterator[tuple[Path, Entry]]:
    for key, entry in node.entries.items():
        path = (*above, key)
        yield path, entry
        if isinstance(entry.value, Fields):
            yield from _below(entry.value, path)


def known_keys() -> set[str]:
    """Return every key that some check may have somewhere."""
    own = {name for cls in KINDS.values() for name in cls.model_fields}
    measures = {name for cls in KINDS.values() for name in cls.measures}
    return own | measures | set(CommonSection.model_fields) | {"by", "for", "warn", "page", "like"}


def misspell(word: str, draw: random.Random) -> str:
    """Swap, drop, double or mistake one letter."""
    at = draw.randrange(1, len(word) - 1) if len(word) > 2 else 0
    wrong = draw.choice(
        [
            word[:at] + word[at + 1 :],
            word[:at] + word[at] + word[at:],
            word[:at] + word[at + 1 : at + 2] + word[at] + word[at + 2 :],
            word[:at] + draw.choice(string.ascii_lowercase) + word[at + 1 :],
        ]
    )
    return wrong if wrong != word else misspell(word, draw)


def put(text: str, place: Place, old: str, new: str) -> str:
    """Write something else at a place, in the quotes that were there."""
    lines = text.splitlines(keepends=True)
    line, at = lines[place.line - 1], place.column - 1
    at += line[at] in "\"'"
    assert line[at:].startswith(old), (line, at, old)
    lines[place.line - 1] = line[:at] + new + line[at + len(old) :]
    return "".join(lines)
