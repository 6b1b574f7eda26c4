"""HTTP/1.1 on connections that are kept: what receivers and sources ask over.

httpx's client also looks after redirects, cookies and login flows, its pool asks each of its
connections at every request whether it still lives, and httpcore guards and traces each step; for a
message of two kilobytes that is most of the work. Here httpx makes the values, h11 writes heads,
httptools reads answers, and a connection is looked at when it is used. Only where the environment
names proxies does httpx's client do it.
"""

import asyncio
import ssl
import zlib
from collections.abc import AsyncIterable, Sequence
from functools import lru_cache
from typing import Any, TypeAlias
from urllib.request import getproxies

import h11
import httpx

from monitor import __version__
from monitor.api.wire import TooLongError, Wire, connect

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
AGENT = f"monitor/{__version__}"


class TooLargeError(httpx.TransportError):
    """An answer is larger than anybody can use."""


class Connections:
    """Connections to every server that was asked; as many at once as there are requests."""

    def __init__(self) -> None:
        """Connect to nobody yet."""
        self._free: dict[Origin, list[Wire]] = {}
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
        if self._proxied is None:
            return await self._directly(request, timeout_seconds)
        limits = dict.fromkeys(("connect", "read", "write", "pool"), timeout_seconds)
        request.extensions = {"timeout": limits}
        answer = await self._proxied.send(request, auth=None, stream=True)
        try:
            body = await _bounded(answer.aiter_raw(), request)
        finally:
            await answer.aclose()
        return _response(answer.status_code, answer.headers.raw, body, request)

    async def _directly(self, request: httpx.Request, seconds: float) -> httpx.Response:
        url = request.url
        if url.scheme not in PORTS or not url.host:
            raise httpx.UnsupportedProtocol("an address begins with http:// or https:// and a host")
        origin = (url.scheme, url.raw_host.decode("ascii"), url.port or PORTS[url.scheme])
        head = _head(request.method, url.raw_path, tuple(request.headers.raw))
        wire = self._free_one(origin) or await _connected(origin, seconds)
        try:
            status, fields, body = await wire.ask(head, request.content, seconds, MOST_BYTES)
        except TooLongError:
            wire.close()
            raise _too_large(request) from None
        except BaseException:
            wire.close()
            raise
        free = self._free[origin]
        if wire.is_free and len(free) < MOST_FREE:
            free.append(wire)
        else:
            wire.close()
        return _response(status, fields, body, request)

    def _free_one(self, origin: Origin) -> Wire | None:
        free = self._free.setdefault(origin, [])
        now = asyncio.get_running_loop().time()
        while free:
            wire = free.pop()
            if wire.is_free and now - wire.used_at <= KEPT_SECONDS:
                return wire
            wire.close()
        return None

    async def close(self) -> None:
        """Close what is kept."""
        for free in self._free.values():
            while free:
                free.pop().close()
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


@lru_cache(maxsize=256)
def _head(method: str, target: bytes, fields: tuple[tuple[bytes, bytes], ...]) -> bytes:
    """Write a head: what is asked again and again has few. Raise httpx.LocalProtocolError."""
    try:
        request = h11.Request(method=method, target=target, headers=list(fields))
        head = h11.Connection(h11.CLIENT).send(request)
    except h11.LocalProtocolError as error:
        raise httpx.LocalProtocolError(str(error)) from error
    assert head is not None
    return head


async def _connected(origin: Origin, seconds: float) -> Wire:
    scheme, host, port = origin
    return await connect(host, port, trust() if scheme == "https" else None, seconds)
