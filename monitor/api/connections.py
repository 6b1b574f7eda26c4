"""HTTP/1.1 on connections that are kept: what receivers and sources ask over.

httpx's client also looks after redirects, cookies and login flows, and its pool asks each of its
connections at every request whether it still lives; for a message of two kilobytes that is two
thirds of the work. Here httpx makes the values, httpcore speaks the protocol, and a connection is
looked at when it is used. Only where the environment names proxies does httpx's client do it.
"""

import ssl
import zlib
from collections.abc import AsyncIterable, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any, TypeAlias
from urllib.request import getproxies

import httpcore
import httpx

from monitor import __version__
from monitor.api.streams import Streams

MOST_BYTES = 32_000_000
"""Of an answer: 200,000 series of Prometheus. What is larger could take all memory there is."""

KEPT_SECONDS = 5.0
"""How long a connection that nobody uses is kept; the default of httpx."""
MOST_FREE = 20

Origin: TypeAlias = tuple[str, str, int]
PACKED = {"gzip", "x-gzip", "deflate"}
ANY_ZLIB = 32 + zlib.MAX_WBITS
"""Tells zlib to see by itself whether it is gzip."""
PORTS = {"http": 80, "https": 443}
STREAMS = Streams()
AGENT = f"monitor/{__version__}"


class TooLargeError(httpx.TransportError):
    """An answer is larger than anybody can use."""


class Connections:
    """Connections to every server that was asked; as many at once as there are requests."""

    def __init__(self) -> None:
        """Connect to nobody yet."""
        self._free: dict[Origin, list[httpcore.AsyncHTTP11Connection]] = {}
        is_direct = getproxies().keys().isdisjoint({"http", "https", "all"})
        self._proxied = None if is_direct else httpx.AsyncClient(verify=trust())

    async def ask(
        self,
        method: str,
        url: str,
        *,
        timeout_seconds: float,
        login: tuple[str, str] | None = None,
        **what: Any,
    ) -> httpx.Response:
        """Send one request and read its whole answer, whatever its status; follow no redirect.

        ``what`` is as for `httpx.Request`: headers, params, content, json, data. The bound is that
        of connecting, and of each read and write. Raises httpx.InvalidURL, httpx.TransportError.
        """
        request = httpx.Request(method, _parsed(url), **what)
        request.headers["User-Agent"] = AGENT
        if login is None and request.url.username:
            login = (request.url.username, request.url.password)
        if login is not None:
            next(httpx.BasicAuth(*login).auth_flow(request))
        limits = dict.fromkeys(("connect", "read", "write", "pool"), timeout_seconds)
        request.extensions = {"timeout": limits}
        if self._proxied is None:
            return await self._directly(request)
        answer = await self._proxied.send(request, auth=None, stream=True)
        try:
            body = await _bounded(answer.aiter_raw(), request)
        finally:
            await answer.aclose()
        return _response(answer.status_code, answer.headers.raw, body, request)

    async def _directly(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        if url.scheme not in PORTS or not url.host:
            raise httpx.UnsupportedProtocol("an address begins with http:// or https:// and a host")
        origin = (url.scheme, url.raw_host.decode("ascii"), url.port or PORTS[url.scheme])
        target = httpcore.URL(
            scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
        )
        raw = httpcore.Request(
            request.method,
            target,
            headers=request.headers.raw,
            content=request.content,
            extensions=request.extensions,
        )
        connection = await self._free_one(origin)
        try:
            if connection is None:
                connection = await _connected(origin, request.extensions["timeout"]["connect"])
            answer = await connection.handle_async_request(raw)
            body = await _bounded(answer.aiter_stream(), request)
            await answer.aclose()
        except BaseException as error:
            if connection is not None:
                await _drop(connection)
            if isinstance(error, Exception):
                raise _as_of_httpx(error, request) from error
            raise
        if len(self._free[origin]) < MOST_FREE:
            self._free[origin].append(connection)
        else:
            await _drop(connection)
        return _response(answer.status, answer.headers, body, request)

    async def _free_one(self, origin: Origin) -> httpcore.AsyncHTTP11Connection | None:
        free = self._free.setdefault(origin, [])
        while free:
            connection = free.pop()
            if connection.is_available() and not connection.has_expired():
                return connection
            await _drop(connection)
        return None

    async def close(self) -> None:
        """Close what is kept."""
        for free in self._free.values():
            while free:
                await _drop(free.pop())
        if self._proxied is not None:
            await self._proxied.aclose()


async def _bounded(parts: AsyncIterable[bytes], request: httpx.Request) -> bytes:
    body = bytearray()
    async for part in parts:
        body += part
        if len(body) > MOST_BYTES:
            raise _too_large(request)
    return bytes(body)


def _too_large(request: httpx.Request) -> TooLargeError:
    text = f"the answer is larger than {MOST_BYTES / 1e6:g} MB"
    return TooLargeError(text, request=request)


def _response(
    status: int, fields: Sequence[tuple[bytes, bytes]], body: bytes, request: httpx.Request
) -> httpx.Response:
    """Return what came; it is unpacked where somebody packed it unasked, a proxy for example."""
    headers = httpx.Headers(list(fields))
    packing = headers.pop("content-encoding", "").strip().lower()
    if body and packing in PACKED:  # what is packed otherwise is given as it came
        body = _unpacked(body, packing, request)
    return httpx.Response(status, headers=headers, content=body, request=request)


def _unpacked(body: bytes, packing: str, request: httpx.Request) -> bytes:
    unpacking = zlib.decompressobj(ANY_ZLIB)
    try:
        found = unpacking.decompress(body, MOST_BYTES + 1)
    except zlib.error as error:
        raise httpx.DecodingError(f"the answer is no {packing}", request=request) from error
    if len(found) > MOST_BYTES:
        raise _too_large(request)
    if not unpacking.eof:
        raise httpx.DecodingError("the answer breaks off", request=request)
    return found


@lru_cache(maxsize=1)
def trust() -> ssl.SSLContext:
    """Return what HTTPS trusts: reading the certificates takes longer than most requests."""
    context = httpx.create_ssl_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


_parsed = lru_cache(maxsize=256)(httpx.URL)


async def _connected(origin: Origin, seconds: float) -> httpcore.AsyncHTTP11Connection:
    scheme, host, port = origin
    stream = await STREAMS.connect_tcp(host, port, seconds)
    if scheme == "https":
        stream = await stream.start_tls(trust(), host, seconds)
    known = httpcore.Origin(scheme.encode(), host.encode(), port)
    return httpcore.AsyncHTTP11Connection(known, stream, keepalive_expiry=KEPT_SECONDS)


async def _drop(connection: httpcore.AsyncHTTP11Connection) -> None:
    with suppress(OSError, httpcore.NetworkError):
        await connection.aclose()


def _as_of_httpx(error: Exception, request: httpx.Request) -> Exception:
    """Return the error that httpx has for one of httpcore's; others are themselves."""
    text = str(error)
    if isinstance(error, httpcore.ConnectTimeout):
        return httpx.ConnectTimeout(text, request=request)
    if isinstance(error, httpcore.TimeoutException):
        return httpx.ReadTimeout(text, request=request)
    if isinstance(error, httpcore.ConnectError):
        return httpx.ConnectError(text, request=request)
    if isinstance(error, httpcore.NetworkError | httpcore.ProtocolError):
        return httpx.TransportError(text, request=request)
    return error
