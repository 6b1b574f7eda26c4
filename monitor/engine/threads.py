"""The one thread that works on the store, and the commit that many wait for together."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from monitor.core.state import Step
from monitor.store import Store, StoreError

P = ParamSpec("P")
T = TypeVar("T")


class Writer:
    """Runs blocking calls one after the other in a thread of their own.

    Steps that arrive while a commit is under way share the next one: a disk that needs a
    millisecond for each commit then costs one for many.
    """

    def __init__(self, store: Store) -> None:
        """Start no thread yet."""
        self._store = store
        self._threads = ThreadPoolExecutor(1, "store")
        self._waiting: list[tuple[Step, asyncio.Future[None]]] = []
        self._committing: asyncio.Task[None] | None = None

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a call and return what it returns."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, lambda: call(*args, **kwargs))

    async def commit(self, step: Step) -> None:
        """Write a step; it is on the disk when this returns. Raise StoreError when it is not."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((step, done))
        if self._committing is None or self._committing.done():
            self._committing = asyncio.create_task(self._commit_waiting())
        await done

    async def _commit_waiting(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting, []
            try:
                await self.run(self._store.commit, *(step for step, _ in group))
            except StoreError as error:
                await self._commit_each(group, error)
            else:
                for _, done in group:
                    _finish(done, None)

    async def _commit_each(
        self, group: list[tuple[Step, asyncio.Future[None]]], error: StoreError
    ) -> None:
        """Find out which steps of a group cannot be written; the others must not suffer."""
        if len(group) == 1:
            _finish(group[0][1], error)
            return
        for step, done in group:
            try:
                await self.run(self._store.commit, step)
            except StoreError as fault:
                _finish(done, fault)
            else:
                _finish(done, None)

    def close(self) -> None:
        """Wait for what is under way and end the thread."""
        self._threads.shutdown()


def _finish(done: asyncio.Future[None], error: StoreError | None) -> None:
    if done.done():  # whoever waited was cancelled
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)
