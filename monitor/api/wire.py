"""One connection that speaks HTTP/1.1: h11 reads and writes, asyncio's transport carries it.

A request goes in one piece, its head and its body: each call of the system costs more than anything
else in a small message.
"""

import asyncio
import ssl

import h11
import httpx

MOST_HEAD_BYTES = 100_000
"""Of the head of an answer."""


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
        while not self.data and not self.is_over:
            self._waiting = asyncio.get_running_loop().create_future()
            try:
                async with asyncio.timeout(seconds):
                    await self._waiting
            except TimeoutError as error:
                raise httpx.ReadTimeout("no answer in time") from error
        if not self.data and self.error is not None:
            raise httpx.ReadError(str(self.error)) from self.error
        found = bytes(self.data)
        self.data.clear()
        return found


class Wire:
    """A connection on which one request goes at a time."""

    def __init__(self, transport: asyncio.Transport, came: _Came) -> None:
        """Speak over a transport; ``connect`` makes one."""
        self._transport, self._came = transport, came
        self._state = h11.Connection(h11.CLIENT, MOST_HEAD_BYTES)
        self.used_at = 0.0

    @property
    def is_free(self) -> bool:
        """Whether another request may go: not when the other side closed, or spoke unasked."""
        is_quiet = not self._came.data and not self._came.is_over
        return self._state.our_state is h11.IDLE and is_quiet

    async def ask(
        self, request: h11.Request, body: bytes, seconds: float, most: int
    ) -> tuple[h11.Response, bytes]:
        """Send a request and read its whole answer, of at most so many bytes.

        The bound is that of each read. Raises httpx.TransportError, TooLongError.
        """
        try:
            answer = await self._ask(request, body, seconds, most)
        except h11.RemoteProtocolError as error:
            raise httpx.RemoteProtocolError(str(error)) from error
        except h11.LocalProtocolError as error:
            raise httpx.LocalProtocolError(str(error)) from error
        state = self._state
        is_clean = state.our_state is state.their_state is h11.DONE and not state.trailing_data[0]
        if is_clean:
            state.start_next_cycle()
        self.used_at = asyncio.get_running_loop().time()
        return answer

    async def _ask(
        self, request: h11.Request, body: bytes, seconds: float, most: int
    ) -> tuple[h11.Response, bytes]:
        state, parts = self._state, [self._state.send(request)]
        if body:
            parts.append(state.send(h11.Data(data=body)))
        parts.append(state.send(h11.EndOfMessage()))
        if not self._came.is_over:  # what was said before may be read all the same
            self._transport.write(b"".join(part for part in parts if part))
        head: h11.Response | None = None
        found = bytearray()
        while True:
            event = state.next_event()
            if event is h11.NEED_DATA:
                data = await self._came.take(seconds)
                if not data and head is None:
                    raise httpx.RemoteProtocolError("the server closed without an answer")
                state.receive_data(data)
            elif isinstance(event, h11.Data):
                found += event.data
                if len(found) > most:
                    raise TooLongError
            elif isinstance(event, h11.Response):
                head = event
            elif head is not None and isinstance(event, h11.EndOfMessage):
                return head, bytes(found)

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
