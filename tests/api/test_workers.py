import asyncio
import threading
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from monitor.api import SourceError
from monitor.api.workers import LOST_FOR_EACH, Workers


@pytest.fixture
def stuck() -> Iterator[threading.Event]:
    """Give what a driver waits for that hangs; let it go in the end."""
    event = threading.Event()
    yield event
    event.set()


async def hang(workers: Workers, call: Callable[[], object]) -> None:
    """Call, and stop waiting once it has begun."""
    begun = threading.Event()

    def called() -> None:
        begun.set()
        call()

    task = asyncio.create_task(workers.run(called))
    await asyncio.to_thread(begun.wait, 5)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_what_is_called_answers_or_raises_to_who_waits() -> None:
    async def story() -> None:
        workers = Workers(2, "x")
        assert await asyncio.gather(*(workers.run(partial(abs, n)) for n in range(20))) == list(
            range(20)
        )
        with pytest.raises(ZeroDivisionError):
            await workers.run(lambda: 1 / 0)
        assert await workers.run(lambda: "still here") == "still here"
        workers.close()

    asyncio.run(story())


def test_no_more_threads_than_allowed_and_no_more_than_needed() -> None:
    async def story() -> None:
        workers = Workers(3, "at-most")
        for _ in range(5):
            await workers.run(lambda: None)
        mine = [one for one in threading.enumerate() if one.name == "at-most"]
        assert len(mine) == 1
        gate = threading.Barrier(4)
        calls = [asyncio.create_task(workers.run(gate.wait)) for _ in range(3)]
        await asyncio.to_thread(gate.wait, 5)
        await asyncio.gather(*calls)
        assert len([one for one in threading.enumerate() if one.name == "at-most"]) == 3
        workers.close()

    asyncio.run(story())


def test_a_thread_that_hangs_is_given_up_and_replaced_and_ends_with_its_call(
    stuck: threading.Event,
) -> None:
    async def story() -> None:
        workers = Workers(1, "given-up")
        await hang(workers, stuck.wait)
        assert workers.lost == 1
        assert await asyncio.wait_for(workers.run(lambda: "asked"), 5) == "asked"
        stuck.set()
        for _ in range(500):
            if not workers.lost:
                break
            await asyncio.sleep(0.01)
        assert workers.lost == 0
        workers.close()

    asyncio.run(story())


def test_with_too_many_that_hang_nothing_is_asked(stuck: threading.Event) -> None:
    async def story() -> None:
        workers = Workers(2, "bounded")
        for _ in range(LOST_FOR_EACH * 2):
            await hang(workers, stuck.wait)
        with pytest.raises(SourceError, match="4 calls of its driver hang"):
            await workers.run(lambda: None)
        workers.close()

    asyncio.run(story())


def test_a_call_that_nobody_waits_for_any_more_before_it_begins_is_left_out(
    stuck: threading.Event,
) -> None:
    async def story() -> None:
        workers = Workers(1, "left-out")
        called: list[str] = []
        first = asyncio.create_task(workers.run(stuck.wait))
        await asyncio.sleep(0)
        second = asyncio.create_task(workers.run(lambda: called.append("second")))
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        stuck.set()
        await first
        await workers.run(lambda: None)
        assert called == []
        assert workers.lost == 0
        workers.close()

    asyncio.run(story())


def test_threads_end_when_the_source_is_closed_and_keep_no_process_alive() -> None:
    async def story() -> list[threading.Thread]:
        workers = Workers(2, "closed")
        await workers.run(lambda: None)
        mine = [one for one in threading.enumerate() if one.name == "closed"]
        assert all(one.daemon for one in mine)
        workers.close()
        return mine

    for thread in asyncio.run(story()):
        thread.join(5)
        assert not thread.is_alive()
