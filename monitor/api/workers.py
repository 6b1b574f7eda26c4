"""Threads for drivers that block: one that hangs is given up, and another takes its place."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

from monitor.api.errors import SourceError

T = TypeVar("T")

LOST_FOR_EACH = 2
"""How many threads may hang for each that works; then nothing more is asked, and none started."""


@dataclass
class Job(Generic[T]):
    """One call, and who waits for it."""

    call: Callable[[], T]
    answer: "asyncio.Future[T]"
    loop: asyncio.AbstractEventLoop
    is_running: bool = False
    is_given_up: bool = False


@dataclass
class Workers:
    """Up to ``most`` threads that work; ``lost`` counts those that were given up and still hang.

    A thread cannot be ended from outside. One whose caller no longer waits does not come back to
    work: it ends when its call does, if it ever does, and it does not keep the process alive.
    """

    most: int
    name: str
    lost: int = 0
    _working: int = 0
    _free: int = 0
    _waiting: int = 0
    _jobs: "SimpleQueue[Job[Any] | None]" = field(default_factory=SimpleQueue)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    async def run(self, call: Callable[[], T]) -> T:
        """Call in one of the threads. Raise SourceError when too many of them hang."""
        if self.lost >= LOST_FOR_EACH * self.most:
            raise SourceError(
                "timeout", f"{self.lost} calls of its driver hang: nothing is asked before one ends"
            )
        loop = asyncio.get_running_loop()
        job: Job[T] = Job(call, loop.create_future(), loop)
        with self._lock:
            self._waiting += 1
            self._jobs.put(job)
            self._grow()
        try:
            return await job.answer
        except asyncio.CancelledError:
            self._give_up(job)
            raise

    def close(self) -> None:
        """Let the threads end when they are done."""
        with self._lock:
            for _ in range(self._working):
                self._jobs.put(None)

    def _grow(self) -> None:
        """Start a thread where one is needed and allowed."""
        if self._free >= self._waiting or self._working >= self.most:
            return
        if self.lost + self._working >= (LOST_FOR_EACH + 1) * self.most:
            return
        self._working += 1
        self._free += 1
        threading.Thread(target=self._work, name=self.name, daemon=True).start()

    def _give_up(self, job: Job[Any]) -> None:
        with self._lock:
            job.is_given_up = True
            if job.is_running:
                self.lost += 1
                self._working -= 1
                self._grow()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            if self._begins(job):
                result, error = _called(job.call)
                if not self._ends(job):
                    return
                _tell(job, result, error)
                del result, error
            del job
        with self._lock:
            self._working -= 1
            self._free -= 1

    def _begins(self, job: Job[Any]) -> bool:
        with self._lock:
            self._waiting -= 1
            job.is_running = not job.is_given_up
            self._free -= job.is_running
            return job.is_running

    def _ends(self, job: Job[Any]) -> bool:
        """Note that a call is over; say whether its thread goes on."""
        with self._lock:
            job.is_running = False
            if job.is_given_up:
                self.lost -= 1
                return False
            self._free += 1
            return True


def _called(call: Callable[[], T]) -> tuple[T | None, BaseException | None]:
    try:
        return call(), None
    except BaseException as error:  # noqa: BLE001  # whatever it was, who waits is told it
        return None, error


def _tell(job: Job[Any], result: object, error: BaseException | None) -> None:
    def settle() -> None:
        if job.answer.done():
            return
        if error is None:
            job.answer.set_result(result)
        else:
            job.answer.set_exception(error)

    try:
        job.loop.call_soon_threadsafe(settle)
    except RuntimeError:  # the loop is closed: nobody waits any more
        return
