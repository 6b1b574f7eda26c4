"""Streams for httpcore on asyncio's own transports, which send a request in one piece.

httpcore hands over the head of a request and its body one after the other, and each would be a call
of the system, which costs more than anything else in a small message. Here what is written waits
until the answer is read.
"""

import asyncio
import ssl
from collections.abc import Iterable
from typing import Any

import httpcore


class _Wire(asyncio.Protocol):
    """What came over a connection and was not read yet."""

    def __init__(self) -> None:
        self.came = bytearray()
        self.error: Exception | None = None
        self.is_over = False
        self._waiting: asyncio.Future[None] | None = None

    def data_received(self, data: bytes) -> None:
        self.came += data
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

    async def more(self, seconds: float | None) -> None:
        """Wait until something came, or the connection is over. Raise TimeoutError."""
        while not self.came and not self.is_over:
            self._waiting = asyncio.get_running_loop().create_future()
            async with asyncio.timeout(seconds):
                await self._waiting


class _Stream(httpcore.AsyncNetworkStream):
    """One connection."""

    def __init__(self, transport: asyncio.Transport, wire: _Wire) -> None:
        self._transport, self._wire = transport, wire
        self._unsent: list[bytes] = []

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109  # httpcore's
        if self._unsent:
            self._transport.write(b"".join(self._unsent))
            self._unsent.clear()
        try:
            await self._wire.more(timeout)
        except TimeoutError as error:
            raise httpcore.ReadTimeout("no answer in time") from error
        if not self._wire.came and self._wire.error is not None:
            raise httpcore.ReadError(str(self._wire.error)) from self._wire.error
        found = bytes(self._wire.came[:max_bytes])
        del self._wire.came[:max_bytes]
        return found

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109  # as above
        if self._wire.is_over:
            raise httpcore.WriteError("the connection is closed")
        self._unsent.append(buffer)

    async def aclose(self) -> None:
        self._transport.abort()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109  # as above
    ) -> httpcore.AsyncNetworkStream:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout):
                transport = await loop.start_tls(
                    self._transport, self._wire, ssl_context, server_hostname=server_hostname
                )
        except TimeoutError as error:
            self._transport.abort()
            raise httpcore.ConnectTimeout("no handshake in time") from error
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        assert transport is not None
        return _Stream(transport, self._wire)

    def get_extra_info(self, info: str) -> Any:
        """Tell ``is_readable``: whether the other side closed, or spoke unasked."""
        if info == "is_readable":
            return bool(self._wire.came) or self._wire.is_over
        return self._transport.get_extra_info(info)


class Streams(httpcore.AsyncNetworkBackend):
    """Connects over TCP."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # as above
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect. Raise httpcore's ConnectError and ConnectTimeout."""
        assert local_address is None and socket_options is None  # noqa: PT018  # nobody gives them
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout):
                transport, wire = await loop.create_connection(
                    _Wire, host, port, happy_eyeballs_delay=0.25
                )
        except TimeoutError as error:
            raise httpcore.ConnectTimeout("no connection in time") from error
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        return _Stream(transport, wire)
