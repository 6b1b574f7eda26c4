"""One plan after another: what was open is taken up or ended, what nobody uses is closed."""

import asyncio
from collections.abc import Awaitable, Callable, Container, Iterable
from datetime import datetime
from itertools import chain

from monitor.config.plan import Plan
from monitor.core.orders import Remove
from monitor.core.world import World
from monitor.engine.broken import farewells, file_findings, is_known
from monitor.engine.bulkheads import source_check
from monitor.engine.ledger import Ledger
from monitor.engine.steps import Steps


def take_up(
    plan: Plan,
    world: World,
    steps: Steps,
    ledger: Ledger,
    *,
    known: Container[str],
    now: datetime,
) -> set[str]:
    """Begin a plan with what is open: files that are wrong or right again, checks that left.

    ``known`` are the checks of the plan before; there is none after a start. Returns the sources
    that were ill, which answers make well.
    """
    # What was found of removed checks and is not stored yet would open alerts that nobody ends.
    gone = [one for one in steps.findings if not is_known(one.check, world)]
    ledger.closed(gone)
    steps.findings = [one for one in steps.findings if is_known(one.check, world)]
    found = {finding.check for finding in steps.findings}
    open_checks = {alert.check for alert in steps.memory.alerts.values() if alert.is_open}
    steps.take(file_findings(plan, open_checks, now))
    for check in farewells(open_checks - world.checks.keys(), known, plan):
        steps.order_soon(Remove(check))
    return {name for name in plan.sources if source_check(name) in open_checks | found}


class Leaving:
    """The plans of before, whose looks and sends still use what no plan has any more."""

    def __init__(self, sent: Callable[[], Awaitable[None]]) -> None:
        """Start with none; ``sent`` waits until every send that is under way has ended."""
        self._sent = sent
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, old: Plan, plan: Plan, looks: Iterable[asyncio.Task[None]]) -> None:
        """Close, in the background, what the new plan does not have once nobody uses it."""
        task = asyncio.create_task(self._leave(old, plan, looks))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _leave(self, old: Plan, plan: Plan, looks: Iterable[asyncio.Task[None]]) -> None:
        await asyncio.gather(*looks, return_exceptions=True)
        await self._sent()
        await close_gone(old, plan)

    async def settle(self) -> None:
        """Wait until all of them are closed."""
        await asyncio.gather(*self._tasks)

    def cancel(self) -> None:
        """Wait no longer."""
        for task in self._tasks:
            task.cancel()


async def close_gone(old: Plan, plan: Plan | None) -> None:
    """Close the sources and receivers that a new plan has not taken over; without one, all."""
    kept = set[int]()
    if plan is not None:
        kept = {id(one) for one in chain(plan.sources.values(), plan.receivers.values())}
    for source in old.sources.values():
        if id(source) not in kept:
            await source.close()
    for receiver in old.receivers.values():
        if id(receiver) not in kept:
            await receiver.close()
