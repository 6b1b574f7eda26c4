"""A Slack of Socket Mode on loopback, by hand: a handshake, frames, and deafness on demand."""

import asyncio
import base64
import hashlib
import json
import struct
from dataclasses import dataclass, field
from typing import Any

MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3
TEXT, PING, PONG = 1, 9, 10


@dataclass
class SocketServer:
    """Gives connections, answers pings unless it is deaf, sends envelopes, keeps their answers."""

    deaf: bool = False
    opened: int = 0
    acknowledged: list[str] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    news: asyncio.Condition = field(default_factory=asyncio.Condition)
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        for writer in self._writers:
            writer.close()
        self._server.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def until(self, holds: Any) -> None:
        async with asyncio.timeout(20), self.news:
            await self.news.wait_for(holds)

    async def _tell(self) -> None:
        async with self.news:
            self.news.notify_all()

    async def send(self, kind: str, payload: dict[str, Any], key: str) -> None:
        envelope = {"type": kind, "envelope_id": key, "payload": payload}
        self._writers[-1].write(_frame(TEXT, json.dumps(envelope).encode()))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                fields = dict(
                    line.lower().split(": ", 1) for line in head.split("\r\n") if ": " in line
                )
                if "sec-websocket-key" in fields:
                    await self._talk(head, reader, writer)
                    return
                body = await reader.readexactly(int(fields.get("content-length", 0)))
                await self._http(head.split(" ")[1], body, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    async def _http(self, path: str, body: bytes, writer: asyncio.StreamWriter) -> None:
        told: dict[str, Any] = {"ok": True}
        if path.endswith("apps.connections.open"):
            told["url"] = f"ws://127.0.0.1:{self.port}/link"
        elif path.endswith("users.info"):
            told["user"] = {"profile": {"email": "asha@example.com"}}
        elif path.endswith("answer"):
            self.answers.append(json.loads(body)["text"])
            await self._tell()
        text = json.dumps(told).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(text)}"
        writer.write(f"{head}\r\n\r\n".encode() + text)
        await writer.drain()

    async def _talk(
        self, head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        key = next(
            line.split(": ")[1]
            for line in head.split("\r\n")
            if line.lower().startswith("sec-websocket-key")
        )
        accept = base64.b64encode(hashlib.sha1((key + MAGIC).encode()).digest()).decode()  # noqa: S324  # the RFC's
        lines = ("HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade")
        told = "\r\n".join([*lines, f"Sec-WebSocket-Accept: {accept}", "", ""])
        writer.write(told.encode() + _frame(TEXT, b'{"type": "hello"}'))
        self._writers.append(writer)
        self.opened += 1
        await self._tell()
        while True:
            kind, data = await _read(reader)
            if kind == PING and not self.deaf:
                writer.write(_frame(PONG, data))
            if kind == TEXT:
                self.acknowledged.append(json.loads(data)["envelope_id"])
                await self._tell()


def _frame(kind: int, data: bytes) -> bytes:
    size = bytes([len(data)]) if len(data) < 126 else b"\x7e" + struct.pack(">H", len(data))
    return bytes([0x80 | kind]) + size + data


async def _read(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    first, size = await reader.readexactly(2)
    length = size & 0x7F
    if length == 126:
        (length,) = struct.unpack(">H", await reader.readexactly(2))
    mask = await reader.readexactly(4)
    data = await reader.readexactly(length)
    return first & 0x0F, bytes(byte ^ mask[n % 4] for n, byte in enumerate(data))
