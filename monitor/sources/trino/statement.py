"""One statement on the cluster: submitted once, bounded in time, never left behind."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from math import ceil
from time import monotonic
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from trino.auth import BasicAuthentication
from trino.dbapi import Connection, Cursor, connect
from trino.exceptions import Error as TrinoError
from trino.exceptions import HttpError, TrinoQueryError
from urllib3.util.retry import Retry

from monitor.api import Asking, Cost, SourceError
from monitor.sources.trino.address import ME, Address
from monitor.sources.trino.faults import fault_of, past_deadline

MOST_ROWS = 100_000
CONNECT_SECONDS = 5.0
CANCEL_SECONDS = 2.0
SERVER_SLACK = timedelta(seconds=5)
"""How long after our own deadline the cluster ends the query by itself, should we be gone."""

_FAILURES = (TrinoError, HttpError, requests.RequestException, ValueError, LookupError, TypeError)
"""What the client lets out: broken JSON and missing keys come as they are."""


@dataclass(frozen=True, slots=True)
class Turn(Asking):
    """An asking with its deadline, counted from when it was asked, not from when it began."""

    ends: float = 0.0
    given_up: threading.Event = field(default_factory=threading.Event)

    @property
    def left(self) -> float:
        """Seconds until the deadline; 0 when it passed or when nobody waits any more."""
        return 0.0 if self.given_up.is_set() else max(0.0, self.ends - monotonic())

    @property
    def seconds(self) -> float:
        """Seconds that were allowed at first."""
        return self.timeout.total_seconds()


def turn_of(asking: Asking) -> Turn:
    """Start the clock of an asking; one that is started already goes on."""
    if isinstance(asking, Turn):
        return asking
    ends = monotonic() + asking.timeout.total_seconds()
    return Turn(asking.now, asking.timeout, asking.check, asking.team, ends)


@dataclass(frozen=True, slots=True)
class Result:
    """What a statement returned, and what it cost."""

    columns: tuple[str, ...]
    rows: list[list[Any]]
    cost: Cost


class _PastDeadlineError(Exception):
    """The deadline passed between two answers of the coordinator."""


@dataclass
class _Watch:
    """Looks at the deadline after every answer; remembers how far the query came."""

    turn: Turn
    state: str = ""

    def __call__(self, stats: Mapping[str, Any]) -> None:
        self.state = str(stats.get("state", ""))
        if not self.turn.left:
            raise _PastDeadlineError


class _BoundedSession(requests.Session):
    """Gives every request what is left until the deadline; repeats only reading on."""

    def __init__(self, turn: Turn) -> None:
        super().__init__()
        self.turn = turn
        retry = Retry(
            total=3,
            read=False,
            backoff_factor=0.1,
            status_forcelist=[502, 503, 504],
            allowed_methods={"GET", "DELETE"},
            raise_on_status=False,
            respect_retry_after_header=False,  # it may be any number of hours
        )
        for scheme in ("http://", "https://"):
            self.mount(scheme, HTTPAdapter(max_retries=retry))

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send within the deadline; a cancellation has its own short time."""
        left = CANCEL_SECONDS if request.method == "DELETE" else max(0.05, self.turn.left)
        kwargs["timeout"] = (min(CONNECT_SECONDS, left), left)
        return super().send(request, **kwargs)


def run(text: str, address: Address, turn: Turn, limits: Mapping[str, str]) -> Result:
    """Run one statement and read all its rows. Raise SourceError; nothing stays alive then."""
    watch = _Watch(turn)
    if not turn.left:
        raise SourceError("timeout", f"not asked: {turn.seconds:g} s passed before its turn came")
    with _BoundedSession(turn) as session:
        connection = _connect(address, turn, limits, session)
        cursor = connection.cursor(stats_callback=watch)
        try:
            cursor.execute(text)
            rows = cursor.fetchmany(MOST_ROWS + 1)
            columns = tuple(column[0] for column in cursor.description or ())
        except _PastDeadlineError:
            _cancel(cursor)
            raise past_deadline(turn.seconds, watch.state) from None
        except TrinoQueryError as error:
            raise fault_of(error) from error
        except _FAILURES as error:
            _cancel(cursor)
            if _is_slow(error):
                raise past_deadline(turn.seconds, watch.state) from error
            raise fault_of(error) from error
        if len(rows) > MOST_ROWS:
            _cancel(cursor)
            raise SourceError("query", f"more than {MOST_ROWS} rows: aggregate in the query")
    return Result(columns, rows, _cost(cursor))


def _connect(
    address: Address,
    turn: Turn,
    limits: Mapping[str, str],
    session: requests.Session,
) -> Connection:
    backstop = f"{ceil((turn.timeout + SERVER_SLACK).total_seconds())}s"
    auth = BasicAuthentication(address.user, address.password) if address.password else None
    connection: Connection = connect(  # type: ignore[no-untyped-call]  # the client has no types
        host=address.host,
        port=address.port,
        user=address.user,
        auth=auth,
        http_scheme=address.scheme,
        catalog=address.catalog,
        schema=address.schema,
        source=f"{ME}/{turn.check}",
        client_tags=[ME, *([turn.team] if turn.team else [])],
        # Only query_max_run_time counts the queue.
        session_properties={"query_max_run_time": backstop, **limits},
        timezone="UTC",  # or columns with and without a zone are compared in this machine's zone
        max_attempts=1,  # the client would submit a query again when its answer is slow
        http_session=session,
        legacy_prepared_statements=False,
        encoding=None,  # rows come from the coordinator, not from an object store
    )
    return connection


def _cancel(cursor: Cursor) -> None:
    """End the query on the cluster; should that fail, the cluster's own limit ends it."""
    try:
        cursor.cancel()  # type: ignore[no-untyped-call]  # as above
    except _FAILURES:
        return


def _is_slow(error: Exception) -> bool:
    return isinstance(error.__context__, requests.ReadTimeout)


def _cost(cursor: Cursor) -> Cost:
    stats = cursor.stats or {}
    cpu = timedelta(milliseconds=stats.get("cpuTimeMillis", 0))
    return Cost(1, int(stats.get("physicalInputBytes", 0)), cpu)
