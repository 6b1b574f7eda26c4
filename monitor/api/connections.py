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
from monitor.api.wire import Answer, TooLongError, Wire, connect

MOST_BYTES = 32_000_000
"""Of an answer: 200,000 series of Prometheus. What is larger could take all memory there is."""

KEPT_SECONDS = 5.0
"""How long a connection that nobody uses is kept; the default of httpx."""
MOST_FREE = 20

Origin: TypeAlias = tuple[str, str, int]
Headers: TypeAlias = tuple[tuple[str, str], ...]
Fields: TypeAlias = tuple[tuple[bytes, bytes], ...]
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
        request = _request(method, url, login, **what)
        if self._proxied is None:
            origin, target = _place(request.url)
            head = _head(method, target, tuple(request.headers.raw))
            came = await self._directly(origin, head, request, request.content, timeout_seconds)
            return _response(*came, request)
        limits = dict.fromkeys(("connect", "read", "write", "pool"), timeout_seconds)
        request.extensions = {"timeout": limits}
        answer = await self._proxied.send(request, auth=None, stream=True)
        try:
            body = await _bounded(answer.aiter_raw(), request)
        finally:
            await answer.aclose()
        return _response(answer.status_code, answer.headers.raw, body, request)

    async def post(
        self, url: str, content: bytes, headers: Headers, *, timeout_seconds: float
    ) -> tuple[int, bytes]:
        """Send a body as ``ask`` does; return the status of the answer, and its body.

        It is for what is asked again and again: httpx makes one request for all of them.
        """
        if self._proxied is not None:
            answer = await self.ask(
                "POST", url, timeout_seconds=timeout_seconds, content=content, headers=headers
            )
            return answer.status_code, answer.content
        request, origin, target, fields = _blank(url, headers)
        head = _head("POST", target, (*fields, (b"Content-Length", b"%d" % len(content))))
        status, told, body = await self._directly(origin, head, request, content, timeout_seconds)
        return status, _plain(body, told, request)

    async def _directly(
        self, origin: Origin, head: bytes, request: httpx.Request, body: bytes, seconds: float
    ) -> Answer:
        wire = self._free_one(origin) or await _connected(origin, seconds)
        try:
            answer = await wire.ask(head, body, seconds, MOST_BYTES)
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
        return answer

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


def _request(
    method: str, url: str, login: tuple[str, str] | None = None, **what: Any
) -> httpx.Request:
    request = httpx.Request(method, _parsed(url), **what)
    request.headers["User-Agent"] = AGENT
    if login is None and request.url.username:
        login = (request.url.username, request.url.password)
    if login is not None:
        next(httpx.BasicAuth(*login).auth_flow(request))
    return request


def _place(url: httpx.URL) -> tuple[Origin, bytes]:
    """Return where to connect to, and what to ask for there. Raise httpx.UnsupportedProtocol."""
    if url.scheme not in PORTS or not url.host:
        raise httpx.UnsupportedProtocol("an address begins with http:// or https:// and a host")
    return (url.scheme, url.raw_host.decode("ascii"), url.port or PORTS[url.scheme]), url.raw_path


@lru_cache(maxsize=256)
def _blank(url: str, headers: Headers) -> tuple[httpx.Request, Origin, bytes, Fields]:
    """Make a request without a body: itself, where it goes, and its head without a length."""
    request = _request("POST", url, headers=headers)
    fields = (field for field in request.headers.raw if field[0].lower() != b"content-length")
    return (request, *_place(request.url), tuple(fields))


def _response(
    status: int, fields: Sequence[tuple[bytes, bytes]], body: bytes, request: httpx.Request
) -> httpx.Response:
    body, headers = _plain(body, fields, request), httpx.Headers(list(fields))
    headers.pop("content-encoding", None)
    return httpx.Response(status, headers=headers, content=body, request=request)


def _plain(body: bytes, fields: Sequence[tuple[bytes, bytes]], request: httpx.Request) -> bytes:
    """Unpack what somebody packed unasked, a proxy for example; otherwise packed, it stays so."""
    named = [value for name, value in fields if name.lower() == b"content-encoding"]
    packing = b", ".join(named).decode("latin-1").strip().lower()
    return _unpacked(body, packing, request) if body and packing in PACKED else body


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
def _head(method: str, target: bytes, fields: Fields) -> bytes:
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
