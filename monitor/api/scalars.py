"""Reading SQL that asks one table for one number, so that such questions can be asked together.

Only what is certain is read: one SELECT of one aggregate from one table, with or without WHERE,
in words and signs that mean the same everywhere. Anything else is asked alone, as it is written.
"""

import re
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from sys import intern
from typing import NamedTuple

COLUMN = "monitor_"
"""How the columns of a merged statement begin; a number follows."""

_TOKEN = re.compile(
    r"""\s*(?:(?P<word>[A-Za-z_][A-Za-z_0-9]*)|(?P<number>[0-9]+(?:\.[0-9]+)?)"""
    r"""|(?P<text>'(?:[^'\\]|'')*')|(?P<name>"[^"\\]+")"""
    r"""|(?P<sign><=|>=|<>|!=|\|\||[-+*/%(),.<>=]))"""
)
_COMMENT = re.compile(r"--|/\*")
_ALIAS = re.compile(r"[a-z_][a-z0-9_]*")
_AGGREGATES = frozenset({"count", "sum", "avg", "min", "max"})
_ENDS = frozenset({"min", "max"})
_ADDS = frozenset({"sum", "avg"})
_AROUND = frozenset(
    ("coalesce nullif round abs cast as double precision real integer bigint decimal null").split()  # noqa: SIM905  # a list of forty would fill a page
)
"""Words that may stand around aggregates in one scan with others: none of them names a column."""

_NEVER = """
select with group order having limit offset fetch union intersect except over window join natural
cross left right inner outer full using on lateral unnest tablesample for into qualify exists any
some all within values table returning connect start
"""
"""Words after which a statement may have another number of rows, or another table."""
_NEVER_WORDS = frozenset(_NEVER.split())


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


@dataclass(frozen=True, slots=True)
class Scalar:
    """A statement that returns one row with one number.

    ``calls`` are the ends of its aggregate calls within ``expression``. ``conditions`` are the
    parts of WHERE that all must hold. ``is_scan`` says that it can share a scan of its table with
    others; the least and the greatest cannot, because a database finds them without a scan.
    ``adds`` says that its last bit hangs on the order in which rows are read.
    """

    statement: str
    expression: str
    calls: tuple[int, ...]
    name: str
    table: str
    conditions: tuple[str | Equal, ...]
    is_scan: bool
    adds: bool = False


@lru_cache(maxsize=4096)
def read_scalar(text: str) -> Scalar | None:
    """Read a statement; None where it is not certain that it returns one number of one table."""
    tokens = _tokens(text)
    if tokens is None or len(tokens) < 8 or tokens[0].low != "select":  # noqa: PLR2004  # select count(*) as n from t
        return None
    if any(token.low in _NEVER_WORDS for token in tokens[1:]):
        return None
    at = next((n for n, one in enumerate(tokens) if one.low == "from" and not one.depth), 0)
    item, rest = tokens[1:at], tokens[at + 1 :]
    if len(item) < 3 or item[-2].low != "as" or _ALIAS.fullmatch(item[-1].text) is None:  # noqa: PLR2004  # one token, as, name
        return None
    expression = item[:-2]
    calls = list(_calls(expression))
    end = next((n for n, one in enumerate(rest) if one.low == "where" and not one.depth), len(rest))
    conditions = _conditions(text, rest[end + 1 :])
    if not calls or any(one.low == "," and not one.depth for one in expression):
        return None
    if not _is_name(rest[:end]) or conditions is None or end == len(rest) - 1:
        return None
    start = expression[0].start
    return Scalar(
        statement=text.strip(),
        expression=text[start : expression[-1].end],
        calls=tuple(expression[last].end - start for _, last in calls),
        name=intern(item[-1].text),
        table=intern(text[rest[0].start : rest[end - 1].end]),
        conditions=conditions,
        is_scan=_is_scan(expression, calls),
        adds=any(expression[first].low in _ADDS for first, _ in calls),
    )


def _tokens(text: str) -> list[Token] | None:
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


