"""Something between a source and a coordinator that passes everything on and counts it."""

import re
import socket
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

BYTES_ACKED = 120
"""Where `struct tcp_info` of Linux says how many bytes the other side has taken in."""

DENIED = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"


@dataclass
class Relay:
    """Where it listens, what it denies, and how many bytes it passed on to whoever asked."""

    port: int
    denied: Sequence[bytes] = ()
    passed: int = 0
    _near: list[socket.socket] = field(default_factory=list)

    @property
    def taken(self) -> int:
        """How many bytes came over the wire, by the system's own count.

        Of an answer that is cut much more goes into a relay than comes out of it. The end of a
        connection counts as one byte.
        """
        told = (one.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256) for one in self._near)
        return sum(struct.unpack_from("Q", one, BYTES_ACKED)[0] - 1 for one in told)

    def since(self, before: int) -> int:
        """Return how many bytes it passed on since it had passed on so many."""
        return self.passed - before

    def opens(self, near: socket.socket) -> None:
        """Count what comes over one more connection."""
        self._near.append(near)

    def denies(self, request: bytes) -> bool:
        """Say whether a request asks for what nobody gets."""
        method, _, rest = request.partition(b" ")
        return method in {b"GET", b"POST"} and rest.startswith(tuple(self.denied))

    def close(self) -> None:
        """Let go of the connections; until then their counts are known."""
        for near in self._near:
            near.close()


@contextmanager
def relay(port: int, *denied: str) -> Iterator[Relay]:
    """Pass on to a port of this machine, for as long as the block lasts; 403 for some paths."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        made = Relay(listening.getsockname()[1], [path.encode() for path in denied])
        accepting = threading.Thread(target=_accept, args=(listening, port, made), daemon=True)
        accepting.start()
        yield made
        listening.shutdown(socket.SHUT_RDWR)
        accepting.join()
        made.close()


def _accept(listening: socket.socket, port: int, made: Relay) -> None:
    with suppress(OSError):
        while True:
            near = listening.accept()[0]
            far = socket.create_connection(("127.0.0.1", port))
            made.opens(near)
            threading.Thread(target=_ask, args=(near, far, made), daemon=True).start()
            threading.Thread(target=_answer, args=(far, near, made), daemon=True).start()


def _ask(near: socket.socket, far: socket.socket, made: Relay) -> None:
    with suppress(OSError):
        while block := near.recv(2**16):
            if made.denies(block):
                _read_on(near, block)
                made.passed += len(DENIED)
                near.sendall(DENIED)
            else:
                far.sendall(block)
    with suppress(OSError):
        far.shutdown(socket.SHUT_WR)


def _read_on(near: socket.socket, request: bytes) -> None:
    """Read what belongs to a request that goes nowhere."""
    length = re.search(rb"(?i)content-length: (\d+)", request)
    left = int(length[1]) - len(request.partition(b"\r\n\r\n")[2]) if length else 0
    while left > 0:
        left -= len(near.recv(left))


def _answer(far: socket.socket, near: socket.socket, made: Relay) -> None:
    with far, suppress(OSError):
        while block := far.recv(2**16):
            made.passed += len(block)
            near.sendall(block)
        near.shutdown(socket.SHUT_WR)
