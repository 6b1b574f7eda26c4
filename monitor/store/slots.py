"""How slots ended: in batches as they came, then in runs of those that ended alike."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain, islice
from typing import Any, TypeAlias

import sqlalchemy as sa

from monitor.core.coverage import BLIND, Looks, looks_of
from monitor.core.model import Outcome
from monitor.core.slot_runs import SlotRun, runs_of
from monitor.core.state import Slot
from monitor.store.reading import reading
from monitor.store.slot_batches import (
    PARTS,
    Ended,
    Ends,
    ends_by_check,
    forget,
    newest,
    oldest,
)
from monitor.store.tables import slot_batch as batch
from monitor.store.tables import slot_run as run
from monitor.store.upsert import upsert_many

CHECKS_IN_A_STATEMENT = 500
ROWS_AT_ONCE = 2000
"""Rows that are packed in a transaction: what was found meanwhile waits for it, some 100 ms."""

Alike: TypeAlias = tuple[Ended, ...]
"""What checks have in common that ended alike whenever they were due."""


@dataclass(frozen=True, slots=True)
class SlotSummary:
    """How the slots of one check ended in a window."""

    counts: Mapping[Outcome, int]
    last: Slot


_JUDGED = tuple(outcome for outcome in Outcome if outcome.is_judged)
_BLIND = frozenset({Outcome.ERROR, Outcome.NO_DATA, Outcome.SKIPPED})


READ_AT_ONCE = 100
"""Checks whose slots are in memory together: six hours of one, a look a minute, are 360."""


class Slots:
    """Reading slots, packing old ones, and forgetting the oldest.

    Of one check, every slot that is packed is older than every slot that is not.
    """

    def __init__(self, engine: sa.Engine) -> None:
        """Work on an opened store."""
        self._engine = engine

    def looks(self, since: datetime, until: datetime) -> dict[str, Looks]:
        """Sum up the slots that were due in [since, until), by check."""
        is_in = (batch.c.due_at >= since, batch.c.due_at < until)
        found: dict[str, Looks] = {}
        with reading(self._engine) as connection:
            packed = self._runs(connection, since, until)
            for part in range(PARTS):
                # Nearly all are well whenever they look: they are summed up once.
                summed: dict[Alike, Looks] = {}
                for name, ends in ends_by_check(connection, part, *is_in).items():
                    runs = packed.pop(name, ())
                    if any(one.outcome in BLIND for one in runs):
                        found[name] = _looks(name, runs, ends, until)
                        continue
                    alike = tuple(ends)
                    if alike not in summed:
                        summed[alike] = _looks(name, (), ends, until)
                    newer = summed[alike]
                    judged = newer.judged + _judged(runs)
                    found[name] = replace(newer, last=ends[-1].slot(name), judged=judged)
        return found | {name: _looks(name, runs, (), until) for name, runs in packed.items()}

    def summaries(self, since: datetime, until: datetime) -> dict[str, SlotSummary]:
        """Return how the slots that were due in [since, until) ended, by check."""
        is_in = (batch.c.due_at >= since, batch.c.due_at < until)
        counts: dict[str, Counter[Outcome]] = {}
        last: dict[str, Slot] = {}
        with reading(self._engine) as connection:
            for name, runs in self._runs(connection, since, until).items():
                for one in runs:
                    counts.setdefault(name, Counter())[one.outcome] += one.count
                    last[name] = one.last
            for part in range(PARTS):
                for name, ends in ends_by_check(connection, part, *is_in).items():
                    counts.setdefault(name, Counter()).update(one.outcome for one in ends)
                    last[name] = ends[-1].slot(name)
        return {name: SlotSummary(dict(counts[name]), one) for name, one in last.items()}

    def last(self, check: str, limit: int) -> list[Slot]:
        """Return the newest slots of a check, newest first."""
        older = sa.select(run).where(run.c.check == check).order_by(run.c.first_at.desc())
        with reading(self._engine) as connection:
            found = [one.slot(check) for one in islice(newest(connection, check), limit)]
            runs = map(_run, connection.execute(older.limit(limit - len(found))))
            packed = (one for packed_run in runs for one in packed_run.newest_first())
            return [*found, *islice(packed, limit - len(found))]

    def pack(self, before: datetime, after: str) -> str | None:
        """Pack some of what was due before a moment, of the part of the checks with a number.

        Return the number of the part that is next; None when there is nothing more. One short
        transaction.
        """
        part = int(after or 0)
        with self._engine.begin() as connection:
            end = oldest(connection, part, before, ROWS_AT_ONCE)
            if end is None:
                return str(part + 1) if part + 1 < PARTS else None
            found = ends_by_check(connection, part, batch.c.due_at <= end)
            upsert_many(connection, run, ("check", "first_at"), _packed(connection, found))
            forget(connection, [part], end)
        return after or "0"

    def prune(self, before: datetime) -> int:
        """Forget what was due, or packed runs that ended, before a moment; return how many rows."""
        with self._engine.begin() as connection:
            gone = forget(connection, range(PARTS), before)
            return gone + connection.execute(run.delete().where(run.c.last_at < before)).rowcount

    def _runs(
        self, connection: sa.Connection, since: datetime, until: datetime
    ) -> dict[str, list[SlotRun]]:
        query = (
            sa.select(run)
            .where(run.c.last_at >= since, run.c.first_at < until)
            .order_by(run.c.check, run.c.first_at)
        )
        found: dict[str, list[SlotRun]] = {}
        for one in _within(map(_run, connection.execute(query)), since, until):
            found.setdefault(one.check, []).append(one)
        return found


def _packed(connection: sa.Connection, found: Mapping[str, Ends]) -> list[dict[str, Any]]:
    """Return the rows of the runs in which slots of some checks are told."""
    known = _newest_runs(connection, sorted(found))
    packed: dict[tuple[Alike, SlotRun | None], list[SlotRun]] = {}
    rows: list[dict[str, Any]] = []
    for name, ends in found.items():
        # Nearly all ended alike, now and before.
        before = replace(known[name], check="") if name in known else None
        alike = (tuple(ends), before)
        if alike not in packed:
            slots = (one.slot("") for one in ends)
            packed[alike] = runs_of(slots, [] if before is None else [before])
        # After the clock was set back a run may begin where another one did: the newer stays.
        rows += {one.first_at: _row(name, one) for one in packed[alike]}.values()
    return rows


def _newest_runs(connection: sa.Connection, checks: Sequence[str]) -> dict[str, SlotRun]:
    found: dict[str, SlotRun] = {}
    for first in range(0, len(checks), CHECKS_IN_A_STATEMENT):
        some = checks[first : first + CHECKS_IN_A_STATEMENT]
        begins = sa.func.max(run.c.first_at, type_=run.c.first_at.type).label("first_at")
        last = sa.select(run.c.check, begins).where(run.c.check.in_(some)).group_by(run.c.check)
        its = last.subquery()
        is_last = sa.and_(its.c.check == run.c.check, its.c.first_at == run.c.first_at)
        rows = connection.execute(sa.select(run).join(its, is_last))
        found |= {row.check: _run(row) for row in rows}
    return found


def _looks(name: str, runs: Sequence[SlotRun], ends: Iterable[Ended], until: datetime) -> Looks:
    older = (one for packed_run in runs for one in packed_run.slots())
    found = looks_of(chain(older, (one.slot(name) for one in ends)), until)
    assert found is not None
    return found


def _judged(runs: Iterable[SlotRun]) -> int:
    return sum(one.count for one in runs if one.outcome.is_judged)


def _within(runs: Iterable[SlotRun], since: datetime, until: datetime) -> Iterator[SlotRun]:
    for one in runs:
        part = one.within(since, until)
        if part is not None:
            yield part


def _run(row: Any) -> SlotRun:
    return SlotRun(
        row.check,
        row.first_at,
        row.last_at,
        row.count,
        Outcome(row.outcome),
        row.reason,
        row.ended_at,
    )


def _row(check: str, one: SlotRun) -> dict[str, Any]:
    return {
        "check": check,
        "first_at": one.first_at,
        "last_at": one.last_at,
        "count": one.count,
        "outcome": one.outcome,
        "reason": one.reason,
        "ended_at": one.ended_at,
    }
