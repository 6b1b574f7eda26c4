"""Delivery: one lane a receiver, so that one that is down or slow delays no other."""

import asyncio
import logging
from collections import deque
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from monitor.api.errors import DeliveryError
from monitor.api.receiver import Receiver
from monitor.config.plan import Plan
from monitor.core.notification import Notification, NotifyReason, Receipt
from monitor.core.state import OutboxRow
from monitor.engine.clock import Clock
from monitor.engine.metrics import Metrics
from monitor.engine.threads import Writer
from monitor.store import Store

log = logging.getLogger(__name__)

FIRST_WAIT = timedelta(seconds=1)
LONGEST_WAIT = timedelta(minutes=5)
SEND_TIMEOUT = timedelta(seconds=30)


def wait_after(attempts: int, asked: timedelta | None) -> timedelta:
    """Return how long to wait before the next try; a receiver that says how long is obeyed."""
    return asked if asked is not None else min(FIRST_WAIT * 2 ** min(attempts, 12), LONGEST_WAIT)


@dataclass
class Delivery:
    """Sends what the outbox holds; an intent is settled only with its receipt."""

    plan: Plan
    store: Store
    writer: Writer
    clock: Clock
    metrics: Metrics
    _busy: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _free_at: dict[str, datetime] = field(default_factory=dict)
    _sent: deque[Notification] = field(default_factory=lambda: deque(maxlen=1000))

    async def tick(self) -> None:
        """Start one send in every lane that is free and has something due."""
        now = self.clock.now()
        rows = await self.writer.run(self.store.outbox.pending, now)
        rows.sort(key=lambda row: (not row.notification.is_page, row.notification.view is None))
        for row in rows:
            lane = row.notification.receiver
            if lane in self._busy or self._free_at.get(lane, now) > now:
                continue
            task = asyncio.create_task(self._send(row), name=f"send to {lane}")
            self._busy[lane] = task
            task.add_done_callback(partial(self._ended, lane))

    def take_sent(self) -> list[Notification]:
        """Return what was delivered since the last call, at most the last thousand."""
        sent = list(self._sent)
        self._sent.clear()
        return sent

    def _ended(self, lane: str, task: asyncio.Task[None]) -> None:
        self._busy.pop(lane, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("the outcome of a send to %s could not be stored: %s", lane, error)

    async def settle(self) -> None:
        """Wait until every send under way has ended."""
        while self._busy:
            await asyncio.wait(list(self._busy.values()))

    async def _send(self, row: OutboxRow) -> None:
        note = row.notification
        receiver = self.plan.receivers.get(note.receiver)
        if receiver is None:
            await self._give_up(row, "the receiver is no longer in the configuration")
            return
        receipt = await self.writer.run(self.store.outbox.receipt, note.subject, note.receiver)
        try:
            proof = await self._try(receiver, row, receipt)
        except DeliveryError as error:
            await self._failed(row, error)
            return
        now = self.clock.now()
        self._free_at[note.receiver] = now + timedelta(seconds=1 / receiver.rate)
        self.metrics.notifications.labels(note.receiver, "sent").inc()
        await self.writer.run(self.store.outbox.delivered, note.key, replace(proof, at=now))
        self._sent.append(note)

    async def _try(self, receiver: Receiver, row: OutboxRow, receipt: Receipt | None) -> Receipt:
        try:
            async with asyncio.timeout(SEND_TIMEOUT.total_seconds()):
                return await receiver.send(row.notification, receipt)
        except DeliveryError:
            raise
        except TimeoutError:
            raise DeliveryError("no answer in time", is_ambiguous=True) from None
        except Exception as error:  # a plugin may raise anything; the message must not be lost
            log.exception("receiver %s failed", receiver.name)
            raise DeliveryError(f"the receiver failed: {error!r}") from error

    async def _failed(self, row: OutboxRow, error: DeliveryError) -> None:
        receiver = row.notification.receiver
        self.metrics.notifications.labels(receiver, "failed").inc()
        if error.is_final:
            await self._give_up(row, str(error))
            return
        wait = wait_after(row.attempts, error.retry_after)
        log.warning("%s did not take %s: %s", receiver, row.notification.key, error)
        due_at = self.clock.now() + wait
        self._free_at[receiver] = due_at
        await self.writer.run(self.store.outbox.postpone, row.notification.key, due_at, str(error))

    async def _give_up(self, row: OutboxRow, error: str) -> None:
        """Tell on-call instead; a fallback that fails is tried no further, but logged."""
        note = row.notification
        log.error("%s cannot be told of %s: %s", note.receiver, note.subject, error)
        now = self.clock.now()
        instead = [
            OutboxRow(
                replace(
                    note,
                    key=f"{note.key}:instead:{name}",
                    receiver=name,
                    reason=NotifyReason.FALLBACK,
                    headline=f"{note.receiver} could not be told: {error}",
                ),
                now,
            )
            for name in self.plan.on_call.receivers
            if name != note.receiver and note.reason is not NotifyReason.FALLBACK
        ]
        await self.writer.run(self.store.outbox.give_up, note.key, now, error, instead)
