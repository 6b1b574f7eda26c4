"""What was found, ordered and sent goes through steps, each judged and committed as a whole."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain
from typing import TypeAlias

from monitor.core.advance import Advanced, Finding, advance
from monitor.core.book import Memory
from monitor.core.model import Outcome, Verdict
from monitor.core.orders import Order, Refusal
from monitor.core.state import Received, Step
from monitor.core.whole import whole
from monitor.core.world import World
from monitor.engine.clock import Clock
from monitor.engine.inbox import Batch, Inbox, read_batch
from monitor.engine.threads import Writer
from monitor.store import RefusedError, StoreError

log = logging.getLogger(__name__)

STORE_WAIT = timedelta(seconds=10)
"""How long a store that failed is left alone, but for what people order."""

GATHER = timedelta(milliseconds=20)
"""Looks that end so soon after a commit wait for the next: one costs as much as fifty looks."""

MOST_AT_ONCE = 1000
"""Alerts of other systems that one step takes in: between two steps the loop answers others."""

MOST_WAITING = 200_000
"""What is found may wait for the store, about 200 MB; while more does, nobody looks."""

TOLD_FOR = timedelta(minutes=10)
"""How long the on-call is told of what could not be kept."""

Waiting: TypeAlias = "tuple[Order, asyncio.Future[Refusal | None] | None]"


@dataclass(frozen=True, slots=True)
class Work:
    """What one step takes in.

    ``is_whole`` says that its texts are what every store takes, ``is_last`` that nothing can be
    said instead of it.
    """

    findings: Sequence[Finding] = ()
    batches: Sequence[Batch] = ()
    orders: Sequence[Waiting] = ()
    is_whole: bool = False
    is_last: bool = False

    def __len__(self) -> int:
        """Return how many things it can be parted into."""
        return len(self.findings) + len(self.batches) + len(self.orders)

    def made_whole(self) -> "Work":
        """Mend what is no text."""
        batches = [replace(one, findings=whole(one.findings)) for one in self.batches]
        orders = [(whole(order), done) for order, done in self.orders]
        return Work(whole(tuple(self.findings)), batches, orders, is_whole=True)

    def halves(self) -> "tuple[Work, Work]":
        """Part it in two."""
        at = len(self) // 2
        more = at - len(self.findings)
        most = max(0, more)
        last = max(0, more - len(self.batches))
        one = Work(self.findings[:at], self.batches[:most], self.orders[:last], self.is_whole)
        other = Work(self.findings[at:], self.batches[most:], self.orders[last:], self.is_whole)
        return one, other


class Steps:
    """Judges and commits what waits, and remembers what is committed.

    What cannot be written now waits on. What never can be is parted from the rest, which must not
    suffer. ``stored`` hears what was committed.
    """

    def __init__(
        self,
        writer: Writer,
        clock: Clock,
        world: Callable[[], World],
        stored: Callable[[Sequence[Finding], Step], None],
    ) -> None:
        """Start with nothing; whoever reads the store gives the memory."""
        self.memory = Memory()
        self.trouble: str | None = None
        self.failed_at: datetime | None = None
        self.findings: list[Finding] = []
        self._writer, self._clock, self._world, self._stored = writer, clock, world, stored
        self._orders: list[Waiting] = []
        self._inbox = Inbox()
        self._received = 0
        self._storing: Sequence[Finding] = ()
        self._refused: deque[tuple[datetime, str]] = deque(maxlen=100)
        self._committing = asyncio.Lock()
        self._flushing: asyncio.Task[None] | None = None
        self._wants_flush = False
        self._soon: asyncio.TimerHandle | None = None
        self._flushed_at = 0.0

    def restore(self, memory: Memory, batches: Iterable[Batch]) -> None:
        """Go on from what the store remembers."""
        self.memory = memory
        for batch in batches:
            self._inbox.put(batch)

    def take(self, findings: Iterable[Finding]) -> None:
        """Take what was found in at the next flush."""
        self.findings.extend(findings)

    @property
    def is_full(self) -> bool:
        """Whether so much waits for the store that nothing more can be held."""
        return len(self.findings) > MOST_WAITING

    def waiting(self) -> Iterable[Finding]:
        """Return what is found and not on the disk yet."""
        return chain(self.findings, self._storing)

    async def receive(self, run: int, body: str) -> int:
        """Keep a batch of alerts of another system; it is committed when this returns.

        Return how many alerts it holds; ``run`` is the number of this daemon. Raise BatchError for
        what cannot be read, BusyError for what must come again later, StoreError.
        """
        with self._inbox.arrival():
            now = self._clock.now()
            self._received += 1
            batch = read_batch(f"{run}-{self._received}", body, now)
            await self._writer.commit(Step(now, received=(Received(batch.key, now, body),)))
            self._inbox.put(batch)
        self.flush_soon()
        return batch.size

    async def order(self, order: Order) -> Refusal | None:
        """Do what somebody orders; it is committed when this returns. Raise StoreError."""
        done: asyncio.Future[Refusal | None] = asyncio.get_running_loop().create_future()
        self._orders.append((order, done))
        await self.flush()
        return await done

    def order_soon(self, order: Order) -> None:
        """Do something at the next flush, and again at the one after if it cannot be stored."""
        self._orders.append((order, None))

    def flush_soon(self) -> None:
        """Flush as soon as the loop is free, or in a moment where that was done just before."""
        if self._soon is None:
            at = self._flushed_at + GATHER.total_seconds()
            self._soon = asyncio.get_running_loop().call_at(at, self._begin_flush)

    def _begin_flush(self) -> None:
        self._soon = None
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self._flush_wanted())
        else:
            self._wants_flush = True

    async def _flush_wanted(self) -> None:
        self._flushed_at = asyncio.get_running_loop().time()
        await self.flush()
        if self._wants_flush:
            self._wants_flush = False
            self.flush_soon()

    async def settle(self) -> None:
        """Flush, and wait until that, and what was begun before, is over."""
        await self.flush()
        if self._flushing is not None:
            await self._flushing
        while self._soon is not None:
            self._soon.cancel()
            self._soon = None
            if self.failed_at is None:
                await self.flush()

    async def flush(self) -> None:
        """Judge and commit what waits; what cannot be stored now is kept and tried again."""
        async with self._committing:
            now = self._clock.now()
            if self._is_too_early(now):
                return
            due_at = self.memory.next_due()
            is_due = due_at is not None and due_at <= now
            work = Work(self.findings, self._inbox.take(now, MOST_AT_ONCE), self._orders)
            if not (len(work) or is_due):
                return
            self.findings, self._orders = [], []
            self._storing = work.findings
            await self._do(work, now)
            self._storing = ()
        if work.batches and self._inbox:
            self.flush_soon()

    async def _do(self, work: Work, now: datetime) -> None:
        """Take a step; part what is refused until what cannot be kept stands alone."""
        try:
            await self._step(work, now)
        except RefusedError as error:
            await self._mend(work, now, error)
        except StoreError as error:
            self._keep(work, error)
        except Exception as error:
            log.exception("a step cannot be judged")
            await self._mend(work, now, RefusedError(f"a step cannot be judged: {error!r}"))

    async def _step(self, work: Work, now: datetime) -> None:
        sent = [finding for batch in work.batches for finding in batch.findings]
        orders = [order for order, _ in work.orders]
        found = [*work.findings, *sent]
        advanced = advance(self.memory, found, self._world(), now, orders)
        step = replace(advanced.step, taken=tuple(batch.key for batch in work.batches))
        await self._writer.commit(step)
        self.trouble, self.failed_at = None, None
        self.memory.apply(step)
        _answer(work.orders, advanced)
        self._stored(work.findings, step)

    async def _mend(self, work: Work, now: datetime, error: RefusedError) -> None:
        if not work.is_whole:
            await self._do(work.made_whole(), now)
        elif len(work) > 1:
            for half in work.halves():
                await self._do(half, now)
        elif len(work) and await self._can_go_on(now):
            await self._leave_out(work, now, error)
        else:
            self._keep(work, error)

    async def _can_go_on(self, now: datetime) -> bool:
        """Say whether time alone is taken: else the fault is not in what was found."""
        try:
            await self._step(Work(), now)
        except Exception as error:  # noqa: BLE001  # whatever it is, it is not theirs
            log.error("nothing can be judged or kept: %r", error)  # noqa: TRY400  # was told before
            return False
        return True

    async def _leave_out(self, work: Work, now: datetime, error: RefusedError) -> None:
        """Go on without what cannot be kept, and let people know."""
        log.error("%s: left out", error)
        self._refused.append((now, str(error)))
        for _, done in work.orders:
            if done is not None and not done.done():
                done.set_exception(error)
        if work.is_last:
            return
        for batch in work.batches:
            await self._do(replace(work, findings=batch.findings, batches=()), now)
            await self._do(
                Work(batches=[replace(batch, findings=())], is_whole=True, is_last=True), now
            )
        for finding in work.findings:
            told = f"what was found cannot be kept: {error}"
            verdict = Verdict(finding.check, (), now, Outcome.ERROR, reason=told)
            await self._do(
                Work([replace(finding, verdicts=(verdict,))], is_whole=True, is_last=True), now
            )

    def complaints(self, now: datetime) -> Iterator[str]:
        """Say what could not be kept."""
        lately = [text for at, text in self._refused if now - at <= TOLD_FOR]
        if lately:
            yield f"{len(lately)} findings or orders could not be kept, the last: {lately[-1]}"

    def _keep(self, work: Work, error: StoreError) -> None:
        self._inbox.put_back(work.batches)
        self.findings = [*work.findings, *self.findings]
        self._orders = [one for one in work.orders if one[1] is None] + self._orders
        for _, done in work.orders:
            if done is not None and not done.done():
                done.set_exception(error)
        self.trouble = str(error)
        self.failed_at = self._clock.now()
        log.error("%s; %d findings wait", error, len(self.findings))

    def _is_too_early(self, now: datetime) -> bool:
        """Say whether the store failed a moment ago: what waits is not judged over and over."""
        if self.failed_at is None or self._orders:
            return False
        return timedelta(0) <= now - self.failed_at < STORE_WAIT


def _answer(orders: Iterable[Waiting], advanced: Advanced) -> None:
    for (_, done), refusal in zip(orders, advanced.refusals, strict=True):
        if done is not None and not done.done():
            done.set_result(refusal)
