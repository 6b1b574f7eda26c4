"""How the newest slots ended: those that were due together and ended alike share a row.

A row for each check costs SQLite five times as much: in the order of checks each goes to a page of
its own. So a commit writes one for each part of the checks, and whoever asks for one check reads
the rows of its part.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias
from zlib import crc32

import sqlalchemy as sa

from monitor.core.model import Outcome
from monitor.core.state import Slot
from monitor.store.tables import slot_batch as batch

PARTS = 16
"""Into how many parts checks fall. A commit touches a page for each (with 64 of them a look costs
12 us instead of 5), and a part is packed in one transaction."""

BETWEEN = "\n"


@dataclass(frozen=True, slots=True, eq=False)
class Ended:
    """When checks were due together, and how all of them ended; equal to nothing but itself."""

    due_at: datetime
    ended_at: datetime
    outcome: Outcome
    reason: str

    def slot(self, check: str) -> Slot:
        """Return the slot of one of them."""
        return Slot(check, self.due_at, self.ended_at, self.outcome, self.reason)


Ends: TypeAlias = list[Ended]
"""How the slots of one check ended, oldest first, one for each due time."""


def part_of(check: str) -> int:
    """Return the part of a check; the same for ever."""
    return crc32(check.encode()) % PARTS


def batch_rows(slots: Iterable[Slot]) -> list[dict[str, Any]]:
    """Gather what is committed together into rows."""
    found: dict[tuple[object, ...], list[str]] = {}
    for one in slots:
        key = (part_of(one.check), one.due_at, one.ended_at, one.outcome, one.reason)
        found.setdefault(key, []).append(one.check)
    return [
        {
            "part": part,
            "due_at": due_at,
            "ended_at": ended_at,
            "outcome": str(outcome),
            "reason": reason,
            "checks": BETWEEN.join(checks),
        }
        for (part, due_at, ended_at, outcome, reason), checks in found.items()
    ]


def ends_by_check(
    connection: sa.Connection, part: int, *is_in: sa.ColumnElement[bool]
) -> dict[str, Ends]:
    """Return how the slots of a part of the checks ended; of one that ended twice, the last counts.

    Checks that were always in the same rows have equal lists.
    """
    query = sa.select(batch).where(batch.c.part == part, *is_in)
    found: dict[str, Ends] = {}
    for row in connection.execute(query.order_by(batch.c.due_at, batch.c.id)):
        ended = _ended(row)
        for check in row.checks.split(BETWEEN):
            mine = found.setdefault(check, [])
            if mine and mine[-1].due_at == ended.due_at:
                mine[-1] = ended
            else:
                mine.append(ended)
    return found


def newest(connection: sa.Connection, check: str) -> Iterator[Ended]:
    """Give how the slots of one check ended, newest first."""
    is_mine = (batch.c.part == part_of(check), batch.c.checks.contains(check, autoescape=True))
    query = sa.select(batch).where(*is_mine).order_by(batch.c.due_at.desc(), batch.c.id.desc())
    due_at: datetime | None = None
    for row in connection.execute(query):
        if row.due_at != due_at and check in row.checks.split(BETWEEN):
            due_at = row.due_at
            yield _ended(row)


def oldest(connection: sa.Connection, part: int, before: datetime, most: int) -> datetime | None:
    """Return until when the oldest rows of a part reach; None where nothing was due before."""
    is_old = (batch.c.part == part, batch.c.due_at < before)
    first = sa.select(batch.c.due_at).where(*is_old).order_by(batch.c.due_at).limit(most).subquery()
    end: datetime | None = connection.scalar(sa.func.max(first.c.due_at, type_=first.c.due_at.type))
    return end


def forget(connection: sa.Connection, parts: Iterable[int], until: datetime) -> int:
    """Delete what was due until a moment, itself included; return how many rows went."""
    is_old = (batch.c.part.in_(list(parts)), batch.c.due_at <= until)
    return connection.execute(batch.delete().where(*is_old)).rowcount


def _ended(row: Any) -> Ended:
    return Ended(row.due_at, row.ended_at, Outcome(row.outcome), row.reason)
