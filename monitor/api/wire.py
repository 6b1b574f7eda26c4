"""One connection that speaks HTTP/1.1: httptools reads, asyncio's transport carries it.

A request goes in one piece, its head and its body: each call of the system costs more than anything
else in a small message.
"""

import asyncio
import ssl
from typing import TypeAlias

import httptools
import httpx

MOST_HEAD_BYTES = 100_000
"""Of the head of an answer."""


Answer: TypeAlias = tuple[int, list[tuple[bytes, bytes]], bytes]
"""Status, head and body."""


class TooLongError(Exception):
    """An answer is longer than whoever asked can use."""


class _Came(asyncio.Protocol):
    """What came over a connection and was not read yet."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.error: Exception | None = None
        self.is_over = False
        self._waiting: asyncio.Future[None] | None = None

    def data_received(self, data: bytes) -> None:
        self.data += data
        self._wake()

    def eof_received(self) -> None:
        self.is_over = True
        self._wake()

    def connection_lost(self, error: Exception | None) -> None:
        self.is_over, self.error = True, error
        self._wake()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    async def take(self, seconds: float) -> bytes:
        """Wait until something came; nothing at the end. Raise ReadTimeout and ReadError."""
        loop = asyncio.get_running_loop()
        while not self.data and not self.is_over:
            self._waiting = loop.create_future()
            # A timer, and no `asyncio.timeout`: nothing else has to be cancelled.
            timer = loop.call_later(seconds, _give_up, self._waiting)
            try:
                await self._waiting
            finally:
                timer.cancel()
        if not self.data and self.error is not None:
            raise httpx.ReadError(str(self.error)) from self.error
        found = bytes(self.data)
        self.data.clear()
        return found


def _give_up(waiting: "asyncio.Future[None]") -> None:
    if not waiting.done():
        waiting.set_exception(httpx.ReadTimeout("no answer in time"))


class _Answer:
    """An answer as the parser reads it."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self.begin()

    def begin(self) -> None:
        """Wait for the next one."""
        self.status, self.fields, self.body = 0, list[tuple[bytes, bytes]](), bytearray()
        self.has_head = self.is_last = False
        self.whole: Answer | None = None

    def on_message_begin(self) -> None:
        self.is_last |= self.whole is not None  # a second answer is to nobody

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.has_head:  # after it they are trailers
            self.fields.append((name, value))

    def on_headers_complete(self) -> None:
        self.status, self.has_head = self._parser.get_status_code(), True
        self.is_last |= not self._parser.should_keep_alive()

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_message_complete(self) -> None:
        if self.status < httpx.codes.OK:  # it says that there will be an answer
            self.begin()
        elif self.whole is None:
            self.whole = (self.status, self.fields, bytes(self.body))

    def read(self, data: bytes) -> None:
        """Read what came. Raise httpx.RemoteProtocolError."""
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if self.whole is None:
                raise httpx.RemoteProtocolError(f"the answer is no HTTP: {error}") from error
            self.is_last = True

    def end(self) -> None:
        """Take the end of the connection for that of the answer, if nothing else tells it."""
        if not self.has_head:
            raise httpx.RemoteProtocolError("the server closed without an answer")
        if any(_tells_length(name.lower(), value) for name, value in self.fields):
            raise httpx.RemoteProtocolError("the server closed before the end of its answer")
        self.is_last = True
        self.on_message_complete()


def _tells_length(name: bytes, value: bytes) -> bool:
    is_chunked = name == b"transfer-encoding" and value.lower().endswith(b"chunked")
    return is_chunked or name == b"content-length"


class Wire:
    """A connection on which one request goes at a time."""

    def __init__(self, transport: asyncio.Transport, came: _Came) -> None:
        """Speak over a transport; ``connect`` makes one."""
        self._transport, self._came, self._answer = transport, came, _Answer()
        self.used_at = 0.0

    @property
    def is_free(self) -> bool:
        """Whether another request may go: not when the other side closed, or spoke unasked."""
        return not (self._answer.is_last or self._came.data or self._came.is_over)

    async def ask(self, head: bytes, body: bytes, seconds: float, most: int) -> Answer:
        """Send a request and read its whole answer, of at most so many bytes.

        The bound is that of each read. Raises httpx.TransportError, TooLongError.
        """
        answer = self._answer
        answer.begin()
        if not self._came.is_over:  # what was said before may be read all the same
            self._transport.write(head + body)
        head_bytes = 0
        while answer.whole is None:
            data = await self._came.take(seconds)
            if not data:
                answer.end()
                break
            answer.read(data)
            head_bytes += len(data)
            if not answer.has_head and head_bytes > MOST_HEAD_BYTES:
                raise httpx.RemoteProtocolError("the head of the answer has no end")
            if len(answer.body) > most:
                raise TooLongError
            if answer.has_head and head.startswith(b"HEAD "):  # whatever length it tells
                answer.is_last = True
                answer.on_message_complete()
        self.used_at = asyncio.get_running_loop().time()
        assert answer.whole is not None
        return answer.whole

    def close(self) -> None:
        """Close at once."""
        self._transport.abort()


async def connect(host: str, port: int, tls: ssl.SSLContext | None, seconds: float) -> Wire:
    """Connect, with the handshake of TLS. Raise httpx's ConnectError and ConnectTimeout."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(seconds):
            transport, came = await loop.create_connection(
                _Came, host, port, ssl=tls, happy_eyeballs_delay=0.25
            )
    except TimeoutError as error:
        raise httpx.ConnectTimeout("no connection in time") from error
    except OSError as error:
        raise httpx.ConnectError(str(error)) from error
    return Wire(transport, came)