def _calls(tokens: Sequence[Token]) -> Iterator[tuple[int, int]]:
    """Find aggregate calls, as places of their names and of the brackets that end them."""
    for n, token in enumerate(tokens[:-1]):
        if token.kind != "word" or token.low not in _AGGREGATES or tokens[n + 1].text != "(":
            continue
        if n and tokens[n - 1].text == ".":
            continue
        depth = tokens[n + 1].depth
        last = next(m for m in range(n + 2, len(tokens)) if tokens[m].depth == depth)
        inside = tokens[n + 2 : last]
        # `max(a, b)` compares two columns in SQLite: it is no aggregate.
        if inside and all(one.text != "," or one.depth > depth + 1 for one in inside):
            yield n, last


def _is_name(tokens: Sequence[Token]) -> bool:
    """Say whether tokens are the name of a table, with or without its schema."""
    names, dots = tokens[::2], tokens[1::2]
    return (
        len(tokens) % 2 == 1
        and all(one.kind in {"word", "name"} for one in names)
        and all(one.text == "." for one in dots)
    )


def _conditions(text: str, tokens: Sequence[Token]) -> tuple[str | Equal, ...] | None:
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
    if is_equal and _is_name(part[:-2]):
        return Equal(text[part[0].start : part[-3].end], part[-1].text)
    return text[part[0].start : part[-1].end]


def _is_scan(tokens: Sequence[Token], calls: Sequence[tuple[int, int]]) -> bool:
    """Say whether all columns stand in aggregates, none of which a database finds in an index."""
    inside = {n for first, last in calls for n in range(first, last + 1)}
    if any(tokens[first].low in _ENDS for first, _ in calls):
        return False
    return all(
        n in inside or token.low in _AROUND or token.kind in {"number", "sign"}
        for n, token in enumerate(tokens)
    )


def one_row(scalars: Sequence[Scalar]) -> str:
    """Write one statement of which each is a part of its own, planned as if it was alone."""
    return "select " + ", ".join(
        f"({one.statement}) as {COLUMN}{n}" for n, one in enumerate(scalars)
    )


def scans(scalars: Mapping[int, Scalar], *, filters: bool = False) -> list[list[int]]:
    """Return those that can be asked in one scan of their table, as lists of their keys.

    With ``filters`` also those whose conditions differ in what a column equals: that reads rows
    once which a database with indexes finds faster one by one. Without, none that adds: alone it
    may be read from an index, in another order.
    """
    found: dict[Hashable, list[int]] = {}
    for key, one in scalars.items():
        if one.is_scan and (filters or not one.adds):
            what = tuple(map(_shape, one.conditions)) if filters else one.conditions
            found.setdefault((one.table, what), []).append(key)
    return [keys for keys in found.values() if len(keys) > 1]


def _shape(condition: str | Equal) -> Hashable:
    if isinstance(condition, str):
        return condition
    return condition.column, condition.literal.startswith("'")


def one_scan(scalars: Sequence[Scalar]) -> str:
    """Write one statement with a column for each of some that ``scans`` put together."""
    first = scalars[0]
    kinds = [
        list(dict.fromkeys(parts)) for parts in zip(*(o.conditions for o in scalars), strict=True)
    ]
    where = [_either(parts) for parts in kinds]
    varying = [n for n, parts in enumerate(kinds) if len(parts) > 1]
    columns = ", ".join(
        f"{_filtered(one, varying)} as {COLUMN}{n}" for n, one in enumerate(scalars)
    )
    end = f" where {' and '.join(where)}" if where else ""
    return f"select {columns} from {first.table}{end}"  # noqa: S608  # of statements that were read


def _either(parts: Sequence[str | Equal]) -> str:
    first = parts[0]
    if isinstance(first, str):
        return first
    if len(parts) == 1:
        return f"{first.column} = {first.literal}"
    literals = ", ".join(one.literal for one in parts if isinstance(one, Equal))
    return f"{first.column} in ({literals})"


def _filtered(scalar: Scalar, varying: Sequence[int]) -> str:
    """Let each aggregate of an expression see only the rows that its statement asks for."""
    if not varying:
        return scalar.expression
    own = " and ".join(_either([scalar.conditions[n]]) for n in varying)
    text = scalar.expression
    for end in reversed(scalar.calls):
        text = f"{text[:end]} filter (where {own}){text[end:]}"
    return text
