"""One statement on the cluster: submitted once, bounded in time, never left behind."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from typing import Any
from uuid import uuid4

import requests
from trino.dbapi import Connection, Cursor, connect
from trino.exceptions import Error as TrinoError
from trino.exceptions import HttpError, TrinoQueryError

from monitor.api import Cost, SourceError
from monitor.sources.trino.address import ME, Address
from monitor.sources.trino.cancel import cancel
from monitor.sources.trino.faults import Why, fault_of, is_slow, past_deadline
from monitor.sources.trino.sockets import Tally
from monitor.sources.trino.turn import Turn
from monitor.sources.trino.wire import Wire, was_refused

SERVER_SLACK = timedelta(seconds=3)
"""How long after our own deadline the cluster ends the query by itself, should we be gone."""

MOST_NAMED = 10
"""Of the teams, and of the checks, that share a question; a header must not grow without end."""

_FAILURES = (
    TrinoError,
    HttpError,
    requests.RequestException,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
)
"""What the client lets out: broken JSON and missing keys come as they are."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a statement returned, and what it cost. ``types`` are Trino's, one a column."""

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: list[list[Any]]
    cost: Cost


class _PastDeadlineError(Exception):
    """The deadline passed between two answers of the coordinator."""


@dataclass
class _Watch:
    """Looks at the deadline after every answer; remembers how far the query came."""

    turn: Turn
    state: str = ""
    query: str = ""

    def __call__(self, stats: Mapping[str, Any]) -> None:
        self.state = str(stats.get("state", ""))
        self.query = str(stats.get("queryId") or self.query)
        if not self.turn.left:
            raise _PastDeadlineError


@dataclass(frozen=True, slots=True)
class Limits:
    """What one statement may take: session properties of Trino, and rows that are read."""

    session: Mapping[str, str]
    most_rows: int


def run(
    text: str, address: Address, turn: Turn, limits: Limits, tally: Tally | None = None
) -> Result:
    """Run one statement and read all its rows. Raise SourceError; nothing stays alive then.

    What comes over the wire is added to the ``tally``.
    """
    watch = _Watch(turn)
    if not turn.left:
        raise SourceError(
            "timeout",
            f"not asked: {turn.seconds:g} s passed before its turn came",
            code=Why.DEADLINE_QUEUED,
        )
    mark = uuid4().hex
    with Wire(address, turn, tally=tally) as wire, turn.watched(wire.sockets.cut):
        cursor = _connect(address, turn, limits, wire, mark).cursor(stats_callback=watch)
        try:
            cursor.execute(text)
            rows = cursor.fetchmany(limits.most_rows + 1)
            columns = tuple(cursor.description or ())
        except TrinoQueryError as error:
            raise fault_of(error, watch.state) from error
        except (_PastDeadlineError, *_FAILURES) as error:
            if watch.query or not was_refused(error):
                cancel(cursor, wire, address, watch.query, mark)
            raise _fault(error, watch, turn, cursor) from error
        if len(rows) > limits.most_rows:
            cancel(cursor, wire, address, watch.query, mark)
            told = f"more than {limits.most_rows} rows: aggregate in the query"
            raise SourceError("query", told, code=Why.QUERY_FAULT, cost=_cost(cursor))
    names, types = (tuple(str(column[place]) for column in columns) for place in (0, 1))
    return Result(names, types, rows, _cost(cursor))


def _fault(error: Exception, watch: _Watch, turn: Turn, cursor: Cursor) -> SourceError:
    is_late = isinstance(error, _PastDeadlineError) or not turn.left or is_slow(error)
    fault = past_deadline(turn.seconds, watch.state) if is_late else fault_of(error, watch.state)
    fault.cost = _cost(cursor)
    return fault


def _connect(address: Address, turn: Turn, limits: Limits, wire: Wire, mark: str) -> Connection:
    backstop = f"{ceil((turn.timeout + SERVER_SLACK).total_seconds())}s"
    try:
        auth = address.authentication()
    except OSError as error:
        raise SourceError("auth", f"the token cannot be read: {error}", code=Why.AUTH) from error
    connection: Connection = connect(  # type: ignore[no-untyped-call]  # the client has no types
        host=address.host,
        port=address.port,
        user=address.user,
        auth=auth,
        http_scheme=address.scheme,
        catalog=address.catalog,
        schema=address.schema,
        source=f"{ME}/{turn.check}",
        client_tags=_tags(turn),
        # Only query_max_run_time counts the queue.
        session_properties={"query_max_run_time": backstop, **limits.session},
        # By this the query is found again when the answer to its submission is lost.
        http_headers={"X-Trino-Trace-Token": mark},
        timezone="UTC",  # or columns with and without a zone are compared in this machine's zone
        max_attempts=1,  # the client would submit a query again when its answer is slow
        http_session=wire,
        legacy_prepared_statements=False,
        encoding=None,  # rows come from the coordinator, not from an object store
    )
    return connection


def _tags(turn: Turn) -> list[str]:
    """Name the teams and, where several checks share a question, the checks."""
    teams = dict.fromkeys(team for team in (turn.team, *(it for _, it in turn.askers)) if team)
    # Of one check the query's source has the name already.
    shared = {check for check, _ in turn.askers} != {turn.check}
    checks = list(dict.fromkeys(f"{ME}/{check}" for check, _ in turn.askers)) if shared else []
    left = len(checks) - MOST_NAMED
    more = [f"{ME}/and-{left}-more"] if left > 0 else []
    return [ME, *list(teams)[:MOST_NAMED], *checks[:MOST_NAMED], *more]


def _cost(cursor: Cursor) -> Cost:
    stats = cursor.stats or {}
    cpu = timedelta(milliseconds=stats.get("cpuTimeMillis", 0))
    return Cost(1, int(stats.get("physicalInputBytes", 0)), cpu)
