"""Something between a source and a coordinator that passes everything on and counts it."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass


@dataclass
class Relay:
    """Where it listens, and how many bytes it passed on to whoever asked."""

    port: int
    passed: int = 0

    def since(self, before: int) -> int:
        """Return how many bytes it passed on since it had passed on so many."""
        return self.passed - before


@contextmanager
def relay(port: int) -> Iterator[Relay]:
    """Pass on to a port of this machine, for as long as the block lasts."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        made = Relay(listening.getsockname()[1])
        accepting = threading.Thread(target=_accept, args=(listening, port, made), daemon=True)
        accepting.start()
        yield made
        listening.shutdown(socket.SHUT_RDWR)
        accepting.join()


def _accept(listening: socket.socket, port: int, made: Relay) -> None:
    with suppress(OSError):
        while True:
            near = listening.accept()[0]
            far = socket.create_connection(("127.0.0.1", port))
            threading.Thread(target=_pass, args=(near, far, None), daemon=True).start()
            threading.Thread(target=_pass, args=(far, near, made), daemon=True).start()


def _pass(come: socket.socket, go: socket.socket, count: Relay | None) -> None:
    with come, suppress(OSError):
        while block := come.recv(2**16):
            if count is not None:
                count.passed += len(block)
            go.sendall(block)
        go.shutdown(socket.SHUT_WR)
