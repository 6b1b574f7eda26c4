"""The socket that the pages are served on."""

import asyncio
import socket

import pytest

from monitor.app import PortError, bind


def test_small_answers_leave_at_once_on_every_connection() -> None:
    async def story() -> int:
        seen: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            taken = writer.get_extra_info("socket")
            seen.set_result(taken.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        listener = bind("127.0.0.1", 0)
        async with await asyncio.start_server(answer, sock=listener):
            _, writer = await asyncio.open_connection(*listener.getsockname())
            is_set = await seen
            writer.close()
            return is_set

    assert asyncio.run(story())


def test_a_port_that_is_taken_is_told_with_what_to_do() -> None:
    with bind("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(PortError, match=f"127.0.0.1:{port} .* another address"):
            bind("127.0.0.1", port)
