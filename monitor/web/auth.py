"""Who may ask: everybody on loopback, otherwise whoever knows the token."""

import base64
import binascii
import hmac
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from monitor.api.errors import MonitorError

OPEN_PATHS = frozenset({"/healthz", "/readyz", "/slack/actions", "/slack/commands"})
"""Paths that need no token: they tell nothing, or are signed by whoever calls."""

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class ExposedError(MonitorError):
    """The pages would be open to the network."""


def refuse_exposed(host: str, token: str | None) -> None:
    """Raise ExposedError for an address beyond loopback without a token."""
    if token or is_loopback(host):
        return
    raise ExposedError(
        f"'web: {{listen: {host}:...}}' can be reached from other machines: "
        'set `web: {token: "${MONITOR_TOKEN}"}`, or listen on 127.0.0.1'
    )


def is_loopback(host: str) -> bool:
    """Say whether only this machine can reach an address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Guard:
    """Asks for the token, as a bearer or as the password of a browser's dialogue.

    A page of another site must not be able to change anything through somebody's browser: a
    request that changes something and names another origin is refused.
    """

    def __init__(self, app: ASGIApp, token: str | None) -> None:
        """Stand before an application."""
        self._app, self._token = app, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on or refuse."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(HTTPConnection(scope), scope["method"])
        await (refusal or self._app)(scope, receive, send)

    def _refusal(self, asked: HTTPConnection, method: str) -> Response | None:
        if asked.url.path in OPEN_PATHS:
            return None
        if self._token is not None and not knows(asked.headers.get("authorization"), self._token):
            headers = {"WWW-Authenticate": 'Basic realm="monitor"'}
            return JSONResponse({"error": "a token is needed"}, 401, headers=headers)
        origin = asked.headers.get("origin")
        is_foreign = origin is not None and urlsplit(origin).netloc != asked.headers.get("host")
        if is_foreign and method not in SAFE_METHODS:
            return JSONResponse({"error": "the request comes from another site"}, 403)
        return None


def knows(header: str | None, token: str) -> bool:
    """Say whether an Authorization header holds the token."""
    scheme, _, value = (header or "").partition(" ")
    if scheme.lower() == "basic":
        try:
            value = base64.b64decode(value).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return False
    elif scheme.lower() != "bearer":
        return False
    return hmac.compare_digest(value.strip().encode(), token.encode())
