"""Trino: rows by SQL with a deadline that holds in the queue; load by REST, which never queues."""

import asyncio
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import ClassVar, Self

from pydantic import PrivateAttr, model_validator

from monitor.api import (
    Answer,
    Answers,
    Asking,
    LastUpdate,
    LastWrite,
    Load,
    Partitions,
    Query,
    Rows,
    SourceError,
    Table,
    Together,
    looks_harmless,
)
from monitor.api.groups import Groups, groups, read_all
from monitor.api.reading import SINCE, UNTIL, windowless
from monitor.api.scalars import Scalar, one_scan, read_scalar, scans
from monitor.sources.trino.faults import Why
from monitor.sources.trino.guard import guard, objection
from monitor.sources.trino.keepsake import read_keepsake, write_keepsake
from monitor.sources.trino.load import Ladder
from monitor.sources.trino.names import timestamp
from monitor.sources.trino.past import Past
from monitor.sources.trino.rest import MOST_BYTES
from monitor.sources.trino.settings import TrinoSettings
from monitor.sources.trino.sockets import Tally
from monitor.sources.trino.statement import Limits, Result, run
from monitor.sources.trino.tables import Known, Tables
from monitor.sources.trino.turn import Turn, shorter, turn_of

SESSION = re.compile(r"\bsession\b", re.IGNORECASE)
"""``WITH SESSION`` lifts the limits of a query; no other SQL has it."""

_ANY_MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


