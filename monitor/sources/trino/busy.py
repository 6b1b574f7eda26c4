"""The queries of a cluster, as its REST and its system tables describe them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from monitor.api import ClusterQuery, as_moment
from monitor.sources.trino.address import ME

MOST_TEXT = 500
A_ROW, MOST_ROWS_TAKE = 70, 12_000
"""Bytes that a row of SQL takes packed, without its text, and those that all of them may take: what
cannot be packed still has to fit into one look."""

WAITING = {"QUEUED", "WAITING_FOR_RESOURCES"}
OVER = {"FINISHED", "FAILED"}
SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
BYTES = {"B": 1, "kB": 2**10, "MB": 2**20, "GB": 2**30, "TB": 2**40, "PB": 2**50}
_QUANTITY = re.compile(r"(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)\s*([A-Za-z]+)")


def parse_span(text: str | None) -> timedelta:
    """Read ``1.23s``, ``350.00us``, ``2.50d``; None is zero. Raise ValueError for the rest."""
    if text is None:
        return timedelta(0)
    number, unit = _quantity(text, SECONDS)
    return timedelta(seconds=number * unit)


def parse_size(text: str | None) -> int:
    """Read ``5.00MB``, ``0B``; None is zero, units are of 1,024. Raise ValueError for the rest."""
    if text is None:
        return 0
    number, unit = _quantity(text, BYTES)
    return int(number * unit)


def _quantity(text: str, units: Mapping[str, float]) -> tuple[float, float]:
    match = _QUANTITY.fullmatch(text)
    if match is None or match[2] not in units:
        raise ValueError(f"'{text}' is no quantity in {', '.join(units)}")
    return float(match[1]), units[match[2]]


def busy_by_rest(entries: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Read the entries of ``/v1/query``."""
    return _counted(_from_rest(one) for one in entries)


_PLACED = f"""
with busy as (
  select query_id, "user", source, state, array_join(resource_group_id, '.') as in_group,
    queued_time_ms as queued, error_code, error_type, "end" as ended,
    date_diff('millisecond', created, coalesce("end", now())) as elapsed,
    analysis_time_ms + planning_time_ms as planning,
    if(state in ('QUEUED', 'WAITING_FOR_RESOURCES', 'FAILED'), substr(query, 1, 200)) as text,
    coalesce(error_type, '') = 'USER_ERROR' as by_user, coalesce(cpu, 0) as cpu,
    case when state in ('QUEUED', 'WAITING_FOR_RESOURCES') then 'waits' when state = 'FAILED'
      then 'failed' when state = 'FINISHED' then 'ended' else 'runs' end as part
  from system.runtime.queries left join (
    select query_id, sum(split_cpu_time_ms) as cpu from system.runtime.tasks group by 1
  ) using (query_id)
), placed as (
  select *, count(*) over (partition by part) as of_part, row_number() over (
    partition by part order by by_user, ended desc, cpu desc, elapsed desc) as place
  from busy where coalesce(source, '') not like '{ME}%'
), sized as (
  select *, sum({A_ROW} + coalesce(length(to_utf8(text)), 0)) over (order by place, part) as size
  from placed
)
select query_id, "user", source, state, in_group, queued, elapsed, error_code, error_type, ended,
  planning, text, cpu, part, of_part
from sized where """  # noqa: S608  # nothing in it is anybody's
"""Queries in their places: which take most CPU, wait longest, ended last; how many there are.

What its user made fail, or cancelled, comes after what the cluster failed.

A text is told only of those whose work suffers: it says whose that is.
"""

QUERIES_SQL = f"{_PLACED}size <= {MOST_ROWS_TAKE} or place = 1"
BUSIEST_SQL = f"{_PLACED}part in ('runs', 'failed') and place <= 10 or place = 1"
"""The queries where REST tells none, and those that it may have left out, with all counts."""


def busy_by_sql(rows: Iterable[Sequence[Any]]) -> dict[str, Any]:
    """Read what these return; they know no memory, and not what is blocked."""
    known = list(rows)
    counts = {row[13]: int(row[14]) for row in known}
    facts = _counted(_from_row(row) for row in known)
    return facts | {
        "queued": counts.get("waits", 0),
        "running": counts.get("runs", 0),
        "blocked": None,
        "is_partial": sum(counts.values()) > len(known),
    }


def _counted(found: Iterable[ClusterQuery]) -> dict[str, Any]:
    """Count what waits and what runs; the monitor's own queries are nobody's load."""
    others = tuple(one for one in found if not one.source.startswith(ME))
    return {
        "queries": others,
        "queued": sum(one.state in WAITING for one in others),
        "running": sum(one.state not in WAITING | OVER for one in others),
        "blocked": sum(one.is_blocked for one in others if one.state == "RUNNING"),
    }


def _from_rest(one: Mapping[str, Any]) -> ClusterQuery:
    session, stats = one["session"], one.get("queryStats") or {}
    return ClusterQuery(
        id=one["queryId"],
        user=session.get("user") or "unknown",
        source=session.get("source") or "unknown",
        state=one["state"],
        group=".".join(one.get("resourceGroupId") or []),
        queued=parse_span(stats.get("queuedTime")),
        elapsed=parse_span(stats.get("elapsedTime")),
        cpu=parse_span(stats.get("totalCpuTime")),
        memory_bytes=parse_size(stats.get("userMemoryReservation")),
        is_blocked=bool(stats.get("fullyBlocked")),
        error=(one.get("errorCode") or {}).get("name") or "",
        error_type=one.get("errorType") or "",
        ended_at=as_moment(stats.get("endTime")),
        slots=int(stats.get("runningDrivers") or 0),
        planning=parse_span(stats.get("planningTime")) + parse_span(stats.get("analysisTime")),
        finishing=parse_span(stats.get("finishingTime")),
        agent=session.get("userAgent") or "",
        tags=tuple(session.get("clientTags") or ()),
        client_info=session.get("clientInfo") or "",
        text=_ends(one.get("query") or ""),
    )


def _ends(text: str) -> str:
    """Keep the beginning and the end of a statement: tools leave their comments there."""
    return text if len(text) <= 2 * MOST_TEXT else f"{text[:MOST_TEXT]} {text[-MOST_TEXT:]}"


def _from_row(row: Sequence[Any]) -> ClusterQuery:
    key, user, source, state, group, queued_ms, elapsed_ms, error, error_type, ended = row[:10]
    planning_ms, text, cpu_ms = row[10:13]
    return ClusterQuery(
        id=key,
        user=user or "unknown",
        source=source or "unknown",
        state=state,
        group=group or "",
        queued=timedelta(milliseconds=queued_ms or 0),
        elapsed=timedelta(milliseconds=elapsed_ms or 0),
        cpu=timedelta(milliseconds=cpu_ms or 0),
        error=error or "",
        error_type=error_type or "",
        ended_at=as_moment(ended),
        planning=timedelta(milliseconds=planning_ms or 0),
        text=text or "",
    )
