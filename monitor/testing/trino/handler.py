"""How a scripted coordinator answers one request, and how it goes wrong."""

import gzip
import json
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler
from typing import Any, ClassVar, Protocol
from urllib.parse import parse_qs, urlsplit

from monitor.testing.trino import rest
from monitor.testing.trino.cluster import ClusterState
from monitor.testing.trino.faults import GET_STATUSES, POST_STATUSES, STATUSES, STUCK, Fault
from monitor.testing.trino.statements import Statement, Statements

LONG_POLL_SECONDS = 0.05
"""How long a query that does not move is waited for before a page says so; Trino takes 1 s."""

COOKIE = "Trino-UI-Token=scripted"


class Coordinator(Protocol):
    """What the handler needs of its server."""

    queries: Statements
    released: threading.Event
    was_read: threading.Event
    rest_requests: list[str]
    reads: int
    deletes: int

    @property
    def state(self) -> Callable[[], ClusterState]:
        """The state of the moment."""

    def note(self, text: str, headers: Mapping[str, str]) -> None:
        """Remember what was submitted."""

    def cancel(self, one: Statement) -> None:
        """End a query."""

    def is_due(self, fault: Fault, key: str) -> bool:
        """Say whether a fault strikes now."""

    def is_first(self, key: str) -> bool:
        """Say whether this is asked for the first time of a query."""

    def resource(self, path: str, query: Mapping[str, list[str]]) -> tuple[str, str] | None:
        """Return content type and body of the REST resources."""

    def login(self, path: str, body: str) -> tuple[int, Mapping[str, str]]:
        """Answer a login of the UI."""


