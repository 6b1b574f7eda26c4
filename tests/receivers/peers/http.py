"""A small HTTP server for strict fakes of other people's systems."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Self, TypeAlias

from monitor.api import Receiver
from tests.contract.receiver_contract import RETRY_AFTER, Fault, Seen

Answer: TypeAlias = tuple[int, Any]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # an Alertmanager may open a hundred connections at once


class HttpPeer:
    """Answers by ``handle``; faults hit one request that writes each, oldest first."""

    reads: ClassVar[frozenset[str]] = frozenset({"GET"})

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.refusals: list[str] = []

    def __enter__(self) -> Self:
        """Listen on a free port."""
        bound = type("Bound", (_Handler,), {"owner": self})
        self._server = _Server(("127.0.0.1", 0), bound)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def handle(self, verb: str, path: str, body: Any, headers: Message) -> Answer:
        raise NotImplementedError

    def seen(self) -> list[Seen]:
        raise NotImplementedError

    def is_write(self, verb: str, path: str) -> bool:
        return verb not in self.reads

    def receiver_at(self, url: str) -> Receiver:
        raise NotImplementedError

    def receiver(self) -> Receiver:
        return self.receiver_at(self.url)

    @contextmanager
    def down(self) -> Iterator[Receiver]:
        gone = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        port = gone.server_address[1]
        gone.server_close()
        yield self.receiver_at(f"http://127.0.0.1:{port}")


class _Handler(BaseHTTPRequestHandler):
    owner: ClassVar[HttpPeer]
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def _do(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        is_write = self.owner.is_write(self.command, self.path)
        fault = self.owner.faults.pop(0) if is_write and self.owner.faults else None
        if fault in {None, "drop_after_commit"}:
            body = json.loads(raw) if raw else None
            status, answer = self.owner.handle(self.command, self.path, body, self.headers)
            if status >= 400:
                self.owner.refusals.append(f"{self.command} {self.path}: {answer}")
        if fault in {"drop", "drop_after_commit"}:
            self.close_connection = True
        elif fault is not None:
            status = {"rate_limited": 429, "unavailable": 503, "refused": 403}[fault]
            self._reply(status, {"error": fault})
        else:
            self._reply(status, answer)

    do_GET = do_POST = do_PUT = _do  # noqa: N815  # the names of the base class

    def _reply(self, status: int, answer: Any) -> None:
        text = b"" if answer is None else json.dumps(answer).encode()
        self.send_response(status)
        if status == 429:
            self.send_header("Retry-After", str(int(RETRY_AFTER.total_seconds())))
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
        pass
