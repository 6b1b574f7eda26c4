"""The one thread that works on the store, and the commit that many wait for together."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from monitor.core.state import Step
from monitor.store import RefusedError, Store, StoreError

log = logging.getLogger(__name__)

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
            error = await self._try([step for step, _ in group])
            if error is None or len(group) == 1:
                for _, done in group:
                    _finish(done, error)
                continue
            # Those that can be written must not suffer.
            for step, done in group:
                _finish(done, await self._try([step]))

    async def _try(self, steps: Sequence[Step]) -> StoreError | None:
        """Write steps; return why they are not. Whatever it is: whoever waits must not for ever."""
        try:
            await self.run(self._store.commit, *steps)
        except StoreError as error:
            return error
        except Exception as error:
            log.exception("a step cannot be written")
            return RefusedError(f"a step cannot be written: {error!r}")
        return None

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
