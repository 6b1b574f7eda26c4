"""A scripted Trino coordinator on loopback: the statement protocol and the REST that never queues.

The caller supplies the state of the cluster as a callable, so that it works on a virtual clock.
A state may hold a fault; what was submitted, cancelled and is still alive is counted.
"""

import json
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import urlsplit

from monitor.api.answer import ClusterQuery


def trino_error(message: str, code: int, name: str, family: str) -> Mapping[str, Any]:
    """Write an error as the statement protocol does; it may stand in ``ClusterState.tables``."""
    return {"message": message, "errorCode": code, "errorName": name, "errorType": family}


NO_ROOM = "INSUFFICIENT_RESOURCES"
QUEUE_FULL = trino_error("Too many queued queries", 131074, "QUERY_QUEUE_FULL", NO_ROOM)
BROKEN = trino_error("The cluster is out of memory", 131076, "CLUSTER_OUT_OF_MEMORY", NO_ROOM)
NOT_FOUND = trino_error("Table does not exist", 46, "TABLE_NOT_FOUND", "USER_ERROR")
NEW_NAME = "trino_node_name_CoordinatorNodeManager_ActiveNodeCount"
OLD_NAME = "trino_metadata_name_DiscoveryNodeManager_ActiveNodeCount"
POOL = "trino_memory_type_ClusterMemoryPool_name_general"
JSON = "application/json"
ARGUMENTS = {"varchar": [2**31 - 1], "timestamp": [3], "decimal": [38, 0]}


class Fault(StrEnum):
    """A way to fail. ``slow_*`` hold the answer back until the server is taken down."""

    SLOW_POST = "slow_post"
    SLOW_GET = "slow_get"
    UNAVAILABLE = "unavailable"
    UNAVAILABLE_ONCE = "unavailable_once"
    UNAUTHORIZED = "unauthorized"
    BREAKS_MID_RESULT = "breaks_mid_result"
    TRUNCATED = "truncated"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class ClusterState:
    """The cluster at one moment.

    ``is_full`` refuses every statement (QUERY_QUEUE_FULL), ``is_stuck`` leaves it in the queue.
    ``tables`` maps a pattern of SQL to column types and rows, or to an error of Trino.
    ``denied`` names resources (``/metrics``) that answer 403. The fault UNAVAILABLE_ONCE fails
    the first reading of each query; the others fail everything that they can.
    """

    workers: int = 4
    queries: Sequence[ClusterQuery] = ()
    memory_share: float = 0.3
    heap_share: float = 0.4
    is_starting: bool = False
    is_full: bool = False
    is_stuck: bool = False
    has_old_names: bool = False
    tables: Mapping[str, tuple[Mapping[str, str], Sequence[Sequence[Any]]] | Mapping[str, Any]] = (
        field(default_factory=dict)
    )
    denied: frozenset[str] = frozenset()
    fault: Fault | None = None


