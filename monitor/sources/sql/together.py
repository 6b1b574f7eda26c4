"""Many questions to one database in one statement."""

from collections.abc import Callable, Sequence
from sys import intern
from typing import NamedTuple, TypeAlias

from monitor.api import LastUpdate, Query, Rows
from monitor.api.scalars import Scalar, one_row, one_scan, read_scalar, scans

MERGES = frozenset({"sqlite", "postgresql"})
"""Databases on which it is proven that what is merged is answered as it would be alone."""

Written: TypeAlias = Callable[[LastUpdate], str]


def sets_of(questions: Sequence[Query], dialect: str, written: Written) -> list[list[int]]:
    """Say what can be asked together: in one scan of a table, or else in one statement.

    What SQLite can answer in neither way it answers in turn: there a statement costs less than
    what is around it.
    """
    if dialect not in MERGES:
        return []
    read = {n: one for n, query in enumerate(questions) if (one := _scalar(query, written))}
    found = scans(read)
    taken = {n for places in found for n in places}
    found.append([n for n in read if n not in taken])
    if dialect == "sqlite":
        found.append([n for n in range(len(questions)) if n not in read])
    return [places for places in found if len(places) > 1]


class Statement(NamedTuple):
    """One statement: a row with a column for each question; ``names`` are those of the columns.

    A name is None for a question about the newest row.
    """

    text: str
    names: tuple[str | None, ...]


def statement_of(questions: Sequence[Query], written: Written) -> Statement | None:
    """Write one statement; None where there is none."""
    read = [one for query in questions if (one := _scalar(query, written))]
    if len(read) < len(questions):
        return None
    is_one_scan = [len(places) for places in scans(dict(enumerate(read)))] == [len(read)]
    text = one_scan(read) if is_one_scan else one_row(read)
    return Statement(text, tuple(intern(one.name) if one.name else None for one in read))


def _scalar(query: Query, written: Written) -> Scalar | None:
    if isinstance(query, Rows):
        return read_scalar(query.text) if query.since is None else None
    if isinstance(query, LastUpdate):
        text = written(query)
        return Scalar(text, "", (), "", query.table, (), is_scan=False)
    return None
