"""Delivery: one lane a receiver, so that one that is down or slow delays no other."""

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from monitor.api.errors import DeliveryError
from monitor.api.receiver import Receiver
from monitor.config.plan import Plan
from monitor.core.instead import Undelivered
from monitor.core.notification import Notification, NotifyReason, Receipt
from monitor.core.orders import Order
from monitor.core.state import OutboxRow, Postponed, Settled, Step
from monitor.core.trail import Deed
from monitor.core.whole import whole
from monitor.engine.clock import Clock
from monitor.engine.lane import Lane, Parcel, wait_after
from monitor.engine.metrics import Metrics
from monitor.engine.outcomes import delivered, trail_of, with_older
from monitor.engine.pace import Pace
from monitor.engine.threads import Writer
from monitor.store import RefusedError, Store, StoreError

log = logging.getLogger(__name__)

SEND_TIMEOUT = timedelta(seconds=30)
STORE_WAIT = timedelta(seconds=1)
MOST_RECEIPTS = 20_000


@dataclass
class Delivery:
    """Sends what the outbox holds; an intent is settled only with its receipt.

    ``report`` is told what could not be delivered yet: somebody else must hear of it. ``decide``
    returns when that is committed, for what never can be.
    """

    plan: Plan
    store: Store
    writer: Writer
    clock: Clock
    metrics: Metrics
    report: Callable[[Order], None]
    decide: Callable[[Order], Awaitable[object]]
    lanes: dict[str, Lane] = field(default_factory=dict)
    _paces: dict[str, Pace] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _sent: deque[Notification] = field(default_factory=lambda: deque(maxlen=1000))
    _receipts: OrderedDict[tuple[str, str], Receipt] = field(default_factory=OrderedDict)
    _seen_at: datetime | None = None

    async def start(self) -> None:
        """Take over what an earlier process left in the outbox."""
        self.add(await self.writer.run(self.store.outbox.waiting), starts=False)
        for lane in self.lanes.values():
            lane.doubt()

    def use(self, plan: Plan) -> None:
        """Go on with the receivers of another plan."""
        self.plan = plan
        for name, lane in self.lanes.items():
            lane.pace, lane.width = self._pace(name)
            lane.rewind(self.clock.now())

    def _pace(self, name: str) -> tuple[Pace, int]:
        """Return the pace of the place that a receiver sends to, and its width."""
        receiver = self.plan.receivers.get(name)
        if receiver is None:
            return Pace(1000.0), 1
        pace = self._paces.setdefault(receiver.place, Pace(receiver.rate))
        pace.rate = receiver.rate
        return pace, receiver.width

    def add(self, rows: Iterable[OutboxRow], *, starts: bool = True) -> None:
        """Queue intents that are committed, and send what may go at once."""
        now = self.clock.now()
        for row in rows:
            name = row.notification.receiver
            if name not in self.lanes:
                self.lanes[name] = Lane(name, *self._pace(name))
            self.lanes[name].add(row, now)
            if starts:
                self._start(self.lanes[name], now)

    async def tick(self) -> None:
        """Send what has become due, and report what has waited for too long."""
        now = self.clock.now()
        if self._seen_at is not None and now < self._seen_at:
            for lane in self.lanes.values():
                lane.rewind(now)
        self._seen_at = now
        for lane in self.lanes.values():
            for row in list(lane.overdue(now)):
                error = row.error or "no answer yet"
                since = f"not delivered since {row.notification.at}: {error}"
                try:
                    order = await self._undelivered(row, since)
                except StoreError as fault:
                    log.error("who else is to be told is not known: %s", fault)  # noqa: TRY400  # the text says it all
                    lane.remind(row, now + STORE_WAIT)
                    continue
                if order is not None:
                    self.report(order)
        # Of those that share a place, the one goes first that has the more urgent.
        for lane in sorted(self.lanes.values(), key=Lane.first):
            self._start(lane, now)

    def _start(self, lane: Lane, now: datetime) -> None:
        while (parcel := lane.take(now)) is not None:
            task = asyncio.create_task(self._send(lane, parcel), name=f"send to {lane.receiver}")
            self._tasks.add(task)
            task.add_done_callback(partial(self._ended, lane))

    def take_sent(self) -> list[Notification]:
        """Return what was delivered since the last call, at most the last thousand."""
        sent = list(self._sent)
        self._sent.clear()
        return sent

    def _ended(self, lane: Lane, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            self._start(lane, self.clock.now())

    async def settle(self) -> None:
        """Wait until every send under way has ended."""
        while self._tasks:
            await asyncio.wait(list(self._tasks))

    async def stop(self) -> None:
        """Give up every send under way: what may have arrived is sent again after the start."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _send(self, lane: Lane, parcel: Parcel) -> None:
        """Send, whatever happens on the way: a parcel that nobody ends would stop its lane."""
        try:
            await self._deliver(lane, parcel)
        except Exception:
            log.exception("a send to %s went wrong; it is tried again", lane.receiver)
            now = self.clock.now()
            lane.failed(parcel, now + wait_after(lane.failures, None), now, is_unsure=True)

    async def _deliver(self, lane: Lane, parcel: Parcel) -> None:
        note = with_older(parcel)
        receiver = self.plan.receivers.get(note.receiver)
        if receiver is None:
            await self._give_up(lane, parcel, "the receiver is no longer in the configuration")
            return
        try:
            await self._claim(parcel)
            proof = await self._try(receiver, note, await self._receipt(note))
        except DeliveryError as error:
            await self._failed(lane, parcel, error)
            return
        now = self.clock.now()
        lane.took()
        proof = replace(proof, at=now)
        self._remember(proof)
        if not proof.is_whole:
            lane.goes_on(parcel, now)
            return
        self.metrics.notifications.labels(note.receiver, "sent").inc()
        await self._store(delivered(parcel, proof, now))
        lane.done(parcel, now)
        self._sent.append(note)

    async def _claim(self, parcel: Parcel) -> None:
        """Note that a message is sent that stands for older ones, before it is.

        After a death in between it must be sent again, and not the older ones. Alone, the first of
        a subject is what a start takes for the one that may have arrived.
        """
        if not parcel.older or parcel.row.attempts:
            return
        now = self.clock.now()
        claim = Postponed(parcel.row.notification.key, now, "being sent")
        try:
            await self.writer.commit(Step(now, postponed=(claim,)))
        except StoreError as error:
            raise DeliveryError(f"not sent, because it could not be noted: {error}") from error

    async def _receipt(self, note: Notification) -> Receipt | None:
        key = (note.subject, note.receiver)
        if key in self._receipts or note.key.endswith(":1"):
            return self._receipts.get(key)
        return await self.writer.run(self.store.outbox.receipt, *key)

    def _remember(self, proof: Receipt) -> None:
        self._receipts[proof.subject, proof.receiver] = proof
        while len(self._receipts) > MOST_RECEIPTS:
            self._receipts.popitem(last=False)

    async def _try(
        self, receiver: Receiver, note: Notification, receipt: Receipt | None
    ) -> Receipt:
        try:
            async with asyncio.timeout(SEND_TIMEOUT.total_seconds()):
                return whole(await receiver.send(note, receipt))
        except DeliveryError:
            raise
        except TimeoutError:
            raise DeliveryError("no answer in time", is_ambiguous=True) from None
        except Exception as error:  # a plugin may raise anything; the message must not be lost
            log.exception("receiver %s failed", receiver.name)
            raise DeliveryError(f"the receiver failed: {error!r}") from error

    async def _failed(self, lane: Lane, parcel: Parcel, error: DeliveryError) -> None:
        note = parcel.row.notification
        self.metrics.notifications.labels(note.receiver, "failed").inc()
        if error.is_final:
            await self._give_up(lane, parcel, str(error))
            return
        now = self.clock.now()
        due_at = now + wait_after(lane.failures, error.retry_after)
        log.warning("%s did not take %s: %s", note.receiver, note.key, error)
        lane.failed(parcel, due_at, now, is_unsure=error.is_ambiguous)
        step = Step(
            now,
            postponed=(Postponed(note.key, due_at, str(error)),),
            trail=(trail_of(note, now, Deed.NOT_TAKEN, str(error)),),
        )
        try:
            await self.writer.commit(step)
        except StoreError as fault:  # it stays queued; only how often it was tried is not known
            log.warning("a failed send could not be stored: %s", fault)

    async def _give_up(self, lane: Lane, parcel: Parcel, error: str) -> None:
        """Settle what can never be delivered; whoever is told instead is committed first.

        A death in between would else leave nobody who was told, and nothing that says so.
        """
        note = parcel.row.notification
        log.error("%s cannot be told of %s: %s", note.receiver, note.subject, error)
        now = self.clock.now()
        order = await self._undelivered(parcel.row, error)
        if order is not None:
            await self._until_stored(lambda: self.decide(order))
        settled = tuple(Settled(row.notification.key, now, "failed", error) for row in parcel.rows)
        trail = (trail_of(note, now, Deed.GIVEN_UP, error),)
        await self._store(
            Step(now, settled=settled, trail=trail, outbox=self._instead(note, error))
        )
        lane.done(parcel, now)

    async def _undelivered(self, row: OutboxRow, error: str) -> Undelivered | None:
        note = row.notification
        if note.view is None or row.is_degraded:
            return None
        intents = await self.writer.run(self.store.outbox.intents_of, note.subject)
        others = [one for one in intents if one.receiver != note.receiver]
        is_heard = any(one.state == "sent" for one in intents) or any(
            one.state == "pending" for one in others
        )
        return Undelivered(note, error, row.due_at, is_heard)

    def _instead(self, note: Notification, error: str) -> tuple[OutboxRow, ...]:
        """Tell on-call what is no incident: a digest that cannot be delivered."""
        if note.view is not None or note.reason is NotifyReason.FALLBACK:
            return ()
        now = self.clock.now()
        headline = f"{note.receiver} could not be told: {error}"
        return tuple(
            OutboxRow(
                replace(
                    note,
                    key=f"{note.key}:instead:{name}",
                    receiver=name,
                    reason=NotifyReason.FALLBACK,
                    headline=headline,
                ),
                now,
            )
            for name in self.plan.on_call.receivers
            if name != note.receiver
        )

    async def _store(self, step: Step) -> None:
        """Write how a send ended, however long the store takes: else it would be sent again."""
        await self._until_stored(lambda: self.writer.commit(step))
        self.add(step.outbox)

    async def _until_stored(self, work: Callable[[], Awaitable[object]]) -> None:
        while True:
            try:
                await work()
            except RefusedError as error:  # after a start it is sent again, and only it
                log.error("%s; the outcome of a send is not kept", error)  # noqa: TRY400  # the text says it all
                return
            except StoreError as error:
                log.error("%s; the outcome of a send waits", error)  # noqa: TRY400  # the text says it all
                await asyncio.sleep(STORE_WAIT.total_seconds())
            else:
                return
