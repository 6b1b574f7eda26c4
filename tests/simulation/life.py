"""Lives of the daemon, one after the other, and the people and faults around them."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from random import Random
from typing import Any, ParamSpec, TypeVar

from monitor.api.receiver import Receiver
from monitor.api.source import Source
from monitor.config.plan import Plan
from monitor.core.matcher import parse_matchers
from monitor.core.orders import (
    Accept,
    Acknowledge,
    EndSilence,
    Explain,
    MakeSilence,
    Order,
    Reassign,
    Resolve,
)
from monitor.core.silence import Silence
from monitor.core.state import Step
from monitor.engine.engine import Engine
from monitor.engine.metrics import Metrics
from monitor.engine.threads import Writer
from monitor.store import Store, StoreError, open_store
from tests.simulation.loop import VirtualLoop
from tests.simulation.site import CHECKS, PHONES, START, Asked, Dies, Loud, Phone, Truth, plan_of

P = ParamSpec("P")
T = TypeVar("T")

TICK_SECONDS = 7.0
HEAL_TICK_SECONDS = 40.0
HEALING = timedelta(hours=30)
LEAST_HEALING = timedelta(minutes=2)
METRICS = Metrics()


class SimClock:
    """Virtual time, with steps that somebody makes at the machine's clock."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self.offset = timedelta(0)

    def now(self) -> datetime:
        return START + self.offset + timedelta(seconds=round(self._loop.time(), 6))


class SimWriter(Writer):
    """Writes at once, without a thread; may stall, fail, or die before and after a commit.

    A disk that is full can be read, a store that is gone cannot.
    """

    def __init__(self, store: Store, dies: Dies) -> None:
        super().__init__(store)
        self.dies = dies
        self.stall = 0.0
        self.is_full = False
        self.is_gone = False

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        if self.dies.is_dead:
            await asyncio.Event().wait()
        if self.is_gone:
            raise StoreError("the server went away")
        return call(*args, **kwargs)

    async def commit(self, step: Step) -> None:
        await self.dies.point()
        if self.stall:
            await asyncio.sleep(self.stall)
        if self.is_full or self.is_gone:
            raise StoreError("disk full")
        self._store.commit(step)
        await self.dies.point()


@cache
def _memory_store() -> tuple[Store, bytes]:
    """Open one store in memory, and remember how it looks when it is empty."""
    store = open_store("sqlite://")
    raw = _raw(store)
    return store, bytes(raw.serialize())


def _raw(store: Store) -> Any:
    with store._engine.connect() as connection:
        return connection.connection.driver_connection


def _nobody_asks(run: int, at: datetime) -> None:
    """Do not note that the daemon looks: nothing here asks when it did not."""
    del run, at


def empty_store() -> Store:
    """Give the store in memory, emptied."""
    store, empty = _memory_store()
    _raw(store).deserialize(empty)
    store.journal.seen = _nobody_asks  # type: ignore[method-assign]  # it would write all the time
    return store


