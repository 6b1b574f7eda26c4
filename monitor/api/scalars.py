"""Reading SQL that asks one table for one number, so that such questions can be asked together.

Only what is certain is read: one SELECT of one aggregate from one table, with or without WHERE,
in words and signs that mean the same everywhere. Anything else is asked alone, as it is written.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from sys import intern

from monitor.api.sql_text import (
    ADDS,
    ALIAS,
    NEVER,
    Equal,
    Token,
    calls_of,
    conditions_of,
    is_all_aggregated,
    is_name,
    tokens_of,
)

COLUMN = "monitor_"
"""How the columns of a merged statement begin; a number follows."""

_ENDS = frozenset({"min", "max"})


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
    tokens = tokens_of(text)
    if tokens is None or len(tokens) < 8 or tokens[0].low != "select":  # noqa: PLR2004  # select count(*) as n from t
        return None
    if any(token.low in NEVER for token in tokens[1:]):
        return None
    at = next((n for n, one in enumerate(tokens) if one.low == "from" and not one.depth), 0)
    item, rest = tokens[1:at], tokens[at + 1 :]
    if len(item) < 3 or item[-2].low != "as" or ALIAS.fullmatch(item[-1].text) is None:  # noqa: PLR2004  # one token, as, name
        return None
    expression = item[:-2]
    calls = list(calls_of(expression))
    end = next((n for n, one in enumerate(rest) if one.low == "where" and not one.depth), len(rest))
    conditions = conditions_of(text, rest[end + 1 :])
    if not calls or any(one.low == "," and not one.depth for one in expression):
        return None
    if not is_name(rest[:end]) or conditions is None or end == len(rest) - 1:
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
        adds=any(expression[first].low in ADDS for first, _ in calls),
    )


def _is_scan(tokens: Sequence[Token], calls: Sequence[tuple[int, int]]) -> bool:
    """Say whether all columns stand in aggregates, none of which a database finds in an index."""
    if any(tokens[first].low in _ENDS for first, _ in calls):
        return False
    return is_all_aggregated(tokens, calls)


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
        return str(first)
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
