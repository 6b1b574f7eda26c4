"""HTTP on kept connections, against a server that says what it saw."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
import pytest

from monitor.api.connections import MOST_FREE, Connections

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
WAIT = 5.0


@dataclass
class Server:
    """Answers what it is told to; remembers heads, and how many connections there were."""

    answer: bytes = ANSWER
    heads: list[str] = field(default_factory=list)
    opened: int = 0
    port: int = 0
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)
    heard: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    _open: list[asyncio.StreamWriter] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        self._open.append(writer)
        try:
            while True:
                self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
                self.heard.release()
                await self.may_answer.wait()
                writer.write(self.answer)
        except asyncio.IncompleteReadError:
            writer.close()

    def hang_up(self) -> None:
        for writer in self._open:
            writer.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"


@asynccontextmanager
async def serving() -> AsyncIterator[tuple[Server, Connections]]:
    there, connections = Server(), Connections()
    there.may_answer.set()
    listening = await asyncio.start_server(there.serve, "127.0.0.1", 0)
    there.port = listening.sockets[0].getsockname()[1]
    try:
        yield there, connections
    finally:
        await connections.close()
        listening.close()
        there.hang_up()
        await listening.wait_closed()


async def get(connections: Connections, url: str) -> httpx.Response:
    return await connections.ask("GET", url, timeout_seconds=WAIT)


def test_a_connection_is_kept_and_one_that_the_server_closed_is_replaced() -> None:
    async def work() -> None:
        async with serving() as (server, connections):
            for _ in range(3):
                assert (await get(connections, server.url)).text == "ok"
            assert server.opened == 1
            server.hang_up()
            await asyncio.sleep(0)
            assert (await get(connections, server.url)).status_code == 200
            assert server.opened == 2

    asyncio.run(work())


def test_as_many_requests_at_once_as_there_are_and_only_some_are_kept() -> None:
    async def work() -> None:
        async with serving() as (server, connections):
            count = MOST_FREE + 5
            server.may_answer.clear()
            asked = [asyncio.create_task(get(connections, server.url)) for _ in range(count)]
            server.may_answer.set()
            assert {one.status_code for one in await asyncio.gather(*asked)} == {200}
            assert server.opened == count
            again = (get(connections, server.url) for _ in range(MOST_FREE))
            await asyncio.gather(*again)
            assert server.opened == count

    asyncio.run(work())


def test_a_request_that_was_given_up_leaves_no_answer_for_the_next_one() -> None:
    async def work() -> None:
        async with serving() as (server, connections):
            server.may_answer.clear()
            asked = asyncio.create_task(get(connections, server.url))
            await server.heard.acquire()
            asked.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asked
            server.may_answer.set()
            server.answer = ANSWER.replace(b"ok", b"no")
            assert (await get(connections, server.url)).text == "no"
            assert server.opened == 2

    asyncio.run(work())


def test_who_is_named_in_the_address_or_beside_it_logs_in() -> None:
    async def work() -> None:
        async with serving() as (server, connections):
            address = server.url.replace("http://", "http://asha:p%40ss@")
            await get(connections, address)
            login = ("ben", "x")
            await connections.ask("GET", server.url, timeout_seconds=WAIT, login=login)
            named, beside = (head.lower() for head in server.heads)
            assert "authorization: basic yxnoytpwqhnz" in named
            assert "authorization: basic ymvuong=" in beside
            assert "user-agent: monitor/" in named

    asyncio.run(work())


def test_what_the_server_answers_is_given_back_as_it_is() -> None:
    async def work() -> None:
        async with serving() as (server, connections):
            server.answer = (
                b"HTTP/1.1 302 Found\r\nLocation: /there\r\nX-A: b\r\nContent-Length: 0\r\n\r\n"
            )
            answer = await get(connections, server.url)
            assert (answer.status_code, answer.headers["x-a"]) == (302, "b")
            assert len(server.heads) == 1

    asyncio.run(work())


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("http://127.0.0.1:9/", httpx.ConnectError),
        ("127.0.0.1/hook", httpx.UnsupportedProtocol),
        ("ftp://127.0.0.1/", httpx.UnsupportedProtocol),
        ("http:///hook", httpx.UnsupportedProtocol),
        ("http://a\x00b/", httpx.InvalidURL),
    ],
)
def test_what_cannot_be_asked_is_an_error_of_httpx(url: str, error: type[Exception]) -> None:
    async def work() -> None:
        connections = Connections()
        with pytest.raises(error):
            await get(connections, url)
        await connections.close()

    asyncio.run(work())


def test_an_answer_that_breaks_off_is_one_too() -> None:
    async def work() -> None:
        async with serving() as (server, connections):
            server.may_answer.clear()
            asked = asyncio.create_task(get(connections, server.url))
            await server.heard.acquire()
            server.hang_up()
            with pytest.raises(httpx.TransportError):
                await asked
            server.may_answer.set()
            server.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"
            with pytest.raises(httpx.ReadTimeout):
                await connections.ask("GET", server.url, timeout_seconds=0.05)

    asyncio.run(work())


def test_proxies_of_the_environment_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        async with serving() as (server, _):
            monkeypatch.setenv("http_proxy", server.url)
            connections = Connections()
            assert (await get(connections, "http://nowhere.invalid/hook")).text == "ok"
            assert server.heads[0].startswith("GET http://nowhere.invalid/hook HTTP/1.1")
            await connections.close()

    asyncio.run(work())
