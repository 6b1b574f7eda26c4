"""Bare HTTP/1.1 over asyncio streams, so that the bench costs little beside what it measures."""

import asyncio
import json
import socket
import time
from collections.abc import Sequence

LIMIT_SECONDS = 120


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def wait_until_ready(port: int, path: str) -> None:
    """Wait until a program answers 200."""
    deadline = time.perf_counter() + LIMIT_SECONDS
    while time.perf_counter() < deadline:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
            continue
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        status = await reader.readline()
        writer.close()
        if b" 200 " in status:
            return
        await asyncio.sleep(0.05)
    raise TimeoutError("the program is not ready")


async def read_body(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Read one message; return its first line and its body."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    body = await reader.readexactly(length) if length else b""
    return head.partition(b"\r\n")[0], body


class Poster:
    """Posts JSON on connections that are kept."""

    def __init__(self, port: int, path: str) -> None:
        self._port, self._path = port, path
        self._kept: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def all(self, bodies: Sequence[str], width: int) -> None:
        """Post all bodies, on some connections at once."""
        left = list(reversed(bodies))
        await asyncio.gather(*(self._some(left) for _ in range(width)))

    async def _some(self, left: list[str]) -> None:
        reader, writer = (
            self._kept.pop()
            if self._kept
            else await asyncio.open_connection("127.0.0.1", self._port)
        )
        while left:
            body = left.pop().encode()
            head = f"POST {self._path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            writer.write(head.encode() + f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
            status, answer = await read_body(reader)
            if b" 200 " not in status:
                raise RuntimeError(f"{status!r}: {answer!r}")
        self._kept.append((reader, writer))


class Ear:
    """A webhook receiver that counts the alerts it was told of."""

    def __init__(self) -> None:
        self.calls, self.last_at = 0, 0.0
        self._told: set[str] = set()
        self._changed = asyncio.Event()
        self._open: set[asyncio.StreamWriter] = set()

    async def listen(self) -> None:
        """Take a port and listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=2**26)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while True:
                _, body = await read_body(reader)
                self.last_at = time.perf_counter()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                self.calls += 1
                self._told.update(one["labels"]["n"] for one in json.loads(body)["alerts"])
                self._changed.set()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def until(self, count: int) -> None:
        """Wait until so many alerts were told."""
        async with asyncio.timeout(LIMIT_SECONDS):
            while len(self._told) < count:
                self._changed.clear()
                await self._changed.wait()

    async def close(self) -> None:
        """Stop listening, and end every connection."""
        self._server.close()
        for writer in self._open:
            writer.close()
        await self._server.wait_closed()
        await asyncio.sleep(0.05)  # until each has seen its end
