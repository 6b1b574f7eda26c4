"""The one place that constructs everything."""

import asyncio
import gc
import logging
import os
import signal
import socket
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType

import uvicorn
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from monitor.api.errors import MonitorError
from monitor.config.load import Loader
from monitor.config.plan import Plan
from monitor.engine.clock import Clock, SystemClock
from monitor.engine.engine import Engine
from monitor.engine.finding import StoredRecall, ask_once
from monitor.engine.metrics import Metrics
from monitor.engine.reloader import Reloader
from monitor.sources.pings import PINGS, Pings
from monitor.store import HeldError, Store, StoreError, open_store
from monitor.web.auth import refuse_exposed
from monitor.web.pages import Pages, make_web
from monitor.web.slack_socket import SlackSockets

log = logging.getLogger(__name__)

TICK_SECONDS = 0.05
WATCH_SECONDS = 0.5
COLLECT_AFTER = 50_000
"""New objects between two runs of Python's collector: its 700 are for small programs, and cost a
daemon with thousands of incidents 5 % of its time."""

FIRST_RETENTION = timedelta(minutes=5)
"""After the start: a daemon that is often restarted must pack and forget, too."""

LATE_AFTER = timedelta(seconds=5)
"""A tenth of the minute in which most checks are due once; see ``monitor.engine.lateness``."""


class PortError(MonitorError):
    """The address of the pages is taken."""


def with_pings(plan: Plan, store: Store) -> Plan:
    """Add the source that every plan has: the pings that jobs send to this daemon."""
    pings = Pings(name=PINGS, journal=store.journal)
    return replace(plan, sources=MappingProxyType({**plan.sources, PINGS: pings}))


