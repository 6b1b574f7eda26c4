"""The ways in which a scripted coordinator can fail, one name each."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class Fault(StrEnum):
    """A way to fail. ``slow_*`` hold the answer back until the server is taken down.

    ``*_once`` fail the first reading of each query and then behave; what has no ``once`` lasts.
    A statement is submitted all the same, and alive, unless the text says that it is not.
    """

    NONE = "none"
    """Everything works."""

    # The whole coordinator, REST as well.
    UNAVAILABLE = "unavailable"
    """Everything answers 503, nothing is submitted."""
    UNAUTHORIZED = "unauthorized"
    """Everything answers 401, nothing is submitted."""
    FORBIDDEN = "forbidden"
    """Everything answers 403, nothing is submitted."""

    # Submitting.
    SLOW_POST = "slow_post"
    """The query runs, its answer never comes."""
    LOST_POST = "lost_post"
    """The query runs, the connection is reset instead of an answer."""
    EMPTY_POST = "empty_post"
    """The query runs, the answer is empty."""
    UNSEEN_POST = "unseen_post"
    """A proxy holds the request; the coordinator never sees it."""
    GATEWAY_POST = "gateway_post"
    """A proxy answers 502 for a query that runs."""
    TOO_MANY = "too_many"
    """429 with ``Retry-After: 1``; nothing is submitted."""
    TOO_MANY_DATE = "too_many_date"
    """429 with a date in ``Retry-After``; nothing is submitted."""
    TOO_MANY_HOURS = "too_many_hours"
    """429 with a day in ``Retry-After``; nothing is submitted."""
    REDIRECT = "redirect"
    """307 to another host; nothing is submitted."""

    # Reading on.
    SLOW_GET = "slow_get"
    UNAVAILABLE_ONCE = "unavailable_once"
    GATEWAY_ONCE = "gateway_once"
    TOO_MANY_ONCE = "too_many_once"
    GATEWAY = "gateway"
    """504 at every reading."""
    EMPTY = "empty"
    EMPTY_ONCE = "empty_once"
    TRUNCATED = "truncated"
    TRUNCATED_ONCE = "truncated_once"
    RESET = "reset"
    """The connection is reset in the middle of every page."""
    RESET_ONCE = "reset_once"
    DRIP = "drip"
    """A page comes one byte at a time, and never to its end."""
    HUGE = "huge"
    """A page that is larger than any memory."""
    HTML = "html"
    """A login page of a proxy, with status 200."""
    NO_OBJECT = "no_object"
    """A JSON list where an object is due."""
    NO_KEYS = "no_keys"
    """A JSON object without the keys of the protocol."""
    GONE = "gone"
    """410, as after the coordinator forgot the query."""
    NOT_FOUND = "not_found"
    """404, as with a wrong slug."""
    EXPIRED = "expired"
    """401 at reading: the token was rotated in between."""
    INTERNAL_HOST = "internal_host"
    """``nextUri`` leads to a host that only the coordinator's network knows."""

    # The state of the query.
    STUCK_QUEUED = "stuck_queued"
    STUCK_WAITING = "stuck_waiting"
    """WAITING_FOR_RESOURCES without end."""
    STUCK_PLANNING = "stuck_planning"
    STUCK_RUNNING = "stuck_running"
    STUCK_FINISHING = "stuck_finishing"
    """All rows were given, and the query never ends."""
    BREAKS_MID_RESULT = "breaks_mid_result"
    """CLUSTER_OUT_OF_MEMORY after the first rows."""
    QUEUE_FULL = "queue_full"
    TIME_LIMIT = "time_limit"
    CPU_LIMIT = "cpu_limit"
    MEMORY_LIMIT = "memory_limit"
    SCAN_LIMIT = "scan_limit"
    OUT_OF_MEMORY = "out_of_memory"
    NO_NODES = "no_nodes"
    STARTING_UP = "starting_up"
    WORKER_GONE = "worker_gone"
    ABANDONED = "abandoned"
    KILLED = "killed"
    INTERNAL = "internal"
    METASTORE = "metastore"
    DENIED = "denied"

    # What comes back.
    UNKNOWN_TYPE = "unknown_type"
    """A column of a type that no client knows; its cells are texts."""
    SPOOLED = "spooled"
    """Rows are left in an object store although nobody asked for that."""

    # Ending a query that is stuck in the queue.
    DELETE_HANGS = "delete_hangs"
    """The query ends, the answer never comes."""
    DELETE_FAILS = "delete_fails"
    """503; the query goes on until the cluster's own limit ends it."""
    DELETE_LOST = "delete_lost"
    """The first DELETE is reset and does nothing."""


