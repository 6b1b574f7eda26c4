"""HTTP on kept connections, against a server that says what it saw."""

import asyncio
import gzip
import ssl
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from monitor.api import connections as module
from monitor.api.connections import MOST_FREE, Connections, TooLargeError
from monitor.api.wire import MOST_HEAD_BYTES
from tests.certificate import make_certificate

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
WAIT = 5.0


@dataclass
class Server:
    """Answers what it is told to; remembers heads, and how many connections there were."""

    answer: bytes = ANSWER
    heads: list[str] = field(default_factory=list)
    opened: int = 0
    port: int = 0
    is_secure: bool = False
    is_last: bool = False
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
                if self.is_last:
                    writer.close()
                    return
        except asyncio.IncompleteReadError:
            writer.close()

    def speak(self, text: bytes) -> None:
        for writer in self._open:
            writer.write(text)

    async def hang_up(self) -> None:
        for writer in self._open:
            writer.close()
        for writer in self._open:
            with suppress(ConnectionError):
                await writer.wait_closed()

    @property
    def url(self) -> str:
        return f"http{'s' * self.is_secure}://127.0.0.1:{self.port}/"


@asynccontextmanager
async def serving(
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[tuple[Server, Connections]]:
    there, connections = Server(is_secure=tls is not None), Connections()
    there.may_answer.set()
    listening = await asyncio.start_server(there.serve, "127.0.0.1", 0, ssl=tls)
    there.port = listening.sockets[0].getsockname()[1]
    try:
        yield there, connections
    finally:
        await connections.close()
        listening.close()
        await there.hang_up()
        await listening.wait_closed()


async def a_turn() -> None:
    """Let the loop read what has arrived, and run what waits for it."""
    for _ in range(2):
        await asyncio.sleep(0)


async def get(connections: Connections, url: str) -> httpx.Response:
    return await connections.ask("GET", url, timeout_seconds=WAIT)


def test_a_connection_is_kept_and_one_that_the_server_closed_is_replaced() -> None:
    async def work() -> None:
        async with serving() as (server, connections):
            for _ in range(3):
                assert (await get(connections, server.url)).text == "ok"
            assert server.opened == 1
            await server.hang_up()
            await a_turn()
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
            await server.hang_up()
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


@pytest.mark.parametrize("has_proxy", [False, True])
def test_what_is_posted_again_and_again_goes_out_and_comes_back_as_anything_else(
    monkeypatch: pytest.MonkeyPatch, *, has_proxy: bool
) -> None:
    async def work() -> None:
        async with serving() as (server, _):
            if has_proxy:
                monkeypatch.setenv("http_proxy", server.url)
            connections = Connections()
            address = server.url.replace("http://", "http://asha:p%40ss@")
            headers, bodies = (("Content-Type", "text/plain"),), (b"one", b"another", b"")
            server.answer = packed(gzip.compress(b"ok"), "gzip")
            for body in bodies:
                told = await connections.post(address, body, headers, timeout_seconds=WAIT)
                assert told == (200, b"ok")
                answer = await connections.ask(
                    "POST", address, timeout_seconds=WAIT, content=body, headers=headers
                )
                assert answer.content == b"ok"
            fields = [sorted(head.lower().split("\r\n")[1:]) for head in server.heads]
            assert fields[::2] == fields[1::2]
            assert all("authorization: basic yxnoytpwqhnz" in mine for mine in fields)
            await connections.close()

    asyncio.run(work())


def test_what_is_posted_again_and_again_goes_to_no_place_that_is_none() -> None:
    async def work() -> None:
        connections = Connections()
        for url, error in (("ftp://a/", httpx.UnsupportedProtocol), ("http://", httpx.HTTPError)):
            with pytest.raises(error):
                await connections.post(url, b"", (), timeout_seconds=WAIT)

    asyncio.run(work())


@pytest.mark.parametrize("has_proxy", [False, True])
def test_an_answer_that_is_too_large_is_not_read_to_its_end(
    monkeypatch: pytest.MonkeyPatch, *, has_proxy: bool
) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 1_000)

    async def work() -> None:
        async with serving() as (server, _):
            if has_proxy:
                monkeypatch.setenv("http_proxy", server.url)
            connections = Connections()
            server.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 2_000
            with pytest.raises(TooLargeError, match="larger than 0"):
                await get(connections, server.url)
            server.answer = ANSWER
            assert (await get(connections, server.url)).text == "ok"
            await connections.close()

    asyncio.run(work())


def packed(body: bytes, packing: str) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {packing}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


