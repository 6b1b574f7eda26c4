"""The web UI's own numbers: the last way to see a cluster whose other resources are closed."""

from collections.abc import Mapping
from typing import Any

import requests

from monitor.api import SourceError
from monitor.sources.trino.address import Address
from monitor.sources.trino.rest import Facts, Rest

TOKEN = "Trino-UI-Token"  # noqa: S105  # the name of a cookie


def by_ui(rest: Rest, address: Address) -> Facts:
    """Log in as the UI of either generation does, and read ``/ui/api/stats``. Raise SourceError."""
    body = rest.get("/ui/api/stats", Cookie=_login(rest, address)).json()
    workers = int(body["activeWorkers"])
    return {
        # The UI counts a coordinator apart only when it takes no work.
        "workers": workers,
        "queued": int(body["queuedQueries"]),
        "running": int(body["runningQueries"]),
        "blocked": int(body["blockedQueries"]),
    }


def _login(rest: Rest, address: Address) -> str:
    """Return the cookie of a login: by a form until 482, by JSON since."""
    given = {"username": address.principal, "password": address.password or ""}
    ways: tuple[tuple[str, Mapping[str, Any]], ...] = (
        ("/ui/login", {"data": given}),
        ("/ui/auth/login", {"json": given}),
    )
    for path, body in ways:
        try:
            cookie = _token(rest.post(path, **body))
        except SourceError:
            continue
        if cookie:
            return cookie
    raise SourceError("auth", "the UI lets nobody in with this user and password")


def _token(response: requests.Response) -> str:
    value = response.cookies.get(TOKEN)
    return f"{TOKEN}={value}" if value else ""