@dataclass
class App:
    """One daemon: engine, pages, and the handful of jobs that drive them."""

    plan: Plan
    store: Store
    clock: Clock = field(default_factory=SystemClock)
    loader: Loader | None = None

    def __post_init__(self) -> None:
        """Put the parts together."""
        self.metrics = Metrics()
        plan = with_pings(self.plan, self.store)
        self.engine = Engine(plan, self.store, self.clock, self.metrics)
        self.engine.lateness.bound = LATE_AFTER
        self.pages = Pages(
            store=self.store,
            clock=self.clock,
            registry=self.metrics.registry,
            plan=lambda: self.engine.plan,
            world=lambda: self.engine.world,
            trouble=self._trouble,
            count=self.engine.count,
            doer=self.engine,
            sources=self.engine.sources,
            web=self.plan.web,
        )
        self._stopping = asyncio.Event()
        self._lost: HeldError | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._reloader: Reloader | None = None
        if self.loader is not None:
            self._reloader = Reloader(self.loader, lambda: self.engine.plan, self._use)

    def _trouble(self) -> str | None:
        if self.engine.trouble is not None:
            return self.engine.trouble
        return None if self.engine.is_ready else "the first tick is not over"

    async def run(self) -> None:
        """Run until SIGTERM or SIGINT; then drain. Raise HeldError when the store is lost."""
        refuse_exposed(self.plan.web)
        gc.set_threshold(COLLECT_AFTER)
        listener = bind(self.plan.web.host, self.plan.web.port)
        await self.engine.start()
        # What stays is never garbage: going through a plan of 100,000 checks stops all for 0.5 s.
        gc.freeze()
        server = self._server()
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        sockets = SlackSockets(
            self.pages.desk, self.pages.slack.apps, self.metrics.slack_socket.set
        )
        listening = asyncio.create_task(sockets.run(), name="Slack's sockets")
        scheduler = self._jobs()
        scheduler.start()
        self._handle_signals()
        if self.loader is not None:
            await asyncio.to_thread(self.loader.keep)
        log.info(
            "%d checks, pages on http://%s:%d",
            len(self.plan.checks),
            *listener.getsockname()[:2],
        )
        await self._stopping.wait()
        if self._lost is not None:
            raise self._lost  # what is not sent yet is told by the other one
        log.info("stopping: no new looks, those under way are finished and stored")
        scheduler.shutdown(wait=False)
        if self._alarm is not None:
            self._alarm.cancel()
        listening.cancel()
        await self.engine.stop()
        server.should_exit = True
        await serving

    def _server(self) -> uvicorn.Server:
        # The address of the peer decides whom to believe: no header may change it.
        config = uvicorn.Config(
            make_web(self.pages),
            http="h11",  # it bounds the head of a request, which httptools does not
            log_config=None,
            access_log=False,
            lifespan="off",
            proxy_headers=False,
        )
        server = uvicorn.Server(config)
        server.install_signal_handlers = lambda: None  # type: ignore[attr-defined,unused-ignore]
        return server

    def _jobs(self) -> AsyncIOScheduler:
        """Make the jobs; checks are not among them, they live in the engine's own heap."""
        scheduler = AsyncIOScheduler(timezone="UTC")
        options = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        scheduler.add_job(self._tick, "interval", seconds=TICK_SECONDS, id="tick", **options)
        scheduler.add_job(self._watch, "interval", seconds=WATCH_SECONDS, id="reload", **options)
        scheduler.add_job(self._audit, "interval", seconds=1, id="auditor", **options)
        first = self.clock.now() + FIRST_RETENTION
        scheduler.add_job(
            self._prune, "interval", hours=1, next_run_time=first, id="retention", **options
        )
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        return scheduler

    async def _tick(self) -> None:
        try:
            await self.engine.tick()
        except HeldError as error:
            self._lost = error
            self._stopping.set()
        except StoreError as error:
            log.error("a tick failed, the next one tries again: %s", error)  # noqa: TRY400  # the text says it all
            self.engine.fault = f"a tick failed: {error}"
        except Exception as error:  # the loop must outlive any fault of one tick
            log.exception("a tick failed; the next one tries again")
            self.engine.fault = f"a tick failed: {error}"
        self._wake()

    def _wake(self) -> None:
        """Look at what falls due when it does, and not up to 50 ms later, or after a long tick."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        wait = self.engine.dispatch.until_due()
        if wait is not None:
            seconds = max(0.0, wait.total_seconds())
            self._alarm = asyncio.get_running_loop().call_later(seconds, self._look)

    def _look(self) -> None:
        if self.engine.dispatch.look():
            self._wake()

    async def _audit(self) -> None:
        self.engine.watch()

    async def _prune(self) -> None:
        await self.engine.prune()

    def _handle_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, self._stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload_soon)

    def _reload_soon(self) -> None:
        if self._reloader is not None:
            self._reloader.force()

    async def _watch(self) -> None:
        if self._reloader is None:
            return
        try:
            await self._reloader.look(self.clock.now())
        except Exception:  # a fault of one reload must not end the watching
            log.exception("not reloaded, the old configuration goes on")

    async def _use(self, plan: Plan) -> None:
        self.plan = plan
        await self.engine.reload(with_pings(plan, self.store))
        gc.freeze()

    def stop(self) -> None:
        """Ask the daemon to end."""
        self._stopping.set()


def bind(host: str, port: int) -> socket.socket:
    """Take the address of the pages. Raise PortError when it is taken.

    The protocol is named because asyncio sends small answers at once (TCP_NODELAY) only then:
    without it answers on a kept connection come 40 ms late.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise PortError(
            f"{host}:{port} cannot be listened on ({error.strerror}): "
            "stop the program that holds it, or set `web: {listen: ...}` to another address"
        ) from error
    listener.listen(128)
    return listener


async def run_daemon(config: Path) -> None:
    """Load, open, lock, run. Raise MonitorError with what to do when one of these fails."""
    loader = Loader(config, os.environ, is_thrifty=True, keeps=True)
    plan = await asyncio.to_thread(loader.load)
    store = open_store(plan.store)
    try:
        store.lock.acquire(f"pid {os.getpid()}")
        loader.ask, loader.recall = ask_once, StoredRecall(store, SystemClock())
        if plan.asks:
            plan = await asyncio.to_thread(loader.load)  # now that the answers of before are known
        app = App(plan, store, loader=loader)
        del plan  # another one may come
        await app.run()
    finally:
        store.close()
