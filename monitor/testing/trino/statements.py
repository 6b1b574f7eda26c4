"""The statements of a scripted coordinator: what was submitted, what lives, page by page."""

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from monitor.testing.trino.cluster import ClusterState
from monitor.testing.trino.faults import BROKEN, ERRORS, NOT_FOUND, QUEUE_FULL, STUCK, Fault
from monitor.testing.trino.types import column

PAGE_ROWS = 10_000
INTERNAL = "http://coordinator.trino.svc.invalid:8080"
CATALOGS = r"from system\.metadata\.catalogs"
_CATALOG = {"catalog_name": "varchar", "connector_name": "varchar"}
_LIMIT = re.compile(r"query_max_run_time=(\d+(?:\.\d+)?)s")
_COUNTS = (
    "totalSplits",
    "queuedSplits",
    "runningSplits",
    "completedSplits",
    "planningTimeMillis",
    "analysisTimeMillis",
    "cpuTimeMillis",
    "wallTimeMillis",
    "queuedTimeMillis",
    "elapsedTimeMillis",
    "finishingTimeMillis",
    "physicalInputTimeMillis",
    "processedRows",
    "processedBytes",
    "physicalInputBytes",
    "physicalWrittenBytes",
    "internalNetworkInputBytes",
    "peakMemoryBytes",
    "spilledBytes",
)


@dataclass
class Statement:
    """One query. ``limit`` is the ``query_max_run_time`` that came with it, in seconds."""

    key: str
    text: str
    headers: Mapping[str, str]
    limit: float
    began: float = field(default_factory=monotonic)
    has_ended: bool = False

    @property
    def is_alive(self) -> bool:
        """Whether the cluster still works on it; its own limit ends it without anybody's doing."""
        return not self.has_ended and monotonic() - self.began < self.limit


class Statements:
    """All queries of a coordinator, by key, in the order in which they were submitted."""

    def __init__(self, state: Callable[[], ClusterState]) -> None:
        """Start empty; ``base`` is set when the address is known."""
        self.base = ""
        self._state = state
        self._lock = threading.Lock()
        self._all: dict[str, Statement] = {}

    @property
    def alive(self) -> set[str]:
        """The keys of queries that did not end."""
        with self._lock:
            return {key for key, one in self._all.items() if one.is_alive}

    def get(self, key: str) -> Statement | None:
        """Return a query, ended or not."""
        return self._all.get(key)

    def living(self) -> list[Statement]:
        """Return the queries that did not end, as ``/v1/query`` lists them."""
        with self._lock:
            return [one for one in self._all.values() if one.is_alive]

    def submit(self, text: str, headers: Mapping[str, str]) -> Statement:
        """Take a statement."""
        limit = _LIMIT.search(headers.get("X-Trino-Session", ""))
        with self._lock:
            key = f"20261124_000000_{len(self._all) + 1:05d}_demo"
            made = Statement(key, text, headers, float(limit[1]) if limit else float("inf"))
            self._all[key] = made
        return made

    def first(self, one: Statement) -> dict[str, Any]:
        """Return the answer to the submission; it leads to the first page."""
        return self._page(one, "QUEUED", nextUri=self._next("queued", one, 1))

    def fault(self, text: str) -> Fault:
        """Return the fault of a statement: its own, else that of the whole cluster."""
        state = self._state()
        return next((it for like, it in state.faults.items() if re.search(like, text)), state.fault)

    def page(self, one: Statement, stage: str, token: int) -> dict[str, Any]:
        """Return one page; the same token gives the same page again."""
        state, fault = self._state(), self.fault(one.text)
        if state.is_stuck or (fault in STUCK and fault is not Fault.STUCK_FINISHING):
            name = "QUEUED" if state.is_stuck else STUCK[fault]
            return self._page(one, name, nextUri=self._next("queued", one, token + 1))
        if state.is_full:
            return self._fail(one, QUEUE_FULL)
        if fault in ERRORS:
            return self._fail(one, ERRORS[fault])
        tables = {**state.tables, CATALOGS: (_CATALOG, list(map(list, state.catalogs.items())))}
        found = next((it for like, it in tables.items() if re.search(like, one.text)), None)
        if found is None or isinstance(found, Mapping):
            return self._fail(one, found or NOT_FOUND)
        if stage == "queued":
            return self._page(one, "QUEUED", nextUri=self._next("executing", one, 0))
        types, rows = found
        return self._result(one, token, [column(*it) for it in types.items()], rows, fault)

    def _result(
        self,
        one: Statement,
        token: int,
        columns: Sequence[Mapping[str, Any]],
        rows: Sequence[Sequence[Any]],
        fault: Fault,
    ) -> dict[str, Any]:
        """Return the page ``token`` of the result: rows as long as there are, then the end."""
        if fault is Fault.UNKNOWN_TYPE:
            columns = [column("what", "geometry(7)")]
            rows = [["POINT (1 2)"]]
        data = [list(row) for row in rows[token * PAGE_ROWS : (token + 1) * PAGE_ROWS]]
        more = self._next("executing", one, token + 1)
        if data:
            spooled = {"encoding": "json", "segments": [{"type": "spooled", "uri": INTERNAL}]}
            held: Any = spooled if fault is Fault.SPOOLED else data
            return self._page(one, "RUNNING", nextUri=more, columns=columns, data=held)
        if fault is Fault.BREAKS_MID_RESULT:
            return self._fail(one, BROKEN)
        if fault is Fault.STUCK_FINISHING:
            return self._page(one, "FINISHING", nextUri=more, columns=columns)
        one.has_ended = True
        return self._page(one, "FINISHED", columns=columns)

    def _fail(self, one: Statement, error: Mapping[str, Any]) -> dict[str, Any]:
        one.has_ended = True
        why = {"type": "io.trino.spi.TrinoException", "message": error["message"]}
        told = {**error, "failureInfo": {**why, "suppressed": [], "stack": []}}
        return self._page(one, "FAILED", error=told)

    def _next(self, stage: str, one: Statement, token: int) -> str:
        inside = self.fault(one.text) is Fault.INTERNAL_HOST
        base = INTERNAL if inside else self.base
        return f"{base}/v1/statement/{stage}/{one.key}/yslug/{token}"

    def _page(self, one: Statement, state: str, **more: Any) -> dict[str, Any]:
        is_waiting = state in {"QUEUED", "WAITING_FOR_RESOURCES"}
        head = {"state": state, "queued": is_waiting, "scheduled": state not in _EARLY, "nodes": 0}
        stats = {**head, **dict.fromkeys(_COUNTS, 0), "queuedTimeMillis": 10}
        if state in {"RUNNING", "FINISHING", "FINISHED"}:
            stats |= {"progressPercentage": 100.0, "runningPercentage": 0.0, "nodes": 1}
            stats |= {"cpuTimeMillis": 3, "physicalInputBytes": 1000, "rootStage": _STAGE}
        info = f"{self.base}/ui/query.html?{one.key}"
        head_of_page = {"id": one.key, "infoUri": info}
        if "data" in more:
            cancel = f"{self.base}/v1/statement/executing/partialCancel/{one.key}/0/yslug/0"
            head_of_page["partialCancelUri"] = cancel
        return {**head_of_page, **more, "stats": stats, "warnings": []}


_EARLY = {"QUEUED", "WAITING_FOR_RESOURCES", "PLANNING", "FAILED"}
_STAGE = {"stageId": "0", "state": "RUNNING", "done": False, "nodes": 1, "subStages": []}
