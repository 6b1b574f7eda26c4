"""The REST of a scripted coordinator: what answers while SQL waits in the queue."""

from collections.abc import Iterable, Mapping
from typing import Any

from monitor.api.load import ClusterQuery, GroupLoad
from monitor.testing.trino.cluster import ClusterState
from monitor.testing.trino.statements import Statement

JSON, TEXT = "application/json", "text/plain"
NEW_NAME = "trino_node_name_CoordinatorNodeManager_ActiveNodeCount"
OLD_NAME = "trino_metadata_name_DiscoveryNodeManager_ActiveNodeCount"
POOL = "trino_memory_type_ClusterMemoryPool_name_general"
MANAGER = "trino_memory_name_ClusterMemoryManager"
QUERIES = "trino_execution_name_QueryManager"
WAITS = "QUEUED"
WAITING, OVER = {WAITS, "WAITING_FOR_RESOURCES"}, {"FINISHED", "FAILED"}
NOT_RUNNING = WAITING | {"DISPATCHING", "PLANNING", "STARTING"}
"""What the counters call queued."""


def info(state: ClusterState) -> dict[str, Any]:
    """Write ``/v1/info``."""
    version = {"nodeVersion": {"version": state.version}, "environment": "demo"}
    return {**version, "coordinator": True, "starting": state.is_starting, "uptime": "3.1d"}


def status(state: ClusterState) -> dict[str, Any]:
    """Write ``/v1/status``."""
    heap = {"heapUsed": int(state.heap_share * 2**30), "heapAvailable": 2**30}
    return {**heap, "processCpuLoad": state.cpu_share, "processors": 4, "nodeId": "demo"}


def queries(
    state: ClusterState, living: Iterable[Statement], wanted: str = ""
) -> list[dict[str, Any]]:
    """Write ``/v1/query``: the queries of the state, and the statements that live.

    ``wanted`` is the state that is asked for; empty for all.
    """
    # Only what is asked for is written: of thousands that is most of the work.
    told = [_basic(query) for query in state.queries if wanted in {"", query.state}]
    return told + [_living(one) for one in living if wanted in {"", WAITS}]


def group(state: ClusterState, name: str) -> dict[str, Any] | None:
    """Write ``/v1/resourceGroupState/{name}``; None for an unknown one."""
    known = {one.name: one for one in state.groups}
    if name not in known:
        return None
    below = [one for one in state.groups if one.name.startswith(f"{name}.")]
    return {**_group(known[name]), "subGroups": [_group(one) for one in below]}


def ui_stats(state: ClusterState) -> dict[str, Any]:
    """Write ``/ui/api/stats``."""
    every = [*state.queries, *state.hidden]
    states = [query.state for query in every]
    return {
        "runningQueries": sum(one not in WAITING | OVER for one in states),
        "blockedQueries": sum(query.is_blocked for query in every),
        "queuedQueries": sum(one in WAITING for one in states),
        "activeCoordinators": 1,
        "activeWorkers": state.workers,
        "runningDrivers": sum(query.slots for query in every),
        "totalAvailableProcessors": 16,
        "reservedMemory": state.memory_share * 1e11,
    }


def metrics(state: ClusterState, wanted: Iterable[str]) -> str:
    """Write ``/metrics`` with the names of one generation; ``wanted`` filters them."""
    every = [*state.queries, *state.hidden]
    ended = [query for query in every if query.state in OVER]
    lacking = [one for one in ended if one.error_type == "INSUFFICIENT_RESOURCES"]
    running = [one for one in every if one.state not in NOT_RUNNING | OVER]
    values: dict[str, float] = {
        OLD_NAME if state.has_old_names else NEW_NAME: state.workers,
        f"{POOL}_ReservedDistributedBytes": state.memory_share * 1e11,
        f"{POOL}_TotalDistributedBytes": 1e11,
        f"{POOL}_BlockedNodes": state.blocked_nodes,
        f"{MANAGER}_QueriesKilledDueToOutOfMemory": state.oom_kills,
        f"{QUERIES}_QueuedQueries": sum(one.state in NOT_RUNNING for one in every),
        f"{QUERIES}_RunningQueries": len(running),
        f"{QUERIES}_FullyBlockedQueries": sum(one.is_blocked for one in running),
        f"{QUERIES}_CompletedQueries": len(ended),
        f"{QUERIES}_InsufficientResourcesFailures": len(lacking),
        f"{QUERIES}_InternalFailures": sum(one.error_type == "INTERNAL_ERROR" for one in ended),
    }
    names = set(wanted)
    told = {key: value for key, value in values.items() if not names or key in names}
    lines = [f"# TYPE {key} gauge\n{key} {value}" for key, value in told.items()]
    return "\n".join([*lines, "# EOF", ""])


def _group(one: GroupLoad) -> dict[str, Any]:
    return {
        "id": one.name.split("."),
        "state": "FULL" if one.queued >= one.max_queued else "CAN_QUEUE",
        "hardConcurrencyLimit": one.limit,
        "maxQueuedQueries": one.max_queued,
        "numQueuedQueries": one.queued,
        "numRunningQueries": one.running,
    }


def _living(one: Statement) -> dict[str, Any]:
    query = ClusterQuery(
        one.key,
        one.headers.get("X-Trino-User", ""),
        one.headers.get("X-Trino-Source", ""),
        WAITS,
    )
    written = _basic(query)
    written["session"]["traceToken"] = one.headers.get("X-Trino-Trace-Token")
    return written


def _basic(query: ClusterQuery) -> dict[str, Any]:
    session: Mapping[str, Any] = {
        "user": query.user,
        "source": query.source,
        "userAgent": query.agent or None,
        "clientTags": list(query.tags),
        "clientInfo": query.client_info or None,
    }
    return {
        "queryId": query.id,
        "session": {key: value for key, value in session.items() if value is not None},
        "resourceGroupId": query.group.split("."),
        "state": query.state,
        "errorType": query.error_type or None,
        "errorCode": {"name": query.error} if query.error else None,
        "query": query.text,
        "queryStats": {
            "queuedTime": f"{query.queued.total_seconds():.2f}s",
            "elapsedTime": f"{query.elapsed.total_seconds():.2f}s",
            "totalCpuTime": f"{query.cpu.total_seconds():.2f}s",
            "planningTime": f"{query.planning.total_seconds():.2f}s",
            "analysisTime": "0.00s",
            "finishingTime": f"{query.finishing.total_seconds():.2f}s",
            "runningDrivers": query.slots,
            "userMemoryReservation": f"{query.memory_bytes}B",
            "fullyBlocked": query.is_blocked,
            "endTime": query.ended_at.isoformat() if query.ended_at else None,
        },
    }
