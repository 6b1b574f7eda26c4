"""The load of a cluster: by REST, which never queues; by SQL only for what REST did not tell."""

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import httpx
from prometheus_client.parser import text_string_to_metric_families

from monitor.api import Cost, LoadSnapshot, SourceError
from monitor.api.errors import SourceFault
from monitor.api.http import trust
from monitor.sources.trino.address import ME, Address
from monitor.sources.trino.busy import busy_by_rest, busy_by_sql
from monitor.sources.trino.faults import status_fault
from monitor.sources.trino.statement import Result
from monitor.sources.trino.turn import Turn

Facts: TypeAlias = dict[str, Any]
"""Fields of a ``LoadSnapshot`` by name; what is None is not known."""

MOST_SECONDS = 5.0
WORKERS = (
    "trino_node_name_CoordinatorNodeManager_ActiveNodeCount",  # 477 and later
    "trino_metadata_name_DiscoveryNodeManager_ActiveNodeCount",  # before
)
RESERVED = "trino_memory_type_ClusterMemoryPool_name_general_ReservedDistributedBytes"
TOTAL = "trino_memory_type_ClusterMemoryPool_name_general_TotalDistributedBytes"
NAMES = (*WORKERS, RESERVED, TOTAL)


def snapshot(address: Address, turn: Turn, run: Callable[[str], Result]) -> LoadSnapshot:
    """Ask every collector; what one cannot tell stays unknown, with the reason in ``silent``.

    Raise SourceError only when none answers. Workers are all active nodes, the coordinator among
    them: that is what the cluster counts itself.
    """
    facts: Facts = {}
    silent: dict[str, str] = {}
    faults: list[SourceFault] = []
    heard: list[str] = []
    with _client(address, turn) as client:
        for name, (path, read) in COLLECTORS.items():
            try:
                facts |= read(_get(client, path, turn))
                heard.append(name)
            except SourceError as error:
                silent[name] = str(error)
                faults.append(error.fault)
    queries = 0
    is_there = bool(heard) or set(faults) != {"unreachable"}
    if is_there and not facts.get("is_starting"):
        queries = _by_sql(facts, silent, heard, run)
    if not heard:
        fault: SourceFault = "auth" if set(faults) == {"auth"} else "unreachable"
        first = next(iter(silent.values()))
        raise SourceError(fault, f"{address.base}: no collector answers; /v1/info: {first}")
    return LoadSnapshot(
        observed_at=turn.now,
        collectors=tuple(heard),
        silent=silent,
        link=f"{address.base}/ui/",
        cost=Cost(queries=queries),
        **facts,
    )


def _client(address: Address, turn: Turn) -> httpx.Client:
    return httpx.Client(
        base_url=address.base,
        headers={"X-Trino-User": address.user, "X-Trino-Source": f"{ME}/{turn.check}"},
        auth=(address.user, address.password) if address.password else None,
        verify=trust(),
    )


def _get(client: httpx.Client, path: str, turn: Turn) -> httpx.Response:
    if not turn.left:
        raise SourceError("timeout", "no time was left to ask")
    try:
        response = client.get(path, timeout=min(MOST_SECONDS, turn.left))
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        raise SourceError("unreachable", f"no connection ({error})") from error
    except httpx.TimeoutException as error:
        raise SourceError("timeout", "did not answer in time") from error
    except httpx.HTTPError as error:
        raise SourceError("protocol", str(error) or repr(error)) from error
    if response.status_code != httpx.codes.OK:
        raise SourceError(status_fault(response.status_code), f"HTTP {response.status_code}")
    return response


def _by_sql(
    facts: Facts, silent: dict[str, str], heard: list[str], run: Callable[[str], Result]
) -> int:
    """Fill in what REST left open; return how many queries that took."""
    asked = 0
    for field, name, text, read in SQL:
        if facts.get(field) is not None:
            continue
        asked += 1
        try:
            facts |= read(run(text))
            heard.append(name)
        except SourceError as error:
            silent[name] = f"{error.fault}: {error}"
    return asked


def _reading(read: Callable[[httpx.Response], Facts]) -> Callable[[httpx.Response], Facts]:
    """Turn an answer of another shape into a fault of the collector."""

    def reading(response: httpx.Response) -> Facts:
        try:
            return read(response)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise SourceError("protocol", f"cannot be read: {error!r}") from error

    return reading


def _info(response: httpx.Response) -> Facts:
    body = response.json()
    return {"version": body["nodeVersion"]["version"], "is_starting": bool(body["starting"])}


def _status(response: httpx.Response) -> Facts:
    body = response.json()
    return {
        "heap_share": _share(body["heapUsed"], body["heapAvailable"]),
        "cpu_share": _share(body["processCpuLoad"], 1.0),
    }


def _share(part: float | None, whole: float | None) -> float | None:
    """Divide; None where either is unknown (the JVM says -1 or NaN then)."""
    if part is None or not whole or not math.isfinite(part) or not math.isfinite(whole):
        return None
    return part / whole if part >= 0 and whole > 0 else None


def _metrics(response: httpx.Response) -> Facts:
    values = {
        sample.name: sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
        if sample.name in NAMES and math.isfinite(sample.value)
    }
    workers = next((values[name] for name in WORKERS if name in values), None)
    memory = _share(values.get(RESERVED), values.get(TOTAL))
    if workers is None and memory is None:
        raise ValueError("none of the wanted metrics is there")
    return {"workers": None if workers is None else int(workers), "memory_share": memory}


def _nodes(result: Result) -> Facts:
    return {"workers": int(result.rows[0][0])}


COLLECTORS: Mapping[str, tuple[str, Callable[[httpx.Response], Facts]]] = {
    "/v1/info": ("/v1/info", _reading(_info)),
    "/v1/status": ("/v1/status", _reading(_status)),
    "/v1/query": ("/v1/query", _reading(busy_by_rest)),
    "/metrics": ("/metrics?" + "&".join(f"name[]={name}" for name in NAMES), _reading(_metrics)),
}

SQL: tuple[tuple[str, str, str, Callable[[Result], Facts]], ...] = (
    (
        "workers",
        "system.runtime.nodes",
        "select count(*) from system.runtime.nodes where state = 'active'",
        _nodes,
    ),
    (
        "queries",
        "system.runtime.queries",
        (
            "select query_id, \"user\", source, state, array_join(resource_group_id, '.'), "
            "queued_time_ms, date_diff('millisecond', created, coalesce(\"end\", now())), "
            'error_code, error_type, "end" from system.runtime.queries'
        ),
        lambda result: busy_by_sql(result.rows),
    ),
)
