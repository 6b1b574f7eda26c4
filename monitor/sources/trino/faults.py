"""What went wrong, in the words of the monitor: by Trino's error names, never by classes.

The client's classes tell little: a query that the cluster had no room for and one that hit a bug
have the same class, and every other failure is known by its text or by what caused it.
"""

import re

import requests
from trino.exceptions import TrinoQueryError

from monitor.api import SourceError
from monitor.api.errors import SourceFault

MISSING = {"TABLE_NOT_FOUND", "SCHEMA_NOT_FOUND", "CATALOG_NOT_FOUND"}
NO_ROOM = {
    "NO_NODES_AVAILABLE",
    "TOO_MANY_REQUESTS_FAILED",
    "PAGE_TRANSPORT_TIMEOUT",
    "PAGE_TRANSPORT_ERROR",
    "REMOTE_HOST_GONE",
    "REMOTE_TASK_ERROR",
    "SERVER_SHUTTING_DOWN",
    "SERVER_STARTING_UP",
    "ABANDONED_TASK",
}
OWN_LIMITS = {"EXCEEDED_SCAN_LIMIT", "EXCEEDED_CPU_LIMIT"}
WAITING = {"QUEUED", "WAITING_FOR_RESOURCES", "DISPATCHING"}
_STATUS = re.compile(r"error (\d{3})\b")
_STATUSES: dict[int, SourceFault] = {
    401: "auth",
    403: "auth",
    429: "overload",
    503: "overload",
    502: "unreachable",
    504: "unreachable",
}


def past_deadline(seconds: float, state: str) -> SourceError:
    """Say that the deadline passed: in the queue (overload) or at work (timeout)."""
    if state in WAITING:
        return SourceError(
            "overload",
            f"the query still waited in the cluster's queue after {seconds:g} s; cancelled",
        )
    if not state:
        return SourceError("timeout", f"the coordinator did not answer within {seconds:g} s")
    return SourceError("timeout", f"the query was {state} after {seconds:g} s; cancelled")


def fault_of(error: Exception) -> SourceError:
    """Turn whatever the client raised into a fault with a text for people."""
    if isinstance(error, TrinoQueryError):
        first = (error.message.splitlines() or [""])[0]
        return SourceError(_query_fault(error), f"{error.error_name}: {first}")
    status = _STATUS.match(str(error))
    if status:
        code = int(status[1])
        return SourceError(status_fault(code), f"the coordinator answered HTTP {code}")
    cause = error.__context__ if isinstance(error.__context__, Exception) else error
    if isinstance(cause, requests.ConnectionError):
        return SourceError("unreachable", "no connection to the coordinator")
    return SourceError("protocol", f"the answer is not Trino's: {error}")


def status_fault(code: int) -> SourceFault:
    """Return the fault that an HTTP status stands for."""
    return _STATUSES.get(code, "protocol")


def _query_fault(error: TrinoQueryError) -> SourceFault:
    name, family = error.error_name or "", error.error_type
    if name in MISSING:
        return "missing"
    if name == "EXCEEDED_TIME_LIMIT":
        return "timeout"
    if name in OWN_LIMITS:
        return "query"
    if name in NO_ROOM or family == "INSUFFICIENT_RESOURCES":
        return "overload"
    return "query" if family == "USER_ERROR" else "protocol"
