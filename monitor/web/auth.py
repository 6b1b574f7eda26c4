"""Who may ask: everybody on loopback, otherwise whoever has the token or was signed in.

Signing in is the work of a proxy in front of the daemon (ADR 18), which names people in a header.
"""

import base64
import binascii
import hmac
import re
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from monitor.api.errors import MonitorError
from monitor.config.plan import EXPOSED, Proxy, Web
from monitor.core.permit import Person
from monitor.web.json import Json

OPEN_PATHS = frozenset({"/healthz", "/readyz", "/slack/actions", "/slack/commands"})
"""Paths that need no token: they tell nothing, or are signed by whoever calls."""

PINGS = "/api/v1/ping/"
"""Pings change something by GET, too: a job may have nothing but a plain curl."""

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
ANYBODY = Person("", is_admin=True)
LONGEST_NAME = 200


class ExposedError(MonitorError):
    """The pages would be open to the network."""


def refuse_exposed(web: Web) -> None:
    """Raise ExposedError for an address beyond loopback where nobody is asked who they are."""
    if not web.is_loopback and not web.is_guarded:
        raise ExposedError(EXPOSED.format(host=web.host))


def who_is(request: Request) -> Person:
    """Return who asks, as the guard found out."""
    found: Person = request.state.who
    return found


@dataclass(frozen=True)
class Guard:
    """Finds out who asks: by the token, as a bearer or a browser's password, or by the proxy.

    A page of another site must not be able to change anything through somebody's browser: a
    request that changes something and comes from another origin is refused.
    """

    app: ASGIApp
    web: Web

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on or refuse."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        asked = HTTPConnection(scope)
        who = ANYBODY if asked.url.path in OPEN_PATHS else self._person(asked)
        refusal = self._refusal(asked, scope["method"], who)
        scope.setdefault("state", {})["who"] = who
        await (refusal or self.app)(scope, receive, send)

    def _person(self, asked: HTTPConnection) -> Person | None:
        if not self.web.is_guarded:
            return ANYBODY
        if self.web.token and knows(asked.headers.get("authorization"), self.web.token):
            return ANYBODY
        if self.web.proxy is None or not is_trusted(asked, self.web.proxy):
            return None
        return signed_in(asked, self.web.proxy, self.web.admins)

    def _refusal(self, asked: HTTPConnection, method: str, who: Person | None) -> Response | None:
        if who is None:
            headers = {"WWW-Authenticate": 'Basic realm="monitor"'} if self.web.token else {}
            missing = "a token is needed" if self.web.token else "sign in through the proxy"
            return Json({"error": missing}, 401, headers=headers)
        changes = method not in SAFE_METHODS or asked.url.path.startswith(PINGS)
        if changes and asked.url.path not in OPEN_PATHS and self._is_foreign(asked):
            return Json({"error": "the request comes from another site"}, 403)
        return None

    def _is_foreign(self, asked: HTTPConnection) -> bool:
        """Say whether a browser sends it for a page of another site."""
        if asked.headers.get("sec-fetch-site") in {"cross-site", "same-site"}:
            return True
        origin, host = asked.headers.get("origin"), asked.headers.get("host")
        if self.web.proxy is not None and is_trusted(asked, self.web.proxy):
            host = asked.headers.get("x-forwarded-host", host)
        return origin is not None and urlsplit(origin).netloc != host


def is_trusted(asked: HTTPConnection, proxy: Proxy) -> bool:
    """Say whether a request comes from the proxy itself, by the address of the connection."""
    if asked.client is None:
        return False
    try:
        address = ip_address(asked.client.host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None) or address
    return any(mapped in network for network in proxy.trusted if network.version == mapped.version)


def signed_in(asked: HTTPConnection, proxy: Proxy, admins: tuple[str, ...]) -> Person | None:
    """Read whom the proxy names. A name that is there twice is nobody's: one may be forged."""
    names = [one.strip() for one in asked.headers.getlist(proxy.user_header)]
    if len(names) != 1 or not 0 < len(names[0]) <= LONGEST_NAME or not names[0].isprintable():
        return None
    told = re.split(r"[,|]", ",".join(asked.headers.getlist(proxy.groups_header)))
    groups = frozenset(group.strip() for group in told if group.strip())
    wanted = {admin.lower() for admin in admins}
    known = {names[0].lower(), *(f"group:{group.lower()}" for group in groups)}
    return Person(names[0], groups, is_admin=not wanted.isdisjoint(known))


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
