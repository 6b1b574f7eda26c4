"""Reading SQL as far as merging needs it: words, aggregate calls, names and conditions.

Only what is certain is read, in words and signs that mean the same everywhere.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

_TOKEN = re.compile(
    r"""\s*(?:(?P<word>[A-Za-z_][A-Za-z_0-9]*)|(?P<number>[0-9]+(?:\.[0-9]+)?)"""
    r"""|(?P<text>'(?:[^'\\]|'')*')|(?P<name>"[^"\\]+")"""
    r"""|(?P<sign><=|>=|<>|!=|\|\||[-+*/%(),.<>=]))"""
)
_COMMENT = re.compile(r"--|/\*")
ALIAS = re.compile(r"[a-z_][a-z0-9_]*")
AGGREGATES = frozenset({"count", "sum", "avg", "min", "max"})
ADDS = frozenset({"sum", "avg"})
AROUND = frozenset(
    ("coalesce nullif round abs cast as double precision real integer bigint decimal null").split()  # noqa: SIM905  # a list of forty would fill a page
)
"""Words that may stand around aggregates in one scan with others: none of them names a column."""

_WORDS = """
select with group order having limit offset fetch union intersect except over window join natural
cross left right inner outer full using on lateral unnest tablesample for into qualify exists any
some all within values table returning connect start
"""
"""Words after which a statement may have another number of rows, or another table."""
NEVER = frozenset(_WORDS.split())


class Token(NamedTuple):
    """A piece of a text: what it is, what it says, where it begins and ends, how deep it lies."""

    kind: str
    text: str
    start: int
    end: int
    depth: int

    @property
    def low(self) -> str:
        """The word in small letters; of a text in quotes, nothing that could be a word."""
        return self.text.lower() if self.kind in {"word", "sign"} else ""


@dataclass(frozen=True, slots=True)
class Equal:
    """A condition ``column = literal``."""

    column: str
    literal: str

    def __str__(self) -> str:
        """Write it as it was read."""
        return f"{self.column} = {self.literal}"


def tokens_of(text: str) -> list[Token] | None:
    """Cut a text into tokens; None where something in it is not known for certain."""
    if _COMMENT.search(text) is not None:
        return None
    found: list[Token] = []
    text = text.rstrip()
    depth = place = 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None or match.lastgroup is None:
            return None
        kind, place = match.lastgroup, match.end()
        word = match[kind]
        depth -= word == ")"
        if depth < 0:
            return None
        found.append(Token(kind, word, match.start(kind), place, depth))
        depth += word == "("
    return None if depth else found


def calls_of(tokens: Sequence[Token]) -> Iterator[tuple[int, int]]:
    """Find aggregate calls, as places of their names and of the brackets that end them."""
    for n, token in enumerate(tokens[:-1]):
        if token.kind != "word" or token.low not in AGGREGATES or tokens[n + 1].text != "(":
            continue
        if n and tokens[n - 1].text == ".":
            continue
        depth = tokens[n + 1].depth
        last = next(m for m in range(n + 2, len(tokens)) if tokens[m].depth == depth)
        inside = tokens[n + 2 : last]
        # `max(a, b)` compares two columns in SQLite: it is no aggregate.
        if inside and all(one.text != "," or one.depth > depth + 1 for one in inside):
            yield n, last


def is_name(tokens: Sequence[Token]) -> bool:
    """Say whether tokens are the name of a table, with or without its schema."""
    names, dots = tokens[::2], tokens[1::2]
    return (
        len(tokens) % 2 == 1
        and all(one.kind in {"word", "name"} for one in names)
        and all(one.text == "." for one in dots)
    )


def conditions_of(text: str, tokens: Sequence[Token]) -> tuple[str | Equal, ...] | None:
    """Cut WHERE at the ANDs that lie in no brackets; None where there is one that is empty."""
    if not tokens:
        return ()
    flat = {one.low for one in tokens if not one.depth}
    if flat & {"or", "between", "case"}:
        return (text[tokens[0].start : tokens[-1].end],)
    parts: list[list[Token]] = [[]]
    for token in tokens:
        if token.low == "and" and not token.depth:
            parts.append([])
        else:
            parts[-1].append(token)
    if not all(parts):
        return None
    return tuple(_condition(text, part) for part in parts)


def _condition(text: str, part: Sequence[Token]) -> str | Equal:
    is_equal = len(part) >= 3 and part[-2].text == "=" and part[-1].kind in {"text", "number"}  # noqa: PLR2004  # column, sign, literal
    if is_equal and is_name(part[:-2]):
        return Equal(text[part[0].start : part[-3].end], part[-1].text)
    return text[part[0].start : part[-1].end]


def is_all_aggregated(tokens: Sequence[Token], calls: Sequence[tuple[int, int]]) -> bool:
    """Say whether every column of an expression stands within one of its aggregate calls."""
    inside = {n for first, last in calls for n in range(first, last + 1)}
    return all(
        n in inside or token.low in AROUND or token.kind in {"number", "sign"}
        for n, token in enumerate(tokens)
    )


def at_commas(tokens: Sequence[Token]) -> list[list[Token]]:
    """Cut a list at the commas that lie in no brackets."""
    parts: list[list[Token]] = [[]]
    for token in tokens:
        if token.low == "," and not token.depth:
            parts.append([])
        else:
            parts[-1].append(token)
    return parts
