"""Runs digests beside the loop: nobody's looks or pages wait for one."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from monitor.api.elsewhere import OpenAlertList, OpenAlerts
from monitor.api.errors import SourceError
from monitor.api.source import Asking
from monitor.core.digest import Elsewhere, Unavailable
from monitor.core.fold import ON_CALL_AUDIENCE
from monitor.core.state import OutboxRow
from monitor.engine.bulkheads import Bulkheads
from monitor.engine.clock import Clock
from monitor.engine.digests import Digests, Run
from monitor.engine.threads import Writer

log = logging.getLogger(__name__)

ASKING = timedelta(seconds=3)
"""How long other systems may take to say what is open there; the digest leaves without them."""

MOST_ELSEWHERE = 30

Heard = tuple[Sequence[Elsewhere], Sequence[Unavailable]]


@dataclass
class DigestRuns:
    """At most one set of digests is made at a time; what is due meanwhile waits for it."""

    digests: Digests
    bulkheads: Bulkheads
    writer: Writer
    clock: Clock
    deliver: Callable[[Sequence[OutboxRow]], object]
    """Takes the messages of a digest, once they are stored."""

    trouble: str | None = None
    _task: asyncio.Task[None] | None = field(default=None)

    def tick(self) -> None:
        """Begin what is due."""
        candidates = self.digests.candidates(self.clock.now())
        if candidates and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._run(candidates), name="digests")
            self._task.add_done_callback(self._ended)

    async def settle(self) -> None:
        """Wait until the digests under way are stored."""
        if self._task is not None:
            await asyncio.wait([self._task])

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Say what went wrong; the next tick tries again."""
        error = None if task.cancelled() else task.exception()
        self.trouble = None if error is None else f"a digest failed: {error}"
        if error is not None:
            log.error("a digest failed; it is tried again", exc_info=error)

    async def _run(self, candidates: Sequence[Run]) -> None:
        runs = await asyncio.to_thread(self.digests.due, candidates)
        heard: Heard = ((), ())
        if any(run.audience == ON_CALL_AUDIENCE for run in runs):
            heard = await self._ask()
        for run in runs:
            await self._make(run, heard)

    async def _make(self, run: Run, heard: Heard) -> None:
        now = self.clock.now()
        digest = await asyncio.to_thread(
            self.digests.make,
            run.plan,
            now,
            audience=run.audience,
            due_at=run.due_at,
            elsewhere=heard if run.audience == ON_CALL_AUDIENCE else ((), ()),
        )
        self.deliver(await self.writer.run(self.digests.claim, run, digest))

    async def _ask(self) -> Heard:
        """Ask every source that knows of open alerts, all at once, within the deadline."""
        sources = self.bulkheads.sources
        names = [name for name, source in sources.items() if OpenAlerts in source.answers]
        asking = Asking(self.clock.now(), ASKING, "digest")
        answers = await asyncio.gather(*(self._ask_one(name, asking) for name in names))
        open_there = [
            one for found in answers if not isinstance(found, Unavailable) for one in found
        ]
        missing = [found for found in answers if isinstance(found, Unavailable)]
        return open_there[:MOST_ELSEWHERE], missing

    async def _ask_one(self, name: str, asking: Asking) -> Sequence[Elsewhere] | Unavailable:
        try:
            async with asyncio.timeout(ASKING.total_seconds()):
                answer = await self.bulkheads.ask(name, OpenAlerts(), asking)
        except (SourceError, TimeoutError) as error:
            why = str(error) or f"no answer within {ASKING.total_seconds():g} s"
            return Unavailable(f"open alerts of {name}", why)
        if not isinstance(answer, OpenAlertList):
            return Unavailable(f"open alerts of {name}", "an answer of another kind")
        return [Elsewhere(name, a.title, a.since, a.owner, a.link) for a in answer.alerts]
