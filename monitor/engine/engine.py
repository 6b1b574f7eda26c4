"""The loop: what is due is looked at, judged, stored in one transaction, and told."""

import asyncio
import logging
from collections.abc import Container, Iterator, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from monitor.config.plan import Plan
from monitor.core.advance import Finding
from monitor.core.book import Memory
from monitor.core.model import Verdict
from monitor.core.orders import Look, Order, Reconsider, Refusal
from monitor.core.state import Step
from monitor.core.world import World
from monitor.engine.auditor import Auditor
from monitor.engine.beats import beats_of
from monitor.engine.bulkheads import Bulkheads
from monitor.engine.clock import Clock
from monitor.engine.delivery import Delivery
from monitor.engine.digest_runs import DigestRuns
from monitor.engine.digests import Digests
from monitor.engine.dispatch import SLEEP, Dispatch
from monitor.engine.housekeeping import Housekeeping
from monitor.engine.inbox import read_batch
from monitor.engine.keeping import hand_over
from monitor.engine.lateness import Lateness
from monitor.engine.look import look
from monitor.engine.metrics import Metrics
from monitor.engine.shedding import overloaded, watchers
from monitor.engine.steps import Steps
from monitor.engine.succession import Leaving, close_gone, take_up
from monitor.engine.threads import Writer
from monitor.engine.world import world_of
from monitor.store import Store, StoreError

if TYPE_CHECKING:
    from monitor.engine.histories import Histories

log = logging.getLogger(__name__)

DRAIN = timedelta(seconds=10)
HANGS = timedelta(seconds=20)
"""A tick waits for nothing but the store, and for that not so long."""

MOST_MISSED = 100_000
"""With more slots that were missed in a sleep, the daemon was not there."""


