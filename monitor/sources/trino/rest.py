"""What the coordinator tells by REST, which never queues: one reading of each resource."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import quote

import requests
from prometheus_client.parser import text_string_to_metric_families

from monitor.api import GroupLoad, SourceError
from monitor.sources.trino.address import ME, Address
from monitor.sources.trino.cancel import authorize
from monitor.sources.trino.faults import fault_of, is_slow, status_fault
from monitor.sources.trino.sockets import Tally
from monitor.sources.trino.turn import Turn, shorter
from monitor.sources.trino.wire import Wire

Facts: TypeAlias = dict[str, Any]
"""Fields of a ``LoadSnapshot`` by name; what is None is not known."""

MOST_SECONDS = 5.0
MOST_BYTES = 20_000
"""What one look at a cluster may read in all, with headers, as it comes over the wire."""

MORE = 2_000
"""How much more than was asked for may come of an answer that is cut: the last piece, what was read
ahead, and what the system had taken in (of its 2,304 bytes some are its own)."""

AN_ANSWER = 1_200
"""Bytes that an answer may have even if little is left: those that are not cut are shorter."""

NODES = (
    "trino_node_name_CoordinatorNodeManager",  # 477 and later
    "trino_metadata_name_DiscoveryNodeManager",  # before
)
POOL = "trino_memory_type_ClusterMemoryPool_name_general"
MANAGER = "trino_memory_name_ClusterMemoryManager"
QUERIES = "trino_execution_name_QueryManager"
EXECUTOR = "trino_execution_executor_dedicated_name_ThreadPerDriverTaskExecutor"
SLOTS = "ConcurrencyControl"
QUEUED_TIME = f"{QUERIES}_QueuedTime_FiveMinutes"
COUNTS: Mapping[str, tuple[str, ...]] = {
    "workers": tuple(f"{nodes}_ActiveNodeCount" for nodes in NODES),
    "queued": (f"{QUERIES}_QueuedQueries",),
    "running": (f"{QUERIES}_RunningQueries",),
    "blocked": (f"{QUERIES}_FullyBlockedQueries",),
    "blocked_nodes": (f"{POOL}_BlockedNodes",),
    "oom_kills": (f"{MANAGER}_QueriesKilledDueToOutOfMemory",),
    "completed": (f"{QUERIES}_CompletedQueries",),
}
"""Fields that are one metric, by the names that it had; the first one that is there counts."""

RESERVED, TOTAL = f"{POOL}_ReservedDistributedBytes", f"{POOL}_TotalDistributedBytes"
FREE_SLOTS, ALL_SLOTS = f"{EXECUTOR}_{SLOTS}AvailableSlots", f"{EXECUTOR}_{SLOTS}TotalSlots"
FAILURES = (f"{QUERIES}_InsufficientResourcesFailures", f"{QUERIES}_InternalFailures")
NAMES = (
    *(name for names in COUNTS.values() for name in names),
    *(RESERVED, TOTAL, FREE_SLOTS, ALL_SLOTS, *FAILURES, QUEUED_TIME),
)
METRICS = "/metrics?" + "&".join(f"name[]={name}" for name in NAMES)


class Rest:
    """Reads resources one after the other, within what the tally allows in all."""

    def __init__(self, address: Address, turn: Turn, tally: Tally | None = None) -> None:
        """Open a session. Raise SourceError when the token file cannot be read."""
        self._tally = tally or Tally(most=MOST_BYTES)
        self._base = address.base
        self._turn = turn
        self._wire = Wire(address, turn, pauses=(), tally=self._tally, is_cutting=True)
        self._wire.headers["X-Trino-Source"] = f"{ME}/{turn.check}"
        try:
            authorize(self._wire, address)
        except OSError as error:
            raise SourceError("auth", f"the token cannot be read: {error}") from error

    def close(self) -> None:
        """Let go of the connections."""
        self._wire.close()

    @property
    def left(self) -> int:
        """How many bytes may still come."""
        return self._tally.left

    def get(self, path: str, **headers: str) -> requests.Response:
        """Read one resource. Raise SourceError."""
        return self._all("GET", path, {"headers": headers})

    def post(self, path: str, **body: Any) -> requests.Response:
        """Log in. Raise SourceError."""
        return self._all("POST", path, body)

    def part(self, path: str, most: int) -> tuple[str, bool]:
        """Read about so many bytes at most; return them, and whether there were more."""
        text = self._ask("GET", path, {}, most).content.decode(errors="replace")
        return text, self._wire.was_cut

    def _all(self, method: str, path: str, more: Mapping[str, Any]) -> requests.Response:
        most = max(AN_ANSWER, self.left - MORE)
        response = self._ask(method, path, more, most)
        if self._wire.was_cut:
            told = f"longer than the {most} bytes that a look may still read"
            raise SourceError("protocol", told)
        return response

    def _ask(self, method: str, path: str, more: Mapping[str, Any], most: int) -> requests.Response:
        if not self._turn.left:
            raise SourceError("timeout", "no time was left to ask")
        turn = shorter(self._turn, MOST_SECONDS)
        if self._wire.sockets.is_cut:
            self._wire.renew(turn)
        self._wire.turn, self._wire.most = turn, most
        try:
            with turn.watched(self._wire.sockets.cut):
                response = self._wire.request(method, f"{self._base}{path}", **more)
        except requests.RequestException as error:
            if is_slow(error) or not turn.left:
                raise SourceError("timeout", "did not answer in time") from error
            raise fault_of(error) from error
        if not response.ok:
            code = response.status_code
            raise SourceError(status_fault(code), f"HTTP {code}")
        return response


@dataclass(frozen=True, slots=True)
class Collector:
    """One way to learn about the load: where to read, and what to make of it."""

    path: str
    read: Callable[[requests.Response], Facts]

    def facts(self, rest: Rest) -> Facts:
        """Read now. Raise SourceError, also for an answer of another shape."""
        response = rest.get(self.path)
        try:
            return self.read(response)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise SourceError("protocol", f"cannot be read: {error!r}") from error


def info(response: requests.Response) -> Facts:
    """Read ``/v1/info``."""
    body = response.json()
    return {"version": body["nodeVersion"]["version"], "is_starting": bool(body["starting"])}


def status(response: requests.Response) -> Facts:
    """Read ``/v1/status``: the coordinator's own machine."""
    body = response.json()
    return {
        "heap_share": share(body["heapUsed"], body["heapAvailable"]),
        "cpu_share": share(body["processCpuLoad"], 1.0),
    }


