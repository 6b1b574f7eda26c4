"""Asking for a batch: in one request, and in halves when that fails, until it is known why."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeAlias

from monitor.api.answer import Answer, Answers
from monitor.api.errors import SourceError
from monitor.api.query import Query, Together
from monitor.core.advance import Finding
from monitor.engine.batches import Apart, Asked
from monitor.engine.bulkheads import Bulkheads
from monitor.engine.look import answered, failed, look

log = logging.getLogger(__name__)

Found: TypeAlias = Callable[[Sequence[Finding]], None]

ALL_ALIKE = frozenset({"unreachable", "overload"})
"""Faults that a source has whatever it is asked: nobody in the batch is to blame."""

TOO_SLOW = frozenset({"timeout", "slow"})


@dataclass(frozen=True)
class Batching:
    """How one batch is asked; ``found`` takes what each of its checks found."""

    now: datetime
    bulkheads: Bulkheads
    apart: Apart
    found: Found

    async def look(self, batch: Sequence[Asked]) -> None:
        """Ask, and hand over what each found."""
        first = batch[0]
        if first.query is None:
            looker = first.lookers[0]
            self.found(await look(looker.planned, looker.due_at, self.now, self.bulkheads))
            return
        try:
            await self._ask(batch, first.lookers[0].planned.check.timeout)
        except Exception as error:  # a fault of ours: its slots must not end without a word
            log.exception("a batch could not be asked")
            fault = SourceError("protocol", f"the monitor failed: {error!r}")
            for one in batch:
                self.found(failed(one.lookers, self.now, fault, self.bulkheads))

    async def _ask(
        self, batch: Sequence[Asked], within: timedelta, *, is_part: bool = False
    ) -> None:
        """Ask for a batch; a part is one of a batch that failed."""
        clock = asyncio.get_running_loop().time
        started = clock()
        try:
            parts = await self._parts(batch, within)
        except SourceError as error:
            left = within - timedelta(seconds=clock() - started)
            if len(batch) > 1 and error.fault not in ALL_ALIKE and left > timedelta(0):
                await self._again(batch, left, error)
                return
            if is_part and len(batch) == 1:
                self.apart.put(batch, self.now)
            for one in batch:
                self.found(failed(one.lookers, self.now, error, self.bulkheads))
            return
        self.found(
            [
                finding
                for one, part in zip(batch, parts, strict=True)
                for finding in answered(one.lookers, self.now, [part], self.bulkheads)
            ]
        )

    async def _parts(self, batch: Sequence[Asked], within: timedelta) -> Sequence[Answer]:
        if len(batch) == 1:
            return [await self._request(batch, batch[0].query, within)]
        # The other half of the time is left for asking again, in parts.
        query = Together(tuple(one.query for one in batch if one.query is not None))
        answer = await self._request(batch, query, within / 2)
        if not isinstance(answer, Answers) or len(answer.parts) != len(batch):
            raise SourceError(
                "protocol", f"the answer is not one to each of {len(batch)} questions"
            )
        return answer.parts

    async def _again(self, batch: Sequence[Asked], within: timedelta, error: SourceError) -> None:
        """Ask in parts: what one question does must fail no other."""
        if error.fault in TOO_SLOW:
            self.apart.put(batch, self.now)
            parts = [[one] for one in batch]
        else:
            half = len(batch) // 2
            parts = [list(batch[:half]), list(batch[half:])]
        await asyncio.gather(*(self._ask(part, within, is_part=True) for part in parts))

    async def _request(
        self, batch: Sequence[Asked], query: Query | None, within: timedelta
    ) -> Answer:
        assert query is not None
        lookers = [looker for one in batch for looker in one.lookers]
        urgent = True in [looker.planned.is_urgent for looker in lookers]
        askers = tuple([(looker.planned.id, looker.planned.team) for looker in lookers])
        first = lookers[0].asking(self.now)
        asking = replace(first, timeout=within, urgent=urgent, askers=askers)
        return await self.bulkheads.ask(batch[0].source, query, asking, askers)