class Engine:
    """One daemon's heart. ``tick`` does all that is due; whoever drives it decides how often."""

    def __init__(
        self,
        plan: Plan,
        store: Store,
        clock: Clock,
        metrics: Metrics,
        writer: Writer | None = None,
    ) -> None:
        """Construct; ``start`` reads the memory."""
        self.store, self.clock, self.metrics = store, clock, metrics
        self.writer = writer or Writer(store)
        self.is_ready = False
        self.fault: str | None = None
        self.steps = Steps(self.writer, clock, lambda: self.world, self._stored)
        self.dispatch = Dispatch(clock, metrics, self.steps.take, self.steps.flush_soon)
        self._ticked_at: datetime | None = None
        self._looked_at: datetime | None = None
        self._began_at: datetime | None = None
        self.housekeeping = Housekeeping(store, self.writer)
        self.lateness = Lateness()
        self.auditor = Auditor(
            plan,
            store,
            self.writer,
            lambda: self.trouble,
            self._audited,
            self._complaints,
        )
        self.delivery = Delivery(
            plan, store, self.writer, clock, metrics, self.steps.order_soon, self.steps.order
        )
        self.leaving = Leaving(self.delivery.settle)
        self._use(plan, world_of(plan))

    @cached_property
    def histories(self) -> "Histories":
        """What is remembered of metrics; made for the first check that remembers (ADR 6)."""
        from monitor.engine.histories import Histories  # noqa: PLC0415

        return Histories(self.store.metrics, self.writer)

    @property
    def memory(self) -> Memory:
        """What is known and on the disk."""
        return self.steps.memory

    @property
    def trouble(self) -> str | None:
        """Why the monitor does not do all its work; None when it does. ``fault`` is a tick's."""
        since = self._hangs_since()
        if since is not None:
            return f"the store has not answered since {since:%H:%M:%S} UTC"
        return self.steps.trouble or self.fault or self.digests.trouble

    def _complaints(self, now: datetime) -> Iterator[str]:
        yield from self.lateness.complaints(now)
        yield from self.steps.complaints(now)

    def _use(self, plan: Plan, world: World) -> None:
        self.plan: Plan = plan
        self.world: World = world
        self.bulkheads = Bulkheads(
            plan.sources,
            self.metrics,
            watching=watchers(plan),
            histories=lambda: self.histories,
            notes=self.housekeeping.notes,
            lateness=self.lateness,
        )
        self.dispatch.use(plan, self.bulkheads)
        self.delivery.use(plan)
        self.auditor.plan = plan
        self.digests = DigestRuns(
            Digests(plan, self.world, self.store),
            self.bulkheads,
            self.writer,
            self.clock,
            self.delivery.add,
        )

    async def start(self) -> None:
        """Remember what was, and plan the first looks."""
        now = self.clock.now()
        memory = await self.writer.run(self.store.history.memory, now)
        await self.housekeeping.start(self.plan.sources, now)
        kept = await self.writer.run(self.store.journal.not_taken)
        self.steps.restore(memory, (read_batch(one.key, one.body, one.at) for one in kept))
        await self.delivery.start()
        checks = self.plan.checks
        self.dispatch.calendar.plan(checks, beats_of(checks), now)
        self._take_up(now)
        self.steps.order_soon(Reconsider("the monitor started"))
        await self.steps.flush()
        for problem in self.plan.problems:
            log.error("%s", problem)

    async def reload(self, plan: Plan) -> None:
        """Go on with another plan; alerts of checks that keep their id keep their state.

        Nothing is waited for: a look that hangs or a receiver that is slow must not hold up what
        somebody mends. What is under way ends on the sources and receivers of before.
        """
        # Not in the loop, and before anything changes: a week of a crowd takes a while to write,
        # and a plan of 100,000 checks a second to go through.
        await asyncio.to_thread(hand_over, self.plan.sources, plan.sources, self.clock.now())
        world = await asyncio.to_thread(world_of, plan)
        beats = await asyncio.to_thread(beats_of, plan.checks)
        now = self.clock.now()
        old, known = self.plan, self.world.checks
        looks = list(self.dispatch.looks.values())
        self._use(plan, world)
        self.dispatch.calendar.plan(plan.checks, beats, now)
        self._take_up(now, known)
        self.steps.order_soon(Reconsider(f"revision {plan.revision}"))
        await self.steps.flush()
        self.leaving.begin(old, plan, looks)
        log.info("reloaded: %d checks, revision %s", len(plan.checks), plan.revision)

    def _take_up(self, now: datetime, known: Container[str] = ()) -> None:
        self.bulkheads.failing = take_up(
            self.plan, self.world, self.steps, self.dispatch.ledger, known=known, now=now
        )

    async def _look(self, now: datetime) -> None:
        """Start every look that is due; after a long sleep as after a start.

        That nobody looked for hours is known by its begin and end, and not by each slot: those of
        a machine that slept for a night, or that began with a clock of 1970, fill all memory.
        """
        gap = now - (self._looked_at or now)
        if gap > SLEEP and self.dispatch.calendar.missed(now) > MOST_MISSED:
            log.warning("nobody looked for %s", gap)
            await self.housekeeping.woke(now)
            self.dispatch.calendar.leap(now)
        self._looked_at = now
        self.bulkheads.spared = overloaded(self.bulkheads.watching, self.memory)
        self.dispatch.tick(now)

    async def tick(self) -> None:
        """Start every look that is due, store what was found, send what waits."""
        self._began_at = now = self.clock.now()
        try:
            await self._tick(now)
        finally:
            self._began_at = None

    def watch(self) -> None:
        """Let the auditor look, also while a tick hangs, on a store that does not answer."""
        self.auditor.tick(self.clock.now(), self.steps.failed_at or self._hangs_since())

    def _hangs_since(self) -> datetime | None:
        is_long = self._began_at is not None and self.clock.now() - self._began_at > HANGS
        return self._began_at if is_long else None

    async def _tick(self, now: datetime) -> None:
        if self._ticked_at is not None and now < self._ticked_at:
            log.warning("the clock went back by %s", self._ticked_at - now)
            self.dispatch.calendar.rewind(now)
            self.steps.order_soon(Reconsider("the clock went back"))
        self._ticked_at = now
        is_looking = not self.steps.is_full
        if is_looking:
            await self._look(now)
        else:
            self.dispatch.pause()
        await self.delivery.tick()
        await self.steps.flush()
        self.digests.tick()
        self.watch()
        await self.housekeeping.tick(self.plan.sources, now, is_looking=is_looking)
        self.fault = None
        self.is_ready = self.trouble is None

    async def receive(self, body: str) -> int:
        """Keep alerts of another system, and return how many; see ``Steps.receive``."""
        return await self.steps.receive(self.housekeeping.run, body)

    async def look_now(self, wish: Look) -> tuple[Verdict, ...]:
        """Look at a check at once, besides its schedule; stored when this returns."""
        await self.order(wish)
        findings = await look(self.plan.checks[wish.check], None, self.clock.now(), self.bulkheads)
        self.steps.take(findings)
        await self.steps.flush()
        if self.trouble is not None:
            raise StoreError(self.trouble)
        return findings[-1].verdicts

    async def order(self, order: Order) -> Refusal | None:
        """Do what somebody orders; it is committed when this returns. Raise StoreError."""
        return await self.steps.order(order)

    def _stored(self, findings: Sequence[Finding], step: Step) -> None:
        self.dispatch.ledger.closed(findings)
        self.housekeeping.recorder.take(findings)
        self.bulkheads.forget_well(self.steps.findings, self.memory)
        self.delivery.add(step.outbox)

    def _audited(self, finding: Finding) -> None:
        is_open = any(alert.is_open for alert in self.memory.alerts_of_check(finding.check))
        if is_open or finding.verdicts[0].tier is not None:
            self.steps.take((finding,))

    def count(self) -> None:
        """Bring the gauges up to what is remembered."""
        unaccounted = self.dispatch.ledger.unaccounted(
            self.dispatch.looks, list(self.steps.waiting())
        )
        self.metrics.slots_unaccounted.set(unaccounted)
        waiting = {name: lane.waiting() for name, lane in self.delivery.lanes.items()}
        self.metrics.bring_up(self.memory, self.sources(), waiting)

    def sources(self) -> list[dict[str, Any]]:
        """Tell how each source is asked."""
        return [self.bulkheads.state(name) for name in self.plan.sources]

    async def settle(self) -> None:
        """Wait until every look under way is over and stored, and every send has ended."""
        while self.dispatch.looks:
            await asyncio.wait(list(self.dispatch.looks.values()))
        await self.steps.settle()
        await self.digests.settle()
        await self.auditor.settle()
        await self.delivery.settle()

    async def prune(self) -> None:
        """Forget what nobody reads any more."""
        checks = (one.check for one in self.plan.checks.values())
        await self.housekeeping.prune(checks, self.clock.now())

    async def stop(self) -> None:
        """Take no new looks, finish those under way, store, send once more, close."""
        self.is_ready = False
        try:
            async with asyncio.timeout(DRAIN.total_seconds()):
                await self.settle()
                await self.delivery.tick()
                await self.delivery.settle()
        except TimeoutError:
            log.warning("some looks or sends did not end within %s", DRAIN)
        for look_under_way in self.dispatch.looks.values():
            look_under_way.cancel()
        self.leaving.cancel()
        await self.delivery.stop()
        await self.steps.settle()
        await self.housekeeping.stop(self.plan.sources, self.clock.now())
        await close_gone(self.plan, None)
        self.writer.close()
