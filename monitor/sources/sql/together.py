"""Many questions to one database in one statement."""

from collections.abc import Callable, Sequence
from datetime import datetime
from sys import intern
from typing import Any, NamedTuple, TypeAlias

from monitor.api import Answer, LastUpdate, Query, Rows, SourceError, Table, Updated, as_moment
from monitor.api.groups import Groups, groups, read_all
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
    if dialect == "sqlite":  # it knows no grouping sets
        found.append([n for n in range(len(questions)) if n not in read])
    else:
        found += groups(read_all(questions))
    return [places for places in found if len(places) > 1]


class Statement(NamedTuple):
    """One statement: a row with a column for each question; ``names`` are those of the columns.

    A name is None for a question about the newest row.
    """

    text: str
    names: tuple[str | None, ...]


def statement_of(
    questions: Sequence[Query], dialect: str, written: Written
) -> Statement | Groups | None:
    """Write one statement; None where there is none."""
    grouped = read_all(questions)
    if len(grouped) == len(questions) and dialect != "sqlite":
        return Groups(tuple(grouped.values()))
    read = [one for query in questions if (one := _scalar(query, written))]
    if len(read) < len(questions):
        return None
    is_one_scan = [len(places) for places in scans(dict(enumerate(read)))] == [len(read)]
    text = one_scan(read) if is_one_scan else one_row(read)
    return Statement(text, tuple(intern(one.name) if one.name else None for one in read))


def parts_of(
    found: Statement | Groups, rows: Sequence[Sequence[Any]], at: datetime
) -> tuple[Answer, ...]:
    """Return the answers that the questions would have got alone. Raise SourceError."""
    if isinstance(found, Groups):
        return tuple(Table(observed_at=at, columns=one) for one in found.tables(rows))
    cells = zip(found.names, rows[0], strict=True)
    return tuple(
        Updated(observed_at=at, data_at=moment_of(cell))
        if name is None
        else Table(observed_at=at, columns={name: (cell,)})
        for name, cell in cells
    )


def moment_of(cell: object) -> datetime | None:
    """Read a cell as a moment; None stays. Raise SourceError for what is none."""
    try:
        return as_moment(cell)
    except ValueError as error:
        raise SourceError("query", f"the column holds {cell!r}, which is no moment") from error


def _scalar(query: Query, written: Written) -> Scalar | None:
    if isinstance(query, Rows):
        return read_scalar(query.text) if query.since is None else None
    if isinstance(query, LastUpdate):
        text = written(query)
        return Scalar(text, "", (), "", query.table, (), is_scan=False)
    return None
