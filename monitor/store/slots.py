"""How slots ended: each in a row of its own for a day, then in runs of those that ended alike."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, islice
from typing import Any

import sqlalchemy as sa

from monitor.core.coverage import Looks, looks_of
from monitor.core.model import Outcome
from monitor.core.slot_runs import SlotRun, runs_of
from monitor.core.state import Slot
from monitor.store.tables import slot_run as run
from monitor.store.tables import verdict_recent as slot
from monitor.store.upsert import upsert_many


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
        """Sum up the slots that were due in [since, until), by check.

        Most checks were never blind: they are counted, and only the slots of the others are read
        one by one.
        """
        is_in = sa.and_(slot.c.due_at >= since, slot.c.due_at < until)
        blind = sa.select(slot.c.check).where(is_in, slot.c.outcome.in_(_BLIND)).distinct()
        with self._engine.connect() as connection:
            packed = self._runs(connection, since, until)
            names = {name for name, runs in packed.items() if _BLIND & {r.outcome for r in runs}}
            names.update(connection.scalars(blind))
            found = self._totals(connection, is_in)
            for name, runs in packed.items():
                judged = sum(one.count for one in runs if one.outcome.is_judged)
                newer = found.get(name)
                found[name] = Looks(
                    newer.last if newer else runs[-1].last, judged + (newer.judged if newer else 0)
                )
            for name, newest in _each(connection, sorted(names), is_in):
                older = (one for packed_run in packed.get(name, ()) for one in packed_run.slots())
                summed = looks_of([*older, *newest], until)
                if summed is not None:
                    found[name] = summed
        return found

    def _totals(self, connection: sa.Connection, is_in: sa.ColumnElement[bool]) -> dict[str, Looks]:
        judged = sa.func.sum(sa.case((slot.c.outcome.in_(_JUDGED), 1), else_=0))
        newest = sa.func.max(slot.c.due_at, type_=slot.c.due_at.type)
        totals = (
            sa.select(slot.c.check, judged.label("judged"), newest.label("newest"))
            .where(is_in)
            .group_by(slot.c.check)
            .subquery()
        )
        last = sa.select(slot, totals.c.judged).join(
            totals, sa.and_(totals.c.check == slot.c.check, totals.c.newest == slot.c.due_at)
        )
        return {row.check: Looks(_slot(row), int(row.judged)) for row in connection.execute(last)}

    def summaries(self, since: datetime, until: datetime) -> dict[str, SlotSummary]:
        """Return how the slots that were due in [since, until) ended, by check."""
        query = (
            sa.select(slot)
            .where(slot.c.due_at >= since, slot.c.due_at < until)
            .order_by(slot.c.due_at)
        )
        counts: dict[str, Counter[Outcome]] = {}
        last: dict[str, Slot] = {}
        with self._engine.connect() as connection:
            for name, runs in self._runs(connection, since, until).items():
                for one in runs:
                    counts.setdefault(name, Counter())[one.outcome] += one.count
                    last[name] = one.last
            for newer in map(_slot, connection.execute(query)):
                counts.setdefault(newer.check, Counter())[newer.outcome] += 1
                last[newer.check] = newer
        return {name: SlotSummary(dict(counts[name]), one) for name, one in last.items()}

    def last(self, check: str, limit: int) -> list[Slot]:
        """Return the newest slots of a check, newest first."""
        query = sa.select(slot).where(slot.c.check == check).order_by(slot.c.due_at.desc())
        older = sa.select(run).where(run.c.check == check).order_by(run.c.first_at.desc())
        with self._engine.connect() as connection:
            found = [_slot(row) for row in connection.execute(query.limit(limit))]
            runs = map(_run, connection.execute(older.limit(limit - len(found))))
            packed = (one for packed_run in runs for one in packed_run.newest_first())
            return [*found, *islice(packed, limit - len(found))]

    def pack(self, before: datetime, after: str, most: int) -> str | None:
        """Pack what was due before a moment, of the next checks after a name in their order.

        Return the name of the last one; None when there are no more. One short transaction.
        """
        names = sa.select(slot.c.check).where(slot.c.check > after).order_by(slot.c.check)
        with self._engine.begin() as connection:
            name: str | None = after
            for _ in range(most):
                name = connection.scalar(names.where(slot.c.check > name).limit(1))
                if name is None:
                    return None
                self._pack_one(connection, name, before)
        return name

    def _pack_one(self, connection: sa.Connection, check: str, before: datetime) -> None:
        is_old = sa.and_(slot.c.check == check, slot.c.due_at < before)
        rows = connection.execute(sa.select(slot).where(is_old).order_by(slot.c.due_at)).all()
        if not rows:
            return
        newest = sa.select(run).where(run.c.check == check).order_by(run.c.first_at.desc())
        known = [_run(row) for row in connection.execute(newest.limit(1))]
        # After the clock was set back a run may begin where another one did: the newer stays.
        runs = {one.first_at: _row(one) for one in runs_of(map(_slot, rows), known)}
        upsert_many(connection, run, ("check", "first_at"), list(runs.values()))
        connection.execute(slot.delete().where(is_old))

    def prune(self, before: datetime) -> int:
        """Forget what ended before a moment; return how many rows went."""
        with self._engine.begin() as connection:
            gone = connection.execute(slot.delete().where(slot.c.ended_at < before)).rowcount
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


def _each(
    connection: sa.Connection, names: Sequence[str], is_in: sa.ColumnElement[bool]
) -> Iterator[tuple[str, Sequence[Slot]]]:
    """Go through the slots of each check; of all at once they would fill the memory."""
    for first in range(0, len(names), READ_AT_ONCE):
        some = names[first : first + READ_AT_ONCE]
        query = sa.select(slot).where(is_in, slot.c.check.in_(some))
        rows = connection.execute(query.order_by(slot.c.check, slot.c.due_at))
        found = {name: [*mine] for name, mine in groupby(map(_slot, rows), lambda one: one.check)}
        yield from ((name, found.get(name, ())) for name in some)


def _within(runs: Iterable[SlotRun], since: datetime, until: datetime) -> Iterator[SlotRun]:
    for one in runs:
        part = one.within(since, until)
        if part is not None:
            yield part


def _slot(row: Any) -> Slot:
    return Slot(row.check, row.due_at, row.ended_at, Outcome(row.outcome), row.reason)


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


def _row(one: SlotRun) -> dict[str, Any]:
    return {
        "check": one.check,
        "first_at": one.first_at,
        "last_at": one.last_at,
        "count": one.count,
        "outcome": one.outcome,
        "reason": one.reason,
        "ended_at": one.ended_at,
    }
