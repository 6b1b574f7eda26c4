"""The connections to a coordinator: they can be cut, and what comes over them is counted."""

import io
import socket
import sys
import threading
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPResponse
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.poolmanager import PoolManager

BUFFER = 2**8
"""How much is read ahead, in bytes: of an answer that is cut no more than that is for nothing."""

WINDOW = 2**10
"""What the system may take in before it is read, in bytes; Linux takes 2,304 at least."""


@dataclass
class Sockets:
    """The open connections of one turn, so that they can be cut from another thread.

    A read timeout counts from the last byte: a body that drips would be waited for for ever.
    """

    is_cut: bool = False
    _open: list[socket.socket] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, opened: socket.socket) -> None:
        """Remember a connection; one that is opened too late is cut at once."""
        with self._lock:
            self._open.append(opened)
            if self.is_cut:
                _shut(opened)

    def cut(self) -> None:
        """End every connection; whoever reads from one sees its end."""
        with self._lock:
            self.is_cut = True
            for opened in self._open:
                _shut(opened)

    def unread(self) -> int:
        """Return how many bytes came and were not read. Nothing more can be read after it."""
        return sum(_waiting(opened) for opened in self._open)


def _waiting(opened: socket.socket) -> int:
    try:
        # With a timeout it would wait for more, whatever the flags say.
        opened.settimeout(0)
        # Not the method of the TLS socket: that knows no flags.
        return len(socket.socket.recv(opened, 2**16, socket.MSG_PEEK))
    except OSError:
        return 0


def _shut(opened: socket.socket) -> None:
    try:
        # Not the method of the TLS socket: that drops the TLS state under the reader's feet.
        socket.socket.shutdown(opened, socket.SHUT_RDWR)
    except OSError:
        return


@dataclass
class Tally:
    """How many bytes came, with the headers and as they were packed; TLS's own are not in it.

    ``most`` is how many may come in all; None is any number.
    """

    received: int = 0
    most: int | None = None

    @property
    def left(self) -> int:
        """How many bytes may still come."""
        return sys.maxsize if self.most is None else max(0, self.most - self.received)


class Adapter(HTTPAdapter):
    """Opens connections that can be cut and are counted, also where they go through a proxy."""

    def __init__(self, sockets: Sockets, tally: Tally) -> None:
        """Where not all may come the window is small: what it cannot take is not even sent."""
        known: dict[str, Any] = {"sockets": sockets, "tally": tally}
        if tally.most is not None:
            small = (socket.SOL_SOCKET, socket.SO_RCVBUF, WINDOW)
            known["socket_options"] = [*HTTPConnection.default_socket_options, small]
        self._pools: dict[str, Any] = {
            "http": partial(_PlainPool, **known),
            "https": partial(_TlsPool, **known),
        }
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools of connections that go straight to the coordinator."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> PoolManager:
        """Make the pools of connections that go through a proxy."""
        manager: PoolManager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = self._pools
        return manager


class _Plain(HTTPConnection):
    def __init__(self, *args: Any, sockets: Sockets, tally: Tally, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._sockets = sockets
        self.response_class: Any = partial(_Counted, tally=tally)

    def connect(self) -> None:
        super().connect()
        self._sockets.add(self.sock)


class _Tls(_Plain, HTTPSConnection):
    """The same by TLS: what ``_Plain`` builds upon is then the encrypted connection."""


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _Tls


class _Counted(HTTPResponse):
    """An answer whose every byte is counted when it is taken from the socket."""

    def __init__(self, sock: socket.socket, *args: Any, tally: Tally, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_Meter(self.fp.detach(), tally), BUFFER)


class _Meter(io.RawIOBase):
    def __init__(self, inner: io.RawIOBase, tally: Tally) -> None:
        super().__init__()
        self._inner = inner
        self._tally = tally

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        count = self._inner.readinto(buffer)
        self._tally.received += count or 0
        return count

    def close(self) -> None:
        self._inner.close()
        super().close()