def trino_error(message: str, code: int, name: str, family: str) -> Mapping[str, Any]:
    """Write an error as the statement protocol does; it may stand in ``ClusterState.tables``."""
    return {"message": message, "errorCode": code, "errorName": name, "errorType": family}


NO_ROOM, USER, OWN, OUTSIDE = "INSUFFICIENT_RESOURCES", "USER_ERROR", "INTERNAL_ERROR", "EXTERNAL"
QUEUE_FULL = trino_error("Too many queued queries", 131074, "QUERY_QUEUE_FULL", NO_ROOM)
BROKEN = trino_error("The cluster is out of memory", 131076, "CLUSTER_OUT_OF_MEMORY", NO_ROOM)
NOT_FOUND = trino_error("Table does not exist", 46, "TABLE_NOT_FOUND", USER)

ERRORS: Mapping[Fault, Mapping[str, Any]] = {
    Fault.QUEUE_FULL: QUEUE_FULL,
    Fault.TIME_LIMIT: trino_error("too long", 131075, "EXCEEDED_TIME_LIMIT", NO_ROOM),
    Fault.CPU_LIMIT: trino_error("too much CPU", 131077, "EXCEEDED_CPU_LIMIT", NO_ROOM),
    Fault.MEMORY_LIMIT: trino_error("too large", 131079, "EXCEEDED_LOCAL_MEMORY_LIMIT", NO_ROOM),
    Fault.SCAN_LIMIT: trino_error("reads too much", 131081, "EXCEEDED_SCAN_LIMIT", NO_ROOM),
    Fault.OUT_OF_MEMORY: BROKEN,
    Fault.NO_NODES: trino_error("No nodes available", 65541, "NO_NODES_AVAILABLE", OWN),
    Fault.STARTING_UP: trino_error("starting up", 65548, "SERVER_STARTING_UP", OWN),
    Fault.WORKER_GONE: trino_error("a worker is gone", 65558, "REMOTE_HOST_GONE", OWN),
    Fault.ABANDONED: trino_error("not read for minutes", 2, "ABANDONED_QUERY", USER),
    Fault.KILLED: trino_error("killed by an admin", 38, "ADMINISTRATIVELY_KILLED", USER),
    Fault.INTERNAL: trino_error("null", 65536, "GENERIC_INTERNAL_ERROR", OWN),
    Fault.METASTORE: trino_error("no metastore", 16777216, "HIVE_METASTORE_ERROR", OUTSIDE),
    Fault.DENIED: trino_error("Access Denied", 4, "PERMISSION_DENIED", USER),
}
"""The faults that end a query with an error of Trino."""

STUCK: Mapping[Fault, str] = {
    Fault.STUCK_QUEUED: "QUEUED",
    Fault.STUCK_WAITING: "WAITING_FOR_RESOURCES",
    Fault.STUCK_PLANNING: "PLANNING",
    Fault.STUCK_RUNNING: "RUNNING",
    Fault.STUCK_FINISHING: "FINISHING",
    Fault.DELETE_HANGS: "QUEUED",
    Fault.DELETE_FAILS: "QUEUED",
    Fault.DELETE_LOST: "QUEUED",
}
"""The faults that keep a query in one state for good."""

STATUSES: Mapping[Fault, int] = {
    Fault.UNAVAILABLE: 503,
    Fault.UNAUTHORIZED: 401,
    Fault.FORBIDDEN: 403,
}
"""The faults of the whole coordinator."""

POST_STATUSES: Mapping[Fault, tuple[int, Mapping[str, str]]] = {
    Fault.GATEWAY_POST: (502, {}),
    Fault.TOO_MANY: (429, {"Retry-After": "1"}),
    Fault.TOO_MANY_DATE: (429, {"Retry-After": "Wed, 21 Oct 2037 07:28:00 GMT"}),
    Fault.TOO_MANY_HOURS: (429, {"Retry-After": "86400"}),
    Fault.REDIRECT: (307, {"Location": "http://trino.internal.invalid/v1/statement"}),
}

GET_STATUSES: Mapping[Fault, int] = {
    Fault.UNAVAILABLE_ONCE: 503,
    Fault.GATEWAY_ONCE: 502,
    Fault.TOO_MANY_ONCE: 429,
    Fault.GATEWAY: 504,
    Fault.GONE: 410,
    Fault.NOT_FOUND: 404,
    Fault.EXPIRED: 401,
}

ONCE = frozenset(fault for fault in Fault if fault.endswith("_once"))
