"""A proxy before a Slack that breaks on demand: what the network and Slack do on bad days."""

import json
import random
import threading
from collections.abc import Sequence
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle
from typing import ClassVar, Literal, Self, TypeAlias
from urllib.parse import urlsplit

from monitor.render.blocks import validate

Fault: TypeAlias = Literal[
    "rate_limited", "error", "error_after_commit", "drop", "commit_then_drop", "stall"
]
WEIGHTS: dict[Fault, int] = {
    "rate_limited": 30,
    "error": 20,
    "error_after_commit": 15,
    "drop": 15,
    "commit_then_drop": 19,
    "stall": 1,  # costs a time-out of the client
}


class FaultyProxy:
    """Hands calls on to a Slack, a share of the writing ones broken; refuses blocks as Slack does.

    ``counts`` says how often each fault was played; ``refused`` are the faults of blocks. The
    ``tokens`` take turns: an emulator may bound the calls of each.
    """

    def __init__(self, target: str, share: float, seed: int, tokens: Sequence[str]) -> None:
        split = urlsplit(target)
        self.host, self.port = str(split.hostname), int(split.port or 80)
        self.share = share
        self.draw = random.Random(seed)  # noqa: S311  # a seed, no secret
        self.counts: dict[str, int] = {}
        self.refused: list[str] = []
        self.lock = threading.Lock()
        self.tokens = cycle(tokens)

    def __enter__(self) -> Self:
        """Listen on a free port."""
        bound = type("Bound", (_Handler,), {"proxy": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), bound)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/api/"

    def fault(self, method: str) -> Fault | None:
        with self.lock:
            if not method.startswith("chat.") or self.draw.random() >= self.share:
                return None
            (fault,) = self.draw.choices(list(WEIGHTS), list(WEIGHTS.values()))
            self.counts[fault] = self.counts.get(fault, 0) + 1
            return fault


class _Handler(BaseHTTPRequestHandler):
    proxy: ClassVar[FaultyProxy]
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def _do(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        method = urlsplit(self.path).path.rsplit("/", 1)[-1]
        fault = self.proxy.fault(method)
        if fault in {None, "error_after_commit", "commit_then_drop"}:
            status, answer = self._pass_on(method, body)
        if fault in {"drop", "commit_then_drop"}:
            self.close_connection = True
        elif fault == "stall":
            self.rfile.read(1)  # until the client has had enough
            self.close_connection = True
        elif fault == "rate_limited":
            self._reply(429, b'{"ok": false, "error": "ratelimited"}')
        elif fault is not None:
            self._reply(500, b'{"ok": false, "error": "fatal_error"}')
        else:
            self._reply(status, answer)

    do_GET = do_POST = _do  # noqa: N815  # the names of the base class

    def _pass_on(self, method: str, body: bytes) -> tuple[int, bytes]:
        if method.startswith("chat.") and (faults := validate_body(body)):
            self.proxy.refused.extend(faults)
            return 200, b'{"ok": false, "error": "invalid_blocks"}'
        connection = HTTPConnection(self.proxy.host, self.proxy.port, timeout=10)
        with self.proxy.lock:
            headers = {"Authorization": f"Bearer {next(self.proxy.tokens)}"}
        if "Content-Type" in self.headers:
            headers["Content-Type"] = self.headers["Content-Type"]
        connection.request(self.command, self.path, body or None, headers)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, text

    def _reply(self, status: int, text: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        if status == 429:
            self.send_header("Retry-After", "0")
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
        pass


def validate_body(body: bytes) -> list[str]:
    """Return what Slack would refuse of the blocks of a call."""
    blocks = json.loads(body or b"{}").get("blocks")
    return validate(blocks) if blocks else []
