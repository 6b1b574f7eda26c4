"""Ending a query on the cluster, even one whose id the coordinator never got to tell."""

from time import monotonic
from typing import Any

import requests
from trino.dbapi import Cursor
from trino.exceptions import Error as TrinoError
from trino.exceptions import HttpError

from monitor.sources.trino.address import Address
from monitor.sources.trino.turn import Turn
from monitor.sources.trino.wire import Wire

CANCEL_SECONDS = 1.5


def cancel(cursor: Cursor, wire: Wire, address: Address, query: str, mark: str) -> None:
    """End a query; should that fail, its ``query_max_run_time`` on the cluster ends it.

    ``query`` is its id, empty when the answer to the submission was lost: then it is looked for by
    the ``mark`` that it carries. This has its own short time beyond the deadline.
    """
    turn = wire.turn
    last = Turn(turn.now, turn.timeout, turn.check, turn.team, ends=monotonic() + CANCEL_SECONDS)
    wire.renew(last)
    with last.watched(wire.sockets.cut):
        try:
            if query and _is_cancelled(cursor):
                return
            authorize(wire, address)
            found = query or _find(wire, address, mark)
            if found:
                wire.delete(f"{address.base}/v1/query/{found}")
        except (requests.RequestException, OSError, ValueError):
            return


def _is_cancelled(cursor: Cursor) -> bool:
    try:
        cursor.cancel()  # type: ignore[no-untyped-call]  # the client has no types
    except (TrinoError, HttpError, requests.RequestException):
        return False
    return True


def authorize(wire: Wire, address: Address) -> None:
    """Make a session show who asks. Raise OSError when the token file cannot be read."""
    wire.headers["X-Trino-User"] = address.user
    authentication = address.authentication()
    if authentication is not None:
        authentication.set_http_session(wire)


def _find(wire: Wire, address: Address, mark: str) -> str:
    answer = wire.get(f"{address.base}/v1/query")
    listed: Any = answer.json() if answer.ok else []
    return next((str(one["queryId"]) for one in listed if _mark(one) == mark), "")


def _mark(one: Any) -> str | None:
    session = one.get("session") if isinstance(one, dict) else None
    token = session.get("traceToken") if isinstance(session, dict) else None
    return token if isinstance(token, str) else None
