"""The way to the coordinator: bounded by the turn, and nothing is ever submitted twice."""

import socket
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import MaxRetryError, NewConnectionError

from monitor.sources.trino.address import Address
from monitor.sources.trino.turn import Turn

CONNECT_SECONDS = 5.0
PAUSES = (0.1, 0.2, 0.4, 0.8)
"""How long to wait before each further try. ``Retry-After`` is not obeyed: it may be a day."""

PASSING = {429, 502, 503, 504}
MOST_BYTES = 64 * 2**20
"""The largest page that is read; Trino's own target is 16 MB."""

CHUNK = 2**16


class TooLargeError(requests.RequestException):
    """A page is larger than what may be held in memory."""


@dataclass
class Sockets:
    """The open connections of one turn, so that they can be cut from another thread.

    A read timeout counts from the last byte: a body that drips would be waited for for ever.
    """

    _open: list[socket.socket] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _is_cut: bool = False

    def add(self, opened: socket.socket) -> None:
        """Remember a connection; one that is opened too late is cut at once."""
        with self._lock:
            self._open.append(opened)
            if self._is_cut:
                _shut(opened)

    def cut(self) -> None:
        """End every connection; whoever reads from one sees its end."""
        with self._lock:
            self._is_cut = True
            for opened in self._open:
                _shut(opened)


def _shut(opened: socket.socket) -> None:
    try:
        # Not the method of the TLS socket: that drops the TLS state under the reader's feet.
        socket.socket.shutdown(opened, socket.SHUT_RDWR)
    except OSError:
        return


class Wire(requests.Session):
    """A session for the client: every request ends with the turn, only reading on is repeated.

    All requests go to the configured address, whatever host ``nextUri`` names: behind a proxy
    that is not told to the coordinator it is one that nobody else can reach, and nobody's
    credentials should follow it.
    """

    def __init__(self, address: Address, turn: Turn, pauses: Sequence[float] = PAUSES) -> None:
        super().__init__()
        self.verify = address.verify
        self.cert = address.cert
        self._base = urlsplit(address.base)
        self._pauses: tuple[float | None, ...] = (*pauses, None)
        self.renew(turn)

    def renew(self, turn: Turn) -> None:
        """Go on in another turn, with connections of its own."""
        self.turn = turn
        self.sockets = Sockets()
        for scheme in ("http://", "https://"):
            if scheme in self.adapters:
                self.adapters[scheme].close()
            self.mount(scheme, _Adapter(self.sockets))

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send within the turn; what only reads is tried again while it may pass."""
        parts = urlsplit(request.url or "")
        request.url = urlunsplit((self._base.scheme, self._base.netloc, *parts[2:]))
        kwargs |= {"allow_redirects": False, "stream": True}
        if self.verify is not True:
            kwargs["verify"] = self.verify  # requests lets REQUESTS_CA_BUNDLE win over it
        pauses = self._pauses if request.method != "POST" else (*self._pauses[:1], None)
        for pause in pauses:
            try:
                response = self._once(request, kwargs)
            except TooLargeError:
                raise
            except requests.RequestException as error:
                if pause is None or not _may_repeat(request, error) or not self.turn.pause(pause):
                    raise
            else:
                is_good = request.method == "POST" or not _is_passing(response)
                if is_good or pause is None or not self.turn.pause(pause):
                    return response
        raise AssertionError("the last pause is None")

    def _once(
        self, request: requests.PreparedRequest, kwargs: Mapping[str, Any]
    ) -> requests.Response:
        left = max(0.05, self.turn.left)
        limits = {"timeout": (min(CONNECT_SECONDS, left), left)}
        response: requests.Response = super().send(request, **{**kwargs, **limits})
        body = bytearray()
        for chunk in response.iter_content(CHUNK):
            body += chunk
            if len(body) > MOST_BYTES:
                response.close()
                raise TooLargeError(f"a page of the answer is larger than {MOST_BYTES >> 20} MB")
        response._content = bytes(body)  # noqa: SLF001  # it was read here, within the bounds
        return response


def _may_repeat(request: requests.PreparedRequest, error: requests.RequestException) -> bool:
    """Say whether trying again cannot submit a query twice."""
    if request.method != "POST":
        return not isinstance(error, requests.exceptions.SSLError)
    return was_refused(error)


def was_refused(error: BaseException | None) -> bool:
    """Say whether there was no connection, so that nothing was sent. Looks at the causes, too."""
    while error is not None:
        reason = error.args[0] if error.args else None
        if isinstance(reason, MaxRetryError) and isinstance(reason.reason, NewConnectionError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _is_passing(response: requests.Response) -> bool:
    """Say whether an answer is one of a proxy or coordinator that will soon do better."""
    if response.status_code in PASSING:
        return True
    if response.request.method != "GET" or response.status_code != requests.codes.ok:
        return False
    text = response.content.strip()
    return not text or (text.startswith(b"{") and not text.endswith(b"}"))


class _Adapter(HTTPAdapter):
    """Opens connections that can be cut."""

    def __init__(self, sockets: Sockets) -> None:
        self._sockets = sockets
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools; their connections report their sockets."""
        super().init_poolmanager(*args, **kwargs)
        sockets = self._sockets

        class Plain(HTTPConnection):
            def connect(self) -> None:
                super().connect()
                sockets.add(self.sock)

        class Tls(HTTPSConnection):
            def connect(self) -> None:
                super().connect()
                sockets.add(self.sock)

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain

        class TlsPool(HTTPSConnectionPool):
            ConnectionCls = Tls

        self.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": TlsPool}
