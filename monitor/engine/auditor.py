"""The auditor at work: every minute it compares, tells breaches, and says to the outside: all well.

Somebody outside waits for that word (a dead man's switch). It does not come when the monitor is
dead, and neither when it lives and does not tell.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from monitor.api.errors import DeliveryError
from monitor.config.plan import Plan
from monitor.core.advance import Finding
from monitor.core.audit import AUDITOR, Records, Unheard, audit, is_overdue, unheard
from monitor.core.model import Outcome, Tier, Verdict
from monitor.core.notification import Notification, NotifyReason
from monitor.engine.threads import Writer
from monitor.store import Store, StoreError

log = logging.getLogger(__name__)

EVERY = timedelta(minutes=1)
CRY_AFTER = timedelta(minutes=1)
"""How long the store may fail before somebody is told past it."""

PING_SECONDS = 10.0
SEND_SECONDS = 30.0
MOST_NAMED = 3


@dataclass
class Auditor:
    """Looks once a minute, beside the loop.

    ``trouble`` says what the engine itself knows to be wrong; ``found`` takes what was found;
    ``complaints`` say what does not break a promise yet, and should be known all the same.
    """

    plan: Plan
    store: Store
    writer: Writer
    trouble: Callable[[], str | None]
    found: Callable[[Finding], None]
    complaints: Callable[[datetime], Iterable[str]] = lambda _: ()
    _unheard: Unheard = field(default_factory=dict)
    _looked_at: datetime | None = None
    _failing_since: datetime | None = None
    _has_cried: bool = False
    _task: asyncio.Task[None] | None = field(default=None, repr=False)
    _crying: asyncio.Task[None] | None = field(default=None, repr=False)

    def tick(self, now: datetime, failed_at: datetime | None) -> None:
        """Begin to look, when it is time; ``failed_at`` is when the store failed, if it does."""
        self._failing_since = (self._failing_since or failed_at) if failed_at else None
        self._has_cried = self._has_cried and failed_at is not None
        since = self._failing_since
        if since is not None and now - since >= CRY_AFTER and not self._has_cried:
            self._has_cried = True  # beside a look, which may wait for that store
            self._crying = asyncio.create_task(self._cry(since, now))
        if self._looked_at is not None and timedelta(0) <= now - self._looked_at < EVERY:
            return
        if self._task is None or self._task.done():
            self._looked_at = now
            self._task = asyncio.create_task(self._look(now))

    async def settle(self) -> None:
        """Wait until what is under way is over."""
        for task in (self._task, self._crying):
            if task is not None:
                await task

    async def _look(self, now: datetime) -> None:
        try:
            records = await self.writer.run(self.store.audits.records, now)
            lost = await self._nobody_heard_of(records, now)
        except StoreError as error:
            log.warning("the auditor cannot read: %s", error)
            return
        breaches = audit(records, now)
        slow = "; ".join(self.complaints(now))
        if not breaches and slow:
            log.warning("the monitor is behind: %s", slow)
            reason = f"the monitor is behind: {slow}"
            self.found(_finding(Verdict(AUDITOR, (), now, Outcome.WARN, Tier.WARN, reason)))
        elif not breaches:
            self.found(_finding(Verdict(AUDITOR, (), now, Outcome.OK)))
        if lost:  # whoever could be told of that is in its line, and was tried
            log.error("nobody can be told of %s", ", ".join(lost[:MOST_NAMED]))
        if not breaches:
            if self.trouble() is None and not lost:
                await self._ping()
            return
        named = "; ".join(str(one) for one in breaches[:MOST_NAMED])
        more = f"; and {len(breaches) - MOST_NAMED} more" if len(breaches) > MOST_NAMED else ""
        reason = f"the monitor itself fails: {named}{more}"
        log.error("%s", reason)
        self.found(_finding(Verdict(AUDITOR, (), now, Outcome.PAGE, Tier.PAGE, reason)))

    async def _nobody_heard_of(self, records: Records, now: datetime) -> list[str]:
        """Name the incidents of whose newest every receiver in line was told in vain."""
        self._unheard = unheard(records.threads, self._unheard)
        overdue = {
            name
            for (name, is_page), since in self._unheard.items()
            if is_overdue(since, now, is_page=is_page)
        }
        if not overdue:
            return []
        still_open = await self.writer.run(self.store.history.incidents, now, now + EVERY)
        return [one.id for one in still_open if one.ack is None and one.id in overdue]

    async def _cry(self, since: datetime, now: datetime) -> None:
        """Tell the receivers of last resort past the outbox: it cannot be written."""
        text = f"the monitor cannot write its store since {since:%H:%M} UTC: {self.trouble()}"
        subject = f"store:{since.isoformat(timespec='seconds')}"
        for name in self.plan.auditor.fallback or self.plan.on_call.receivers:
            note = Notification(
                key=f"{subject}:{name}",
                subject=subject,
                receiver=name,
                reason=NotifyReason.FALLBACK,
                at=now,
                is_page=True,
                headline=text,
            )
            try:
                async with asyncio.timeout(SEND_SECONDS):
                    await self.plan.receivers[name].send(note, None)
            except (DeliveryError, TimeoutError) as error:
                log.error("%s could not be told that the store fails: %s", name, error)  # noqa: TRY400  # the text says it all

    async def _ping(self) -> None:
        url = self.plan.auditor.ping
        if url is None:
            return
        import httpx  # noqa: PLC0415  # 6 MB that a daemon without HTTP saves (ADR 6)

        from monitor.api.connections import trust  # noqa: PLC0415

        try:
            async with httpx.AsyncClient(timeout=PING_SECONDS, verify=trust()) as client:
                answer = await client.get(url)
            if not answer.is_success:
                log.warning("the dead man's switch answers %d", answer.status_code)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            # The address holds a secret: only the kind of the fault is said.
            log.warning("the dead man's switch cannot be reached: %s", type(error).__name__)


def _finding(verdict: Verdict) -> Finding:
    return Finding(AUDITOR, None, (verdict,))
