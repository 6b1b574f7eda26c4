"""Slack's clicks and commands over HTTP, signed by Slack."""

import hashlib
import hmac
import json
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, runtime_checkable
from urllib.parse import parse_qs, urlsplit

from pydantic import SecretStr
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from monitor.api.receiver import Receiver
from monitor.web.json import Json
from monitor.web.receiving import read_body
from monitor.web.slack_desk import Click, Desk, SlackCalls, is_look, read_click

log = logging.getLogger(__name__)

OLDEST = timedelta(minutes=5)
"""Slack's own advice: what is older may be replayed by somebody who saw it."""

MOST_BYTES = 1_000_000


@runtime_checkable
class Clickable(Protocol):
    """A receiver whose messages have buttons."""

    token: SecretStr
    base_url: str
    app_token: SecretStr | None
    signing_secret: SecretStr | None

    @property
    def has_buttons(self) -> bool:
        """Whether somebody listens for clicks."""

    def web(self) -> SlackCalls:
        """Return the workspace."""


@dataclass(frozen=True)
class SlackApp:
    """One app of Slack: what signs its calls, and how to answer."""

    signing_secret: str
    app_token: str
    web: SlackCalls
    base_url: str


def slack_apps(receivers: Iterable[Receiver]) -> list[SlackApp]:
    """Return the apps that the receivers of type slack belong to, each once."""
    found: dict[str, SlackApp] = {}
    for one in receivers:
        if isinstance(one, Clickable) and one.has_buttons:
            secret = one.signing_secret.get_secret_value() if one.signing_secret else ""
            app = one.app_token.get_secret_value() if one.app_token else ""
            made = SlackApp(secret, app, one.web(), one.base_url)
            found.setdefault(one.token.get_secret_value(), made)
    return list(found.values())


def is_signed(secret: str, timestamp: str, signature: str, body: bytes, now: datetime) -> bool:
    """Say whether Slack signed a body lately; a timestamp that is no number is no signature."""
    if not secret or not timestamp.isascii() or not timestamp.isdecimal() or len(timestamp) > 12:  # noqa: PLR2004  # no moment has more digits
        return False
    if abs(now - datetime.fromtimestamp(int(timestamp), UTC)) > OLDEST:
        return False
    base = b"v0:" + timestamp.encode() + b":" + body
    expected = "v0=" + hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), signature.encode())


@dataclass(frozen=True)
class SlackHttp:
    """The two addresses of the app's settings: clicks, and the slash command."""

    desk: Desk
    apps: Callable[[], list[SlackApp]]
    now: Callable[[], datetime]

    async def actions(self, request: Request) -> Response:
        """Take a click; Slack wants its answer within 3 s, so the work is done after it."""
        app, form = await self._signed(request)
        if app is None:
            return PlainTextResponse("not signed by Slack", 401)
        try:
            payload: dict[str, Any] = json.loads(form.get("payload", ""))
            click = read_click(payload)
        except (ValueError, TypeError, KeyError, AttributeError):
            return PlainTextResponse("this is no click", 400)
        if click is None:
            return Response()
        url = str(payload.get("response_url", ""))
        return Response(background=BackgroundTask(self.do, click, app, url))

    async def do(self, click: Click, app: SlackApp, url: str) -> None:
        """Do what was clicked, and tell whoever clicked what came of it."""
        reply = await self.desk.click(click, app.web)
        if reply:
            await answer(url, reply, app)

    async def command(self, request: Request) -> Response:
        """Answer the slash command; only who typed it sees the answer."""
        app, form = await self._signed(request)
        if app is None:
            return PlainTextResponse("not signed by Slack", 401)
        text, user, url = (form.get(key, "") for key in ("text", "user_id", "response_url"))
        if is_look(text) and url:  # it takes as long as its source, and Slack waits for 3 s
            later = BackgroundTask(self.tell, text, user, app, url)
            return Json({"response_type": "ephemeral", "text": "Looking ..."}, background=later)
        told = await self.desk.command(text, user, app.web)
        return Json({"response_type": "ephemeral", "text": told})

    async def tell(self, text: str, user: str, app: SlackApp, url: str) -> None:
        """Do what was typed, and tell whoever typed it what came of it."""
        await answer(url, await self.desk.command(text, user, app.web), app)

    async def _signed(self, request: Request) -> tuple[SlackApp | None, dict[str, str]]:
        body = await read_body(request, MOST_BYTES)
        if body is None:
            return None, {}
        timestamp = request.headers.get("x-slack-request-timestamp", "")
        signature = request.headers.get("x-slack-signature", "")
        for app in self.apps():
            if is_signed(app.signing_secret, timestamp, signature, body, self.now()):
                fields = parse_qs(body.decode("utf-8", "replace"))
                return app, {name: values[0] for name, values in fields.items()}
        return None, {}

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/slack/actions", self.actions, methods=["POST"]),
            Route("/slack/commands", self.command, methods=["POST"]),
        ]


async def answer(url: str, text: str, app: SlackApp) -> None:
    """Post what only the clicking person reads, at the address that came with the click."""
    known = {"hooks.slack.com", urlsplit(app.base_url).hostname}
    if urlsplit(url).hostname not in known:
        log.warning("a click wants its answer at an address that is not Slack's; not answered")
        return
    import httpx  # noqa: PLC0415  # only whoever uses Slack pays for it (ADR 6)

    from monitor.api.connections import trust  # noqa: PLC0415

    body = {"response_type": "ephemeral", "replace_original": False, "text": text}
    try:
        async with httpx.AsyncClient(timeout=10, verify=trust()) as client:
            (await client.post(url, json=body)).raise_for_status()
    except httpx.HTTPError as error:
        log.warning("a click could not be answered: %s", type(error).__name__)
