"""Reading SQL that counts a table by some of its columns, so that such questions share a scan.

Only what is certain is read: plain columns and aggregates of one table, with or without WHERE,
grouped by just those columns. ``scalars`` reads what is not grouped.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from monitor.api.query import Query, Rows
from monitor.api.scalars import COLUMN
from monitor.api.sql_text import (
    ADDS,
    ALIAS,
    NEVER,
    Equal,
    Token,
    at_commas,
    calls_of,
    conditions_of,
    is_all_aggregated,
    is_name,
    tokens_of,
)

MOST_KEYS = 30
"""Columns that one statement groups by: PostgreSQL's GROUPING takes 31, Trino's 63."""

_WORDS = """
null true false user current_user session_user current_role current_catalog current_schema
current_path current_date current_time current_timestamp localtime localtimestamp
"""
_VALUES = frozenset(_WORDS.split())
"""Words that look like columns."""


class Column(NamedTuple):
    """A column of an answer: its name, what is asked for, and whether that is grouped by."""

    name: str
    asks: str
    is_key: bool


@dataclass(frozen=True, slots=True)
class Grouped:
    """A statement that returns a row for each group.

    ``columns`` in the order of the answer. ``adds`` says that its last bit hangs on the order in
    which rows are read.
    """

    statement: str
    columns: tuple[Column, ...]
    table: str
    conditions: tuple[str | Equal, ...]
    adds: bool

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns that it groups by."""
        return tuple(one.asks for one in self.columns if one.is_key)


def read_all(questions: Sequence[Query]) -> dict[int, Grouped]:
    """Return those of some questions that are read, by their places."""
    return {
        n: one
        for n, query in enumerate(questions)
        if isinstance(query, Rows) and query.since is None and (one := read_grouped(query.text))
    }


class _Clauses(NamedTuple):
    items: Sequence[Token]
    table: Sequence[Token]
    where: Sequence[Token]
    by: Sequence[Token]


@lru_cache(maxsize=4096)
def read_grouped(text: str) -> Grouped | None:
    """Read a statement; None where it is not certain what it groups, and by what."""
    clauses = _clauses(tokens_of(text) or ())
    if clauses is None:
        return None
    columns = [_column(text, item) for item in at_commas(clauses.items)]
    known = tuple(one for one in columns if one is not None)
    conditions = conditions_of(text, clauses.where)
    if conditions is None or len({one.name for one in known}) < len(columns):
        return None
    if not _is_by_keys(at_commas(clauses.by), known):
        return None
    return Grouped(
        statement=text.strip(),
        columns=known,
        table=text[clauses.table[0].start : clauses.table[-1].end],
        conditions=conditions,
        adds=any(token.low in ADDS for token in clauses.items),
    )


def _clauses(tokens: Sequence[Token]) -> _Clauses | None:
    """Cut a statement at FROM, WHERE and GROUP BY; None where there is more, or less."""
    at, group = _place(tokens, "from"), _place(tokens, "group")
    where = _place(tokens, "where") or group
    if not 1 < at < where <= group < len(tokens) - 2 or where == group - 1:
        return None
    if tokens[0].low != "select" or tokens[group + 1].low != "by":
        return None
    is_plain = all(one.low not in NEVER for n, one in enumerate(tokens) if n not in {0, group})
    table = tokens[at + 1 : where]
    if not is_plain or not is_name(table):
        return None
    return _Clauses(tokens[1:at], table, tokens[where + 1 : group], tokens[group + 2 :])


def _place(tokens: Sequence[Token], word: str) -> int:
    return next((n for n, one in enumerate(tokens) if one.low == word and not one.depth), 0)


def _column(text: str, item: Sequence[Token]) -> Column | None:
    if len(item) > 2 and item[-2].low == "as" and ALIAS.fullmatch(item[-1].text):  # noqa: PLR2004  # what, as, name
        name, asked = item[-1].text, item[:-2]
    elif len(item) == 1:
        name, asked = item[0].text, item
    else:
        return None
    if len(asked) == 1:
        word = asked[0].text
        is_column = ALIAS.fullmatch(word) is not None and word not in _VALUES
        return Column(name, word, is_key=True) if is_column else None
    calls = list(calls_of(asked))
    if not calls or not is_all_aggregated(asked, calls):
        return None
    return Column(name, text[asked[0].start : asked[-1].end], is_key=False)


def _is_by_keys(parts: Sequence[Sequence[Token]], columns: Sequence[Column]) -> bool:
    """Say whether just the keys are grouped by, each by its name or its place."""
    keys = [one.asks for one in columns if one.is_key]
    by = set()
    for part in parts:
        if len(part) != 1:
            return False
        (token,) = part
        place = int(token.text) if token.kind == "number" and token.text.isdigit() else 0
        if 0 < place <= len(columns) and columns[place - 1].is_key:
            by.add(columns[place - 1].asks)
        elif token.text in keys:
            by.add(token.text)
        else:
            return False
    return len(keys) == len(set(keys)) and by == set(keys)


def groups(grouped: Mapping[int, Grouped], *, adds: bool = False) -> list[list[int]]:
    """Return those that can be asked in one scan of their table, as lists of their keys.

    With ``adds`` also sums, where rows come in no order anyway.
    """
    found: dict[Hashable, list[int]] = {}
    keys: dict[Hashable, frozenset[str]] = {}
    for key, one in grouped.items():
        what = one.table, one.conditions
        together = keys.get(what, frozenset()) | set(one.keys)
        if (adds or not one.adds) and len(together) <= MOST_KEYS:
            found.setdefault(what, []).append(key)
            keys[what] = together
    return [places for places in found.values() if len(places) > 1]


@dataclass(frozen=True)
class Groups:
    """One statement of some that ``groups`` put together, and how its rows are told apart."""

    questions: tuple[Grouped, ...]

    @cached_property
    def keys(self) -> list[str]:
        """All columns that some of them group by."""
        return list(dict.fromkeys(key for one in self.questions for key in one.keys))

    @cached_property
    def asked(self) -> list[str]:
        """All columns of the statement but the last, each once."""
        columns = [one.asks for question in self.questions for one in question.columns]
        return list(dict.fromkeys((*self.keys, *columns)))

    @cached_property
    def text(self) -> str:
        """The statement. Its last column says which columns a row is *not* grouped by."""
        first, keys = self.questions[0], ", ".join(self.keys)
        columns = [f"{what} as {COLUMN}{n}" for n, what in enumerate(self.asked)]
        columns.append(f"grouping({keys}) as {COLUMN}set")
        where = f" where {' and '.join(map(str, first.conditions))}" if first.conditions else ""
        sets = dict.fromkeys(
            ", ".join(key for key in self.keys if key in one.keys) for one in self.questions
        )
        by = ", ".join(f"({one})" for one in sets)
        return (
            f"select {', '.join(columns)} from {first.table}{where} group by grouping sets ({by})"  # noqa: S608  # of statements that were read
        )

    def tables(self, rows: Sequence[Sequence[Any]]) -> list[dict[str, tuple[Any, ...]]]:
        """Return the columns that each question would have got alone."""
        return [self._table(one, rows) for one in self.questions]

    def _table(self, one: Grouped, rows: Sequence[Sequence[Any]]) -> dict[str, tuple[Any, ...]]:
        mask = int("".join("01"[key not in one.keys] for key in self.keys), 2)
        places = {column.name: self.asked.index(column.asks) for column in one.columns}
        mine = [row for row in rows if row[-1] == mask]
        return {name: tuple(row[place] for row in mine) for name, place in places.items()}
