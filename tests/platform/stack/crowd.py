"""Fill the crowded resource group of Trino, and keep it full without any load on the machine."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx

from tests.platform.stack.errors import StackError
from tests.platform.stack.trino import TrinoServer
from tests.platform.stack.trino_files import BUSY_RUNNING, CROWDED_MAX_QUEUED

# A result that nobody fetches blocks its query when the output buffer is full: it holds its slot
# and uses no CPU. Trino abandons it after 5 minutes without a visit (query.client.timeout).
HOLD_SLOT = "SELECT * FROM tpch.sf1.lineitem"
HOLD_LITTLE = "SELECT * FROM tpch.tiny.lineitem"
QUEUED, RUNNING = "QUEUED", "RUNNING"
STATE_LIMIT = timedelta(seconds=60)
POLL = timedelta(milliseconds=50)


@dataclass
class Statement:
    """One submitted statement, visited by hand so that it stays where it is."""

    id: str
    next_uri: str | None
    state: str
    has_data: bool
    error: str | None


@dataclass(frozen=True)
class Crowd:
    """Ids of the query that holds the slot and of those that wait behind it."""

    running: str
    queued: tuple[str, ...]


@contextmanager
def crowd(
    server: TrinoServer, *, queued: int = CROWDED_MAX_QUEUED, user: str = "heavy"
) -> Iterator[Crowd]:
    """Hold the only slot of `global.crowded`, with `queued` queries behind it.

    With the default the next query of the group gets QUERY_QUEUE_FULL. Lasts up to 5 minutes; all
    of it is cancelled at the end, and the group is empty again when this returns.
    """
    headers = {"X-Trino-User": user, "X-Trino-Source": "heavy-dashboard"}
    statements: list[Statement] = []
    with httpx.Client(base_url=server.url, headers=headers, timeout=30) as client:
        try:
            for is_first in (True, *(False for _ in range(queued))):
                statements.append(_submit(client))
                _visit_until(client, statements[-1], RUNNING if is_first else QUEUED)
            yield Crowd(statements[0].id, tuple(s.id for s in statements[1:]))
        finally:
            _end(client, statements)
            _wait_until_empty(server, "global/crowded")


@contextmanager
def multitude(server: TrinoServer, *, queued: int) -> Iterator[None]:
    """Take every slot of the group `busy`, with queries behind; each has a text of its own."""
    headers = {"X-Trino-User": "busy", "X-Trino-Source": "Apache Superset"}
    statements: list[Statement] = []
    with httpx.Client(base_url=server.url, headers=headers, timeout=30) as client:
        try:
            for number in range(BUSY_RUNNING + queued):
                statements.append(_submit(client, f"{HOLD_LITTLE} -- dashboard_id={number}"))
                _visit_until(client, statements[-1], RUNNING if number < BUSY_RUNNING else QUEUED)
            yield
        finally:
            _end(client, statements)
            _wait_until_empty(server, "busy")


def _end(client: httpx.Client, statements: Sequence[Statement]) -> None:
    # The queued ones first: otherwise each would get the slot for a moment.
    for statement in reversed(statements):
        if statement.next_uri is not None:
            client.delete(statement.next_uri)


def _submit(client: httpx.Client, text: str = HOLD_SLOT) -> Statement:
    return _read(client.post("/v1/statement", content=text))


def _visit_until(client: httpx.Client, statement: Statement, wanted: str) -> None:
    # A query enters its resource group on the first visit after the POST, not with the POST.
    deadline = time.monotonic() + STATE_LIMIT.total_seconds()
    while True:
        if statement.next_uri is None or time.monotonic() > deadline:
            raise StackError(
                f"query {statement.id} did not become {wanted}: {statement.state} "
                f"{statement.error or ''}; is somebody else in its group?"
            )
        fresh = _read(client.get(statement.next_uri))
        statement.next_uri, statement.state = fresh.next_uri, fresh.state
        statement.has_data, statement.error = fresh.has_data, fresh.error
        if wanted == RUNNING and statement.state == RUNNING and statement.has_data:
            return
        if wanted == QUEUED and statement.state == QUEUED and _has_group(client, statement.id):
            return
        time.sleep(POLL.total_seconds())


def _has_group(client: httpx.Client, query_id: str) -> bool:
    # A statement says QUEUED as well before it is handed to its group.
    query: dict[str, Any] = client.get(f"/v1/query/{query_id}").json()
    return query.get("resourceGroupId") is not None


def _read(response: httpx.Response) -> Statement:
    answer: dict[str, Any] = response.raise_for_status().json()
    error = answer.get("error") or {}
    return Statement(
        id=answer["id"],
        next_uri=answer.get("nextUri"),
        state=answer["stats"]["state"],
        has_data="data" in answer,
        error=error.get("errorName"),
    )


def _wait_until_empty(server: TrinoServer, group: str) -> None:
    deadline = time.monotonic() + STATE_LIMIT.total_seconds()
    while time.monotonic() < deadline:
        found = server.get(f"/v1/resourceGroupState/{group}").json()
        if not found["numRunningQueries"] and not found["numQueuedQueries"]:
            return
        time.sleep(POLL.total_seconds())
    raise StackError(f"the group {group} did not empty after its queries were cancelled")
