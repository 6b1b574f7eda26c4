"""The scripted coordinator: a server on loopback, and how it goes wrong."""

import json
import ssl
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl

from monitor.testing.trino import rest
from monitor.testing.trino.cluster import ClusterState
from monitor.testing.trino.faults import ONCE, Fault
from monitor.testing.trino.handler import COOKIE, Handler
from monitor.testing.trino.statements import Statement, Statements


@dataclass
class ScriptedTrino:
    """The server; a context manager. ``tls`` makes it speak HTTPS.

    ``statements`` holds every text that was submitted, in order, with its ``sources`` and its
    request ``headers``; ``alive`` the ids of queries that did not end, ``cancelled`` those that
    were ended by a DELETE, ``reads`` and ``deletes`` count the requests; the events are set at the
    first of each. ``rest_requests`` are the paths of everything else that was asked for.
    """

    state: Callable[[], ClusterState]
    tls: ssl.SSLContext | None = None
    statements: list[str] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    rest_requests: list[str] = field(default_factory=list)
    reads: int = 0
    deletes: int = 0
    was_read: threading.Event = field(default_factory=threading.Event)
    was_cancelled: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        """Listen on a free port."""
        self.released = threading.Event()
        self.queries = Statements(self.state)
        self._failed_once: set[str] = set()
        self._server = _Server(("127.0.0.1", 0), type("Mine", (Handler,), {"scripted": self}))
        if self.tls is not None:
            self._server.socket = self.tls.wrap_socket(self._server.socket, server_side=True)
        scheme = "http" if self.tls is None else "https"
        self.queries.base = f"{scheme}://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening."""
        self.stop()

    def stop(self) -> None:
        """Let go of what is held back and refuse connections from now on."""
        self.released.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """The address."""
        return self.queries.base

    @property
    def alive(self) -> set[str]:
        """The ids of queries that did not end."""
        return self.queries.alive

    def note(self, text: str, headers: Mapping[str, str]) -> None:
        """Remember what was submitted."""
        self.statements.append(text)
        self.sources.append(headers.get("X-Trino-Source", ""))
        self.headers.append(headers)

    def cancel(self, one: Statement) -> None:
        """End a query."""
        one.has_ended = True
        self.cancelled.append(one.key)
        self.was_cancelled.set()

    def is_due(self, fault: Fault, key: str) -> bool:
        """Say whether a fault strikes now; one that is named ``_once`` strikes each query once."""
        return fault not in ONCE or self.is_first(key)

    def is_first(self, key: str) -> bool:
        """Say whether this is asked for the first time of a query."""
        is_first = key not in self._failed_once
        self._failed_once.add(key)
        return is_first

    def resource(self, path: str, query: Mapping[str, list[str]]) -> tuple[str, str] | None:
        """Return content type and body of the REST resources; None for unknown ones."""
        state = self.state()
        if path == "/metrics":
            return rest.TEXT, rest.metrics(state, query.get("name[]", []))
        found: Any = None
        if path == "/v1/info":
            found = rest.info(state)
        elif path == "/v1/status":
            found = rest.status(state)
        elif path == "/v1/query":
            found = rest.queries(state, self.queries.living(), query.get("state", [""])[0])
        elif path == "/ui/api/stats":
            found = rest.ui_stats(state)
        elif path.startswith("/v1/resourceGroupState/"):
            found = rest.group(
                state, path.removeprefix("/v1/resourceGroupState/").replace("/", ".")
            )
        return None if found is None else (rest.JSON, json.dumps(found))

    def login(self, path: str, body: str) -> tuple[int, Mapping[str, str]]:
        """Answer a login of the UI: by a form until 482, by JSON since."""
        state = self.state()
        if path != ("/ui/auth/login" if state.has_new_login else "/ui/login"):
            return 303, {"Location": f"{self.url}/ui/login.html?{path}"}
        given = (
            json.loads(body)
            if state.has_new_login
            else dict(parse_qsl(body, keep_blank_values=True))
        )
        if not given.get("username") or given.get("password", "") != state.password:
            return (401, {}) if state.has_new_login else (303, {"Location": "/ui/login.html"})
        cookie = {"Set-Cookie": f"{COOKIE};Path=/ui;HttpOnly"}
        return (204, cookie) if state.has_new_login else (303, {**cookie, "Location": "/ui/"})


class _Server(ThreadingHTTPServer):
    """A server whose clients may go away in the middle of an answer."""

    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)