class Trino(TrinoSettings, type="trino"):
    """A Trino cluster: asked one query at a time, tagged, and cancelled at the deadline.

    Its load is asked for by REST in a thread of its own, and waits for no query.
    """

    answers: ClassVar = frozenset({Rows, LastUpdate, LastWrite, Partitions, Load})
    ungated: ClassVar = frozenset({Load})

    _slots: threading.BoundedSemaphore = PrivateAttr()
    _watcher: ThreadPoolExecutor | None = PrivateAttr(default=None)
    _past: Past = PrivateAttr(default_factory=Past)
    _known: Known = PrivateAttr(default_factory=Known)

    @model_validator(mode="after")
    def _make_slots(self) -> Self:
        self._slots = threading.BoundedSemaphore(self.max_concurrency)
        return self

    def objections(self, query: Query) -> Iterator[str]:
        """Refuse what is not one reading statement."""
        if not isinstance(query, Rows):
            return
        if wrong := windowless(query):
            yield wrong
        if not (looks_harmless(query.text) and SESSION.search(query.text) is None):
            refusal = objection(_filled(query.text, _ANY_MOMENT, _ANY_MOMENT))
            if refusal is not None:
                yield refusal

    async def ask(self, query: Query, asking: Asking) -> Answer:
        """Answer by the deadline, counted from now; when nobody waits any more, cancel."""
        turn = turn_of(asking)
        try:
            if not isinstance(query, Load):
                return await super().ask(query, turn)
            if self._watcher is None:
                self._watcher = ThreadPoolExecutor(1, f"load-{self.name}")
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._watcher, self.ask_blocking, query, turn)
        finally:
            turn.give_up()

    async def close(self) -> None:
        """Let go of the threads."""
        await super().close()
        if self._watcher is not None:
            self._watcher.shutdown(wait=False, cancel_futures=True)

    def keepsake(self, now: datetime) -> str | None:
        """Return what is known of the cluster, as far as its load was watched."""
        known = self._past.known()
        is_empty = not (known.shares or known.workers)
        return None if is_empty else write_keepsake(self._address.base, known, now)

    def recall(self, kept: str, now: datetime) -> None:
        """Know the cluster again. Raise ValueError for what is no use."""
        self._past.recall(read_keepsake(kept, self._address.base, now))

    def ask_blocking(self, query: Query, asking: Asking) -> Answer:
        """Answer within the deadline; nothing stays alive on the cluster."""
        turn = turn_of(asking)
        match query:
            case Load():
                tally = Tally(most=MOST_BYTES)
                run = self._runner(turn, tally)
                ladder = Ladder(self._address, turn, self._past, run, self.canary, tally=tally)
                return ladder.climb()
            case Rows():
                return self._rows(query, turn)
            case Together():
                return self._together(query, turn)
            case LastUpdate():
                return self._tables(turn).last_update(query, turn.now)
            case LastWrite():
                return self._tables(turn).last_write(query, turn.now)
            case Partitions():
                return self._tables(turn).partitions(query, turn.now)
        raise SourceError("query", f"Trino cannot answer {type(query).__name__}")

    def _rows(self, query: Rows, turn: Turn) -> Table:
        text = query.text
        # Guarded before the moment is filled in: that changes at every look, the rest does not.
        guard(_filled(text, _ANY_MOMENT, _ANY_MOMENT))
        if wrong := windowless(query):
            raise SourceError("query", wrong)
        text = _filled(text, query.since or turn.now, query.until or turn.now)
        found = self._run(text.rstrip().rstrip(";"), turn)
        cells = list(zip(*found.rows, strict=True)) or [()] * len(found.columns)
        if len(set(found.columns)) < len(found.columns):
            raise SourceError("query", "two columns have one name: give each its own with AS")
        data = dict(zip(found.columns, cells, strict=True))
        return Table(observed_at=turn.now, columns=data, cost=found.cost)

    def merge(self, questions: Sequence[Query]) -> Sequence[Sequence[int]]:
        """Merge what one scan of a table finds: what a cluster pays for is the scan."""
        found = groups(read_all(questions), adds=True)
        return [*scans(_scalars(questions), filters=True), *found]

    def _together(self, query: Together, turn: Turn) -> Answers:
        grouped = Groups(tuple(read_all(query.questions).values()))
        if grouped.questions:
            return self._groups(grouped, turn)
        scalars = list(_scalars(query.questions).values())
        for one in scalars:
            guard(one.statement)
        found = self._run(one_scan(scalars), turn)
        cells = zip(scalars, found.rows[0], strict=True)
        parts = (Table(observed_at=turn.now, columns={one.name: (cell,)}) for one, cell in cells)
        return Answers(observed_at=turn.now, parts=tuple(parts), cost=found.cost)

    def _groups(self, grouped: Groups, turn: Turn) -> Answers:
        for one in grouped.questions:
            guard(one.statement)
        found = self._run(grouped.text, turn)
        parts = tuple(
            Table(observed_at=turn.now, columns=one) for one in grouped.tables(found.rows)
        )
        return Answers(observed_at=turn.now, parts=parts, cost=found.cost)

    def _tables(self, turn: Turn) -> Tables:
        def ask(text: str, most: str | None = None) -> Result:
            return self._run(text, turn, most=most)

        return Tables(self._address, self._known, ask, tries_footers=self.tries_footers)

    def _runner(self, turn: Turn, tally: Tally) -> Callable[[str, float], Result]:
        """Return how the load is asked for by SQL: as any query, in what is left of the turn."""
        return lambda text, seconds: self._run(text, shorter(turn, seconds), tally)

    def _run(
        self, text: str, turn: Turn, tally: Tally | None = None, most: str | None = None
    ) -> Result:
        """Run one statement when one of the few slots is free; waiting counts.

        It may read ``most``, where that is less than what the source allows.
        """
        if not self._slots.acquire(timeout=turn.left):
            raise SourceError(
                "timeout",
                f"not asked: another query took all of {turn.seconds:g} s",
                code=Why.DEADLINE_QUEUED,
            )
        try:
            limits = Limits(self._session_limits(most), self.max_rows)
            return run(text, self._address, turn, limits, tally)
        except SourceError as error:
            if "QUERY_QUEUE_FULL" in str(error):
                self._past.rejected = (turn.now, str(error))
            raise
        finally:
            self._slots.release()


def _filled(text: str, since: datetime, until: datetime) -> str:
    return UNTIL.sub(timestamp(until), SINCE.sub(timestamp(since), text))


def _scalars(questions: Sequence[Query]) -> dict[int, Scalar]:
    return {
        n: one
        for n, query in enumerate(questions)
        if isinstance(query, Rows) and query.since is None and (one := read_scalar(query.text))
    }