@dataclass
class ScriptedTrino:
    """The server; a context manager.

    ``statements`` holds every text that was submitted, in order, with its ``sources`` and its
    request ``headers``; ``alive`` the ids of queries that did not end, ``cancelled`` those that
    were ended by a DELETE, ``reads`` and ``deletes`` count the requests; the
    events are set at the first of each.
    """

    state: Callable[[], ClusterState]
    statements: list[str] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    alive: set[str] = field(default_factory=set)
    cancelled: list[str] = field(default_factory=list)
    reads: int = 0
    deletes: int = 0
    was_read: threading.Event = field(default_factory=threading.Event)
    was_cancelled: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        """Listen on a free port."""
        self._lock = threading.Lock()
        self._released = threading.Event()
        self._failed_once: set[str] = set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._address = f"127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening."""
        self.stop()

    def stop(self) -> None:
        """Let go of what is held back and refuse connections from now on."""
        self._released.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """The address."""
        return f"http://{self._address}"

    def submit(self, text: str, source: str) -> dict[str, Any]:
        """Take a statement; the answer leads to its first page."""
        with self._lock:
            self.statements.append(text)
            self.sources.append(source)
            key = f"20261124_000000_{len(self.statements):05d}_demo"
            self.alive.add(key)
        return self._page(key, "QUEUED", nextUri=self._next("queued", key, 1))

    def page(self, key: str, token: int = 1) -> dict[str, Any]:
        """Return a page of a query: everything at once, a part of it, or an error."""
        state = self.state()
        if state.is_stuck:
            return self._page(key, "QUEUED", nextUri=self._next("queued", key, token + 1))
        if state.is_full:
            return self._fail(key, QUEUE_FULL)
        text = self.statements[int(key.split("_")[2]) - 1]
        found = next((it for like, it in state.tables.items() if re.search(like, text)), NOT_FOUND)
        if isinstance(found, Mapping):
            return self._fail(key, found)
        types, rows = found
        columns = [_column(name, kind) for name, kind in types.items()]
        data = [list(row) for row in rows]
        if state.fault is Fault.BREAKS_MID_RESULT:
            if token > 1:
                return self._fail(key, BROKEN)
            more = self._next("executing", key, token + 1)
            return self._page(key, "RUNNING", columns=columns, data=data, nextUri=more)
        self.alive.discard(key)
        return self._page(key, "FINISHED", columns=columns, data=data)

    def cancel(self, key: str) -> None:
        """End a query."""
        self.alive.discard(key)
        self.cancelled.append(key)
        self.was_cancelled.set()

    def _fail(self, key: str, error: Mapping[str, Any]) -> dict[str, Any]:
        self.alive.discard(key)
        return self._page(key, "FAILED", error=dict(error))

    def _next(self, stage: str, key: str, token: int) -> str:
        return f"{self.url}/v1/statement/{stage}/{key}/{token}"

    def _page(self, key: str, state: str, **more: Any) -> dict[str, Any]:
        stats = {"state": state, "queued": state == "QUEUED", "queuedTimeMillis": 10}
        info = f"{self.url}/ui/query.html?{key}"
        return {"id": key, "infoUri": info, "stats": stats, "warnings": [], **more}

    def rest(self, path: str) -> tuple[str, str] | None:
        """Return content type and body of the REST resources; None for unknown ones."""
        state = self.state()
        if path == "/v1/info":
            version = {"nodeVersion": {"version": "476"}, "environment": "demo"}
            body = {**version, "coordinator": True, "starting": state.is_starting, "uptime": "3.1d"}
            return JSON, json.dumps(body)
        if path == "/v1/status":
            heap = {"heapUsed": int(state.heap_share * 2**30), "heapAvailable": 2**30}
            return JSON, json.dumps({**heap, "processCpuLoad": 0.4})
        if path == "/v1/query":
            return JSON, json.dumps([_basic(query) for query in state.queries])
        return ("text/plain", _metrics(state)) if path == "/metrics" else None

    def refuse(self, path: str, key: str | None) -> int | None:
        """Return the HTTP status of a request that is not let through, else None."""
        state = self.state()
        if state.fault is Fault.UNAUTHORIZED:
            return 401
        if path in state.denied:
            return 403
        is_first = key is not None and key not in self._failed_once
        if state.fault is Fault.UNAVAILABLE_ONCE and key is not None and is_first:
            self._failed_once.add(key)
            return 503
        return 503 if state.fault is Fault.UNAVAILABLE else None

    def hold(self, fault: Fault) -> None:
        """Wait until the server is taken down, should the state hold this fault."""
        if self.state().fault is fault:
            self._released.wait()

    def spoil(self, body: str) -> str:
        """Return the body of a page as the fault leaves it."""
        fault = self.state().fault
        if fault is Fault.EMPTY:
            return ""
        return body[: len(body) // 2] if fault is Fault.TRUNCATED else body

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        scripted = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # one packet an answer; two wait for each other

            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                text = self.rfile.read(length).decode()
                source = self.headers.get("X-Trino-Source", "")
                scripted.headers.append(dict(self.headers.items()))
                page = scripted.submit(text, source)
                status = scripted.refuse("/v1/statement", None)
                if status:
                    scripted.alive.discard(page["id"])
                    self._reply(status, "text/plain", "refused")
                    return
                scripted.hold(Fault.SLOW_POST)
                self._reply(200, JSON, json.dumps(page))

            def do_GET(self) -> None:
                path = urlsplit(self.path).path
                is_page = path.startswith("/v1/statement/")
                key, token = path.split("/")[-2:] if is_page else (None, "0")
                if is_page:
                    scripted.reads += 1
                    scripted.was_read.set()
                status = scripted.refuse(path, key)
                if status:
                    self._reply(status, "text/plain", "refused")
                elif key is not None:
                    scripted.hold(Fault.SLOW_GET)
                    page = scripted.page(key, int(token))
                    self._reply(200, JSON, scripted.spoil(json.dumps(page)))
                else:
                    found = scripted.rest(path)
                    self._reply(*((200, *found) if found else (404, "text/plain", "not found")))

            def do_DELETE(self) -> None:
                scripted.deletes += 1
                scripted.cancel(self.path.split("/")[-2])
                self._reply(204, "text/plain", "")

            def _reply(self, status: int, kind: str, body: str) -> None:
                text = body.encode()
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
                pass

        return Handler


def _metrics(state: ClusterState) -> str:
    values = {
        OLD_NAME if state.has_old_names else NEW_NAME: state.workers,
        f"{POOL}_ReservedDistributedBytes": state.memory_share * 1e11,
        f"{POOL}_TotalDistributedBytes": 1e11,
    }
    lines = [f"# TYPE {key} gauge\n{key} {value}" for key, value in values.items()]
    return "\n".join([*lines, "# EOF", ""])


def _column(name: str, kind: str) -> dict[str, Any]:
    raw = re.sub(r"\(.*?\)", "", kind)
    numbers = [int(one) for one in re.findall(r"\d+", kind)] or ARGUMENTS.get(raw, [])
    arguments = [{"kind": "LONG", "value": number} for number in numbers]
    return {"name": name, "type": kind, "typeSignature": {"rawType": raw, "arguments": arguments}}


def _basic(query: ClusterQuery) -> dict[str, Any]:
    return {
        "queryId": query.id,
        "session": {"user": query.user, "source": query.source},
        "resourceGroupId": query.group.split("."),
        "state": query.state,
        "errorType": query.error_type or None,
        "errorCode": {"name": query.error} if query.error else None,
        "queryStats": {
            "queuedTime": f"{query.queued.total_seconds():.2f}s",
            "elapsedTime": f"{query.elapsed.total_seconds():.2f}s",
            "totalCpuTime": f"{query.cpu.total_seconds():.2f}s",
            "userMemoryReservation": f"{query.memory_bytes}B",
            "fullyBlocked": query.is_blocked,
            "endTime": query.ended_at.isoformat() if query.ended_at else None,
        },
    }
