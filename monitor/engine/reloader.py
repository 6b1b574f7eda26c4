"""Reading the configuration again while the daemon runs: when its files change, or when asked."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from monitor.config.load import ConfigError, Loader
from monitor.config.plan import BrokenFile, Plan
from monitor.config.watch import signature

log = logging.getLogger(__name__)

ASK_AGAIN = timedelta(minutes=10)
"""How often the queries of ``for_each`` are asked again: new models get their checks by then."""
ASK_AFTER_FAULT = timedelta(minutes=1)


@dataclass
class Reloader:
    """Looks at the files, and hands a new plan over when they say something new.

    A change is read once two looks in a row saw the same: files that are being written wait.
    """

    loader: Loader
    plan: Callable[[], Plan]
    use: Callable[[Plan], Awaitable[None]]
    _seen: bytes = b""
    _read: bytes = b""
    _asked_at: datetime | None = None
    _is_forced: bool = False
    _busy: asyncio.Lock = field(default_factory=asyncio.Lock)

    def force(self) -> None:
        """Read at the next look, whatever the files look like."""
        self._is_forced = True

    async def look(self, now: datetime) -> None:
        """Look once, and reload where there is a reason to."""
        if self._busy.locked():
            return
        async with self._busy:
            before, self._seen = self._seen, await self._signature()
            self._asked_at = self._asked_at or now
            if not self._read:
                self._read = self._seen  # what was loaded at the start
            is_new = self._seen not in {self._read, b""} and self._seen == before
            if is_new or self._is_forced or self._asks_again(now):
                self._is_forced = False
                await self._reload(now)

    async def _signature(self) -> bytes:
        try:
            return await asyncio.to_thread(signature, self.loader.config_file, self.loader.folder)
        except OSError as error:
            log.warning("the configuration cannot be looked at: %s", error)
            return b""

    def _asks_again(self, now: datetime) -> bool:
        plan = self.plan()
        if not plan.asks or self._asked_at is None:
            return False
        wait = ASK_AFTER_FAULT if plan.problems or plan.is_stale else ASK_AGAIN
        return now - self._asked_at >= wait

    async def _reload(self, now: datetime) -> None:
        self._read, self._asked_at = self._seen, now
        old = self.plan()
        try:
            plan = await asyncio.to_thread(self.loader.load, old)
        except ConfigError as error:
            log.error("not reloaded, the old configuration goes on: %s", error)  # noqa: TRY400  # the text says it all
            name = self.loader.config_file.name
            broken = {**old.broken, name: BrokenFile(name, None, error.problems)}
            await self.use(replace(old, broken=broken, problems=error.problems))
            return
        if is_same(plan, old):
            return
        for problem in plan.problems:
            log.error("%s", problem)
        await asyncio.to_thread(self.loader.keep)
        if (plan.store, plan.web) != (old.store, old.web):
            log.warning("'store' and 'web' changed: they count from the next start on")
        await self.use(plan)


def is_same(plan: Plan, old: Plan) -> bool:
    """Say whether two plans say the same: files were touched, or queries found what was known."""
    return (
        plan.revision == old.revision
        and plan.checks == old.checks
        and plan.problems == old.problems
        and plan.broken == old.broken
        and plan.is_stale == old.is_stale
    )