def share(part: float | None, whole: float | None) -> float | None:
    """Divide; None where either is unknown (the JVM says -1 or NaN then)."""
    if part is None or not whole or not math.isfinite(part) or not math.isfinite(whole):
        return None
    return part / whole if part >= 0 and whole > 0 else None


def metrics(response: requests.Response) -> Facts:
    """Read ``/metrics``; names moved with 477, the distribution of queue times is in ms."""
    values: dict[str, float] = {}
    for family in text_string_to_metric_families(response.text):
        for sample in family.samples:
            if not math.isfinite(sample.value):
                continue
            if sample.name == QUEUED_TIME and sample.labels.get("quantile") == "0.95":
                values[QUEUED_TIME] = sample.value / 1000
            elif not sample.labels:
                # The parser adds `_total` to the name of what Trino calls a counter.
                values[sample.name.removesuffix("_total")] = sample.value
    facts: Facts = {
        name: int(value)
        for name, names in COUNTS.items()
        if (value := next((values[it] for it in names if it in values), None)) is not None
    }
    facts["memory_share"] = share(values.get(RESERVED), values.get(TOTAL))
    free = share(values.get(FREE_SLOTS), values.get(ALL_SLOTS))
    facts["slot_share"] = None if free is None else 1 - free
    facts["queue_p95"] = values.get(QUEUED_TIME)
    if FAILURES[0] in values:
        facts["cluster_failures"] = int(sum(values.get(name, 0) for name in FAILURES))
    if all(value is None for value in facts.values()):
        raise ValueError("none of the wanted metrics is there")
    return facts


def groups(text: str, *, was_cut: bool = False) -> tuple[GroupLoad, ...]:
    """Read ``/v1/resourceGroupState/{root}``: the group and those below that are in use.

    Last come the queries that run in it, each with its text; they may be cut off.
    """
    if was_cut:
        text = text.partition(',"runningQueries"')[0] + "}"
    body = json.loads(text)
    return tuple(_group(one) for one in (body, *(body.get("subGroups") or ())))


def group_path(name: str) -> str:
    """Return where a resource group is told: ``a.b`` is ``/v1/resourceGroupState/a/b``."""
    return "/v1/resourceGroupState/" + "/".join(quote(part, safe="") for part in name.split("."))


def _group(body: Mapping[str, Any]) -> GroupLoad:
    return GroupLoad(
        name=".".join(body["id"]),
        running=int(body["numRunningQueries"]),
        limit=int(body["hardConcurrencyLimit"]),
        queued=int(body["numQueuedQueries"]),
        max_queued=int(body["maxQueuedQueries"]),
    )


INFO = Collector("/v1/info", info)
STATUS = Collector("/v1/status", status)
NUMBERS = Collector(METRICS, metrics)
