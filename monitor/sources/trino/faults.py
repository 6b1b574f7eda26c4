"""What went wrong, in the words of the monitor: by Trino's error names, never by classes.

The client's classes tell little: a query that the cluster had no room for and one that hit a bug
have the same class, and every other failure is known by its text or by what caused it.
"""

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum

import requests
from trino.exceptions import TrinoQueryError

from monitor.api import SourceError
from monitor.api.errors import SourceFault
from monitor.sources.trino.wire import TooLargeError


class Why(StrEnum):
    """Why a query did not come back; the ``code`` of the error, and a label of the metrics."""

    AUTH = "auth"
    OVERLOAD = "overload"
    DEADLINE_QUEUED = "deadline_queued"
    DEADLINE_RUNNING = "deadline_running"
    CLUSTER_FAULT = "cluster_fault"
    QUERY_FAULT = "query_fault"
    EXTERNAL = "external"
    NETWORK = "network"


MISSING = {"TABLE_NOT_FOUND", "SCHEMA_NOT_FOUND", "CATALOG_NOT_FOUND"}
WAITING = {"QUEUED", "WAITING_FOR_RESOURCES", "DISPATCHING"}

_NAMED: Mapping[str, tuple[Why, SourceFault]] = {
    **dict.fromkeys(MISSING, (Why.QUERY_FAULT, "missing")),
    **dict.fromkeys(("EXCEEDED_SCAN_LIMIT", "EXCEEDED_CPU_LIMIT"), (Why.QUERY_FAULT, "query")),
    "EXCEEDED_TIME_LIMIT": (Why.DEADLINE_RUNNING, "slow"),
    **dict.fromkeys(
        (
            "NO_NODES_AVAILABLE",
            "TOO_MANY_REQUESTS_FAILED",
            "PAGE_TRANSPORT_TIMEOUT",
            "PAGE_TRANSPORT_ERROR",
            "REMOTE_HOST_GONE",
            "REMOTE_TASK_ERROR",
            "SERVER_SHUTTING_DOWN",
            "SERVER_STARTING_UP",
            "ABANDONED_TASK",
        ),
        (Why.CLUSTER_FAULT, "overload"),
    ),
    # Trino counts these as errors of the user; ours was not the hand that ended the query.
    **dict.fromkeys(
        ("ADMINISTRATIVELY_KILLED", "USER_CANCELED", "ABANDONED_QUERY"),
        (Why.CLUSTER_FAULT, "protocol"),
    ),
}
_FAMILIES: Mapping[str, tuple[Why, SourceFault]] = {
    "INSUFFICIENT_RESOURCES": (Why.OVERLOAD, "overload"),
    "USER_ERROR": (Why.QUERY_FAULT, "query"),
    "EXTERNAL": (Why.EXTERNAL, "protocol"),
}
_STATUS = re.compile(r"error (\d{3})\b")
_STATUSES: Mapping[int, tuple[Why, SourceFault]] = {
    401: (Why.AUTH, "auth"),
    403: (Why.AUTH, "auth"),
    429: (Why.OVERLOAD, "overload"),
    503: (Why.OVERLOAD, "overload"),
    502: (Why.NETWORK, "unreachable"),
    504: (Why.NETWORK, "unreachable"),
}


def past_deadline(seconds: float, state: str) -> SourceError:
    """Say that the deadline passed: in the queue (overload) or at work (slow)."""
    if state in WAITING:
        return SourceError(
            "overload",
            f"the query still waited in the cluster's queue after {seconds:g} s; cancelled",
            code=Why.DEADLINE_QUEUED,
        )
    if not state:
        text = f"the coordinator did not answer within {seconds:g} s"
        return SourceError("timeout", text, code=Why.NETWORK)
    text = f"the query was {state} after {seconds:g} s; cancelled"
    return SourceError("slow", text, code=Why.DEADLINE_RUNNING)


def was_never_asked(error: SourceError) -> bool:
    """Say whether a question waited for another one of ours, and the cluster never heard of it."""
    return error.fault == "timeout" and error.code == Why.DEADLINE_QUEUED


def fault_of(error: Exception, state: str = "") -> SourceError:
    """Turn whatever the client raised into a fault with a text for people."""
    if isinstance(error, TrinoQueryError):
        why, fault = _query_fault(error, state)
        first = (error.message.splitlines() or [""])[0]
        return SourceError(fault, f"{error.error_name}: {first}", code=why)
    status = _STATUS.match(str(error))
    if status:
        code = int(status[1])
        why, fault = _STATUSES.get(code, (Why.NETWORK, "protocol"))
        return SourceError(fault, f"the coordinator answered HTTP {code}", code=why)
    causes = list(_causes(error))
    if any(isinstance(cause, TooLargeError) for cause in causes):
        return SourceError("query", "an answer too large to read", code=Why.QUERY_FAULT)
    if any(isinstance(cause, requests.exceptions.SSLError) for cause in causes):
        text = f"the coordinator's certificate is not trusted: {_first_line(causes[-1])}"
        return SourceError("auth", text, code=Why.AUTH)
    if any(isinstance(cause, requests.ConnectionError) for cause in causes):
        return SourceError("unreachable", "no connection to the coordinator", code=Why.NETWORK)
    text = f"the answer is not Trino's: {_first_line(error)}"
    return SourceError("protocol", text, code=Why.NETWORK)


def status_fault(code: int) -> SourceFault:
    """Return the fault that an HTTP status stands for."""
    return _STATUSES.get(code, (Why.NETWORK, "protocol"))[1]


def is_slow(error: Exception) -> bool:
    """Say whether an error is that of an answer that did not come in time."""
    return any(isinstance(cause, requests.ReadTimeout) for cause in _causes(error))


def _query_fault(error: TrinoQueryError, state: str) -> tuple[Why, SourceFault]:
    name, family = error.error_name or "", error.error_type or ""
    is_total = "maximum time limit" in error.message  # of query_max_run_time, the queue included
    if name == "EXCEEDED_TIME_LIMIT" and (
        "queued time" in error.message or (is_total and state in WAITING)
    ):
        return Why.DEADLINE_QUEUED, "overload"
    return _NAMED.get(name) or _FAMILIES.get(family, (Why.CLUSTER_FAULT, "protocol"))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what it came from; the client hides the cause in the context."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [repr(error)])[0][:200]