@pytest.mark.parametrize("has_proxy", [False, True])
def test_what_is_packed_unasked_is_unpacked_up_to_the_same_bound(
    monkeypatch: pytest.MonkeyPatch, *, has_proxy: bool
) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 1_000)
    zeros = gzip.compress(b"0" * 1_000_000)  # 1 kB

    async def work() -> None:
        async with serving() as (server, _):
            if has_proxy:
                monkeypatch.setenv("http_proxy", server.url)
            connections = Connections()
            for body, packing, text in (
                (gzip.compress(b"ok"), "gzip", "ok"),
                (zlib.compress(b"ok"), "DEFLATE", "ok"),
                (b"", "gzip", ""),  # as with a 204
                (b"as it came", "br", "as it came"),
            ):
                server.answer = packed(body, packing)
                assert (await get(connections, server.url)).text == text
            for wrong, packing, fault in (
                (zeros[:900], "gzip", "larger than 0"),
                (b"ok", "gzip", "is no gzip"),
                (gzip.compress(b"ok")[:-9], "gzip", "breaks off"),
            ):
                server.answer = packed(wrong, packing)
                with pytest.raises(httpx.RequestError, match=fault):
                    await get(connections, server.url)
            await connections.close()

    asyncio.run(work())


@pytest.mark.long
def test_over_tls_a_certificate_that_nobody_trusts_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = make_certificate(tmp_path)
    own = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    own.load_cert_chain(*pair)

    async def work() -> None:
        async with serving(own) as (server, connections):
            with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                await get(connections, server.url)
            trusting = ssl.create_default_context(cafile=str(pair[0]))
            monkeypatch.setattr(module, "trust", lambda: trusting)
            for _ in range(2):
                assert (await get(connections, server.url)).text == "ok"
            assert server.opened == 1

    asyncio.run(work())


def test_an_answer_that_comes_in_many_pieces_is_read_as_a_whole() -> None:
    async def work() -> None:
        async with serving() as (server, connections):
            body = bytes(range(256)) * 4_000
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            server.answer = head + body
            answer = await get(connections, server.url)
            assert answer.content == body

    asyncio.run(work())


def test_a_server_that_spoke_unasked_is_not_taken_for_an_answer() -> None:
    async def work() -> None:
        async with serving() as (server, connections):
            assert (await get(connections, server.url)).status_code == 200
            server.speak(ANSWER.replace(b"200", b"408"))
            await a_turn()
            assert (await get(connections, server.url)).status_code == 200
            assert server.opened == 2

    asyncio.run(work())


HEAD = b"HTTP/1.1 200 OK\r\n"
TWO = b"Content-Length: 2\r\n\r\nok"
PIECES = b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n"


@pytest.mark.parametrize(
    ("answer", "status", "body", "is_kept"),
    [
        (HEAD + b"X-Empty:\r\n" + TWO, 200, b"ok", True),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + HEAD + TWO, 200, b"ok", True),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + HEAD + TWO, 200, b"ok", True),
        (
            HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-T: 1\r\n\r\n",
            200,
            b"ok",
            True,
        ),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", True),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n", 304, b"", True),
        (HEAD + b"Connection: close\r\n" + TWO, 200, b"ok", False),
        (b"HTTP/1.0 200 OK\r\n" + TWO, 200, b"ok", False),
        (HEAD + TWO + b"more", 200, b"ok", False),
        (HEAD + TWO + b"HTTP/1.1 500 Oops\r\n" + TWO, 200, b"ok", False),
    ],
)
def test_answers_of_every_form_are_read_and_what_comes_behind_is_nobodys(
    answer: bytes, status: int, body: bytes, *, is_kept: bool
) -> None:
    async def work() -> None:
        async with serving() as (server, connections):
            server.answer = answer
            for _ in range(2):
                found = await get(connections, server.url)
                assert (found.status_code, found.content) == (status, body)
                assert "x-t" not in found.headers
            assert server.opened == (1 if is_kept else 2)

    asyncio.run(work())


def test_of_a_head_alone_the_length_is_that_of_nothing() -> None:
    async def work() -> None:
        async with serving() as (server, connections):
            server.answer = HEAD + b"Content-Length: 9\r\n\r\n"
            answer = await connections.ask("HEAD", server.url, timeout_seconds=WAIT)
            assert (answer.headers["content-length"], answer.content) == ("9", b"")
            server.answer = ANSWER
            assert (await get(connections, server.url)).text == "ok"
            assert server.opened == 2

    asyncio.run(work())


def test_an_answer_without_a_length_ends_with_the_connection() -> None:
    async def work() -> None:
        async with serving() as (server, connections):
            server.answer, server.is_last = HEAD + b"\r\nall of it", True
            assert (await get(connections, server.url)).text == "all of it"
            assert (await get(connections, server.url)).text == "all of it"
            assert server.opened == 2

    asyncio.run(work())


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        HEAD,
        HEAD + b"Content-Length: 9\r\n\r\nok",
        HEAD + b"Connection: close\r\nContent-Length: 9\r\n\r\nok",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
        HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nok",
        HEAD + b"Content-Length: 2\r\n" + PIECES + b"\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"220 mail.example.com ESMTP\r\n",
        HEAD + b"X-Long: " + b"x" * (MOST_HEAD_BYTES + 300_000),
    ],
)
def test_what_is_no_whole_answer_is_an_error(answer: bytes) -> None:
    async def work() -> None:
        async with serving() as (server, connections):
            server.answer, server.is_last = answer, True
            with pytest.raises(httpx.RemoteProtocolError):
                await get(connections, server.url)

    asyncio.run(work())