class Handler(BaseHTTPRequestHandler):
    """One connection. A subclass names the server whose it is."""

    scripted: ClassVar[Coordinator]
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet an answer; two wait for each other

    def do_POST(self) -> None:
        """Take a statement, or a login."""
        length = int(self.headers.get("Content-Length", 0))
        raw = self.rfile.read(length)
        if len(raw) < length:
            self.close_connection = True  # cut off before its end: nothing was submitted
            return
        body = raw.decode()
        path = urlsplit(self.path).path
        if path.startswith("/ui/"):
            self._reply(*self.scripted.login(path, body))
            return
        headers = dict(self.headers.items())
        self.scripted.note(body, headers)
        fault = self.scripted.queries.fault(body)
        if fault in STATUSES:
            self._reply(STATUSES[fault])
        elif fault is Fault.UNSEEN_POST:
            self._hang()
        elif fault in POST_STATUSES and fault is not Fault.GATEWAY_POST:
            self._reply(*POST_STATUSES[fault])
        else:
            self._submitted(self.scripted.queries.submit(body, headers), fault)

    def _submitted(self, one: Statement, fault: Fault) -> None:
        if fault is Fault.SLOW_POST:
            self._hang()
        elif fault is Fault.LOST_POST:
            self._reset()
        elif fault is Fault.EMPTY_POST:
            self._reply(200)
        elif fault is Fault.GATEWAY_POST:
            self._reply(*POST_STATUSES[fault])
        else:
            self._json(self.scripted.queries.first(one))

    def do_GET(self) -> None:
        """Give a page of a statement, or a resource."""
        parts = urlsplit(self.path)
        if parts.path.startswith("/v1/statement/"):
            self._read(parts.path)
            return
        self.scripted.rest_requests.append(parts.path)
        state = self.scripted.state()
        if state.fault in STATUSES or parts.path in state.denied:
            self._reply(STATUSES.get(state.fault, 403))
            return
        if parts.path.startswith("/ui/api/") and COOKIE not in self.headers.get("Cookie", ""):
            self._reply(401)
            return
        found = self.scripted.resource(parts.path, parse_qs(parts.query))
        if found:
            self._pack(*found)
        else:
            self._reply(404, {"Content-Type": rest.TEXT}, "not found")

    def _read(self, path: str) -> None:
        stage, key, _slug, token = path.removeprefix("/v1/statement/").split("/")
        self.scripted.reads += 1
        self.scripted.was_read.set()
        one = self.scripted.queries.get(key)
        fault = Fault.NONE if one is None else self.scripted.queries.fault(one.text)
        if one is None or not one.is_alive:
            self._reply(404)
        elif not self.scripted.is_due(fault, key):
            self._json(self.scripted.queries.page(one, stage, int(token)))
        elif fault in STATUSES or fault in GET_STATUSES:
            self._reply({**STATUSES, **GET_STATUSES}[fault])
        else:
            self._spoiled(one, stage, int(token), fault)

    def _spoiled(self, one: Statement, stage: str, token: int, fault: Fault) -> None:
        if fault is Fault.SLOW_GET:
            self._hang()
            return
        if fault in STUCK or self.scripted.state().is_stuck:
            self.scripted.released.wait(LONG_POLL_SECONDS)
        had_ended = one.has_ended
        body = json.dumps(self.scripted.queries.page(one, stage, token))
        if fault in _SPOILT:
            one.has_ended = had_ended  # nobody has read that page
        if fault in {Fault.RESET, Fault.RESET_ONCE}:
            self._begin(len(body), body[: len(body) // 2])
            self._reset()
        elif fault is Fault.DRIP:
            self._drip(body)
        elif fault is Fault.HUGE:
            self._flood()
        elif fault in _SPOILT:
            self._reply(200, {"Content-Type": rest.JSON}, _spoil(body, fault))
        else:
            self._pack(rest.JSON, body)

    def do_DELETE(self) -> None:
        """End a query."""
        key = urlsplit(self.path).path.split("/")
        one = self.scripted.queries.get(key[3] if key[2] == "query" else key[4])
        fault = Fault.NONE if one is None else self.scripted.queries.fault(one.text)
        self.scripted.deletes += 1
        if one is None:
            self._reply(404)
        elif fault is Fault.DELETE_FAILS:
            self._reply(503)
        elif fault is Fault.DELETE_LOST and self.scripted.is_first(one.key):
            self._reset()
        else:
            self.scripted.cancel(one)
            if fault is Fault.DELETE_HANGS:
                self._hang()
            else:
                self._reply(204)

    def _hang(self) -> None:
        """Wait until the server is taken down or the other side has gone."""
        self.connection.settimeout(LONG_POLL_SECONDS)
        while not self.scripted.released.is_set():
            try:
                if not self.connection.recv(1):
                    break
            except TimeoutError:
                continue
            except OSError:
                break
        self.close_connection = True

    def _reset(self) -> None:
        """Close so that the other side sees a reset."""
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.close_connection = True

    def _begin(self, length: int, part: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", rest.JSON)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(part.encode())
        self.wfile.flush()

    def _drip(self, body: str) -> None:
        self._begin(len(body), "")
        self.close_connection = True
        try:
            while not self.scripted.released.wait(LONG_POLL_SECONDS):
                self.wfile.write(b" ")
                self.wfile.flush()
        except OSError:
            return

    def _flood(self) -> None:
        self._begin(2**40, "")
        self.close_connection = True
        try:
            while not self.scripted.released.is_set():
                self.wfile.write(b" " * 2**20)
        except OSError:
            return

    def _json(self, body: Mapping[str, Any]) -> None:
        self._pack(rest.JSON, json.dumps(body))

    def _pack(self, kind: str, body: str) -> None:
        if "gzip" not in self.headers.get("Accept-Encoding", ""):
            self._reply(200, {"Content-Type": kind}, body)
            return
        packed = gzip.compress(body.encode(), mtime=0)
        self._reply(200, {"Content-Type": kind, "Content-Encoding": "gzip"}, packed)

    def _reply(
        self, status: int, headers: Mapping[str, str] | None = None, body: str | bytes = ""
    ) -> None:
        text = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if status != 204:  # noqa: PLR2004  # it has no body
            self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
        """Say nothing."""


_SPOILT = {Fault.EMPTY, Fault.TRUNCATED, Fault.RESET, Fault.DRIP, Fault.HUGE, Fault.HTML} | {
    Fault.NO_OBJECT,
    Fault.NO_KEYS,
    Fault.EMPTY_ONCE,
    Fault.TRUNCATED_ONCE,
    Fault.RESET_ONCE,
}


def _spoil(body: str, fault: Fault) -> str:
    """Return the body of a page as the fault leaves it."""
    if fault in {Fault.EMPTY, Fault.EMPTY_ONCE}:
        return ""
    if fault in {Fault.TRUNCATED, Fault.TRUNCATED_ONCE}:
        return body[: len(body) // 2]
    if fault is Fault.HTML:
        return "<html><body>Sign in</body></html>"
    return {Fault.NO_OBJECT: "[]", Fault.NO_KEYS: "{}"}.get(fault, body)