@dataclass
class Sim:
    """One history, drawn from a seed. ``orders`` are those that were acknowledged."""

    seed: int
    loop: VirtualLoop
    store: Store = field(default_factory=empty_store)
    orders: list[Order] = field(default_factory=list)
    kills: int = 0

    def __post_init__(self) -> None:
        self.random = Random(self.seed)  # noqa: S311  # a replay needs a weak one
        self.clock = SimClock(self.loop)
        self.truth = Truth({(c, n): "ok" for c, about in CHECKS.items() for n in range(about[3])})
        self.truth.accepted = lambda name: (
            self.store.metrics.rebases(name) if name == "metric" else ()
        )
        deaths = Random(self.seed + 1)  # noqa: S311  # as above
        self.dies = Dies(deaths, self.random.choice([0.0, 0.01, 0.03]))
        trouble = self.random.choice([0.0, 0.1, 0.4])
        self.phones: dict[str, Phone] = {}
        for name in PHONES:
            moods = Random(f"{self.seed}{name}")  # noqa: S311  # as above
            made = Loud if self.seed % 2 else Phone
            self.phones[name] = made(name=name).rings(moods, self.dies, trouble)
        self.sources: dict[str, Source] = {
            name: Asked(name=name, maintainer="data").knows(self.truth)
            for name in ("rest", "warehouse")
        }
        self.variant = 0
        self.jumps = self.random.random() < 0.2  # one history in five

    def plan(self) -> Plan:
        phones: dict[str, Receiver] = dict(self.phones)
        return plan_of(self.sources, phones, variant=self.variant)

    async def live(self) -> None:
        """Run lives until the time of faults is over, then let everything heal."""
        end = self.loop.time() + self.random.uniform(1, 5) * 60
        while self.loop.time() < end:
            await self._one_life(end)
        self._heal()
        await self._one_life(self.loop.time() + HEALING.total_seconds())

    async def _one_life(self, end: float) -> None:
        self.dies.rise()
        self.writer = SimWriter(self.store, self.dies)
        engine = self.engine = Engine(self.plan(), self.store, self.clock, METRICS, self.writer)
        tasks = [asyncio.create_task(self._run(engine))]
        if not self.is_healing:
            tasks.append(asyncio.create_task(self._faults(engine)))
            tasks.append(asyncio.create_task(self._people(engine)))
        over = asyncio.create_task(asyncio.sleep(max(0.0, end - self.loop.time())))
        died = asyncio.create_task(self.dies.died.wait())
        await asyncio.wait([over, died, tasks[0]], return_when=asyncio.FIRST_COMPLETED)
        if tasks[0].done():
            tasks[0].result()  # a daemon that ends by itself has failed
        self.kills += self.dies.is_dead
        self.dies.is_dead = True
        await _end([*tasks, over, died])
        if not self.is_healing:
            await asyncio.sleep(self.random.choice([0.1, 5.0, 100.0]))

    async def _run(self, engine: Engine) -> None:
        await engine.start()
        while True:
            with suppress(StoreError):  # the next one tries again
                await engine.tick()
            await asyncio.sleep(HEAL_TICK_SECONDS if self.is_healing else TICK_SECONDS)
            if self.is_healing and self._is_well(engine):
                self.dies.is_dead = True
                self.dies.died.set()

    def _is_well(self, engine: Engine) -> bool:
        is_told = not any(lane.waiting() for lane in engine.delivery.lanes.values())
        is_old = self.loop.time() - self.healed_at > LEAST_HEALING.total_seconds()
        return is_old and is_told and not engine.memory.incidents

    is_healing = False
    healed_at = 0.0

    def _heal(self) -> None:
        self.is_healing, self.healed_at = True, self.loop.time()
        self.truth.down.clear()
        self.truth.levels.update(dict.fromkeys(self.truth.levels, "ok"))
        self.dies.spare()
        for phone in self.phones.values():
            phone._fault, phone._trouble = None, 0.0

    async def _faults(self, engine: Engine) -> None:
        while True:
            await asyncio.sleep(self.random.expovariate(1 / 8))
            self.random.choice(self._kinds_of_fault())(engine)
            if self.reloads:
                self.reloads = False
                await engine.reload(self.plan())

    reloads = False

    def _kinds_of_fault(self) -> list[Callable[[Engine], None]]:
        often: list[Callable[[Engine], None]] = [self._level] * 8
        return [*often, self._source, self._phone, self._phone, self._disk, self._time, self._route]

    def _level(self, _engine: Engine) -> None:
        key = self.random.choice(list(self.truth.levels))
        self.truth.changed_at[key] = self.clock.now()
        self.truth.levels[key] = self.random.choice(["ok", "ok", "warn", "page", "no data"])

    def _source(self, _engine: Engine) -> None:
        name = self.random.choice(list(self.sources))
        if self.truth.down.pop(name, None) is None:
            self.truth.down[name] = self.random.choice(["refuse", "hang", "raise", "nonsense"])

    def _phone(self, _engine: Engine) -> None:
        phone = self.phones[self.random.choice(PHONES)]
        phone._fault = None if phone._fault else self.random.choice(["refuse", "hang", "drop"])

    def _disk(self, _engine: Engine) -> None:
        is_well = self.writer.is_full or self.writer.is_gone or self.random.random() < 0.5  # even
        self.writer.is_full = not is_well and self.random.random() < 0.5  # as above
        self.writer.is_gone = not is_well and not self.writer.is_full
        self.writer.stall = self.random.choice([0.0, 0.0, 7.0])

    def _time(self, _engine: Engine) -> None:
        if self.jumps:
            minutes = self.random.choice([-60, -3, 2, 20, -1440])
            self.clock.offset += timedelta(minutes=minutes)

    def _route(self, _engine: Engine) -> None:
        self.variant = self.random.randrange(3)
        self.reloads = True

    async def _people(self, engine: Engine) -> None:
        while True:
            await asyncio.sleep(self.random.expovariate(1 / 25))
            order = self._order(engine)
            if order is None:
                continue
            try:
                refusal = await engine.order(order)
            except StoreError:
                continue
            if refusal is None:
                self.orders.append(order)

    def _order(self, engine: Engine) -> Order | None:
        now, by = self.clock.now(), "asha"
        if self.random.random() < 0.4:  # silences are frequent
            check = self.random.choice(list(CHECKS))
            ends = now + timedelta(minutes=self.random.choice([1, 4, 15]))
            key = f"s{len(self.orders)}"
            matchers = parse_matchers(f'check="{check}"')
            return MakeSilence(Silence(key, matchers, now, ends, by, "known"))
        if engine.memory.silences and self.random.random() < 0.3:  # as above
            return EndSilence(self.random.choice(list(engine.memory.silences)), by)
        if not engine.memory.incidents:
            return None
        incident = self.random.choice(list(engine.memory.incidents))
        until = now + timedelta(minutes=self.random.choice([1, 10]))
        orders: list[Order] = [
            Acknowledge(incident, by, until),
            Acknowledge(incident, by),
            Accept(incident, by),
            Reassign(incident, self.random.choice(["data", "recsys"]), by),
            Resolve(incident, by),
            Explain(incident, by),
        ]
        return self.random.choice(orders)


async def _end(tasks: list[asyncio.Task[Any]]) -> None:
    """Cancel everything that is left of a life, those tasks included that it started itself."""
    me = asyncio.current_task()
    left = [task for task in asyncio.all_tasks() if task is not me]
    for task in left:
        task.cancel()
    await asyncio.gather(*left, *tasks, return_exceptions=True)


def run(seed: int) -> Sim:
    """Live one history."""
    logging.disable(logging.CRITICAL)
    loop = VirtualLoop()
    try:
        sim = Sim(seed, loop)
        live: Coroutine[Any, Any, None] = sim.live()
        loop.run_until_complete(live)
    finally:
        loop.close()
        logging.disable(logging.NOTSET)
    return sim
