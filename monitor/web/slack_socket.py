"""Slack's clicks and commands over Socket Mode: for a daemon that Slack cannot reach.

A connection can go deaf while it says that it is connected (python-slack-sdk#1701 and others). What
counts is when Slack last answered a ping; a connection that is silent for too long is replaced.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

from monitor.api.errors import DeliveryError
from monitor.web.slack_desk import Desk, Socket, read_click
from monitor.web.slack_http import SlackApp, answer

log = logging.getLogger(__name__)

WATCH = timedelta(seconds=5)
DEAF = timedelta(seconds=20)
"""Four pings without an answer."""


@dataclass
class Line:
    """A connection, and when it was last known to hear (by the loop's clock)."""

    socket: Socket
    heard_at: float
    answered_at: float | None = None

    def is_deaf(self, now: float) -> bool:
        """Look whether pings are still answered; False while they are."""
        if self.socket.answered_at != self.answered_at:
            self.answered_at = self.socket.answered_at
            self.heard_at = now
        return now - self.heard_at > DEAF.total_seconds()


@dataclass
class SlackSockets:
    """Keeps one connection to every app that has an app token."""

    desk: Desk
    apps: Callable[[], list[SlackApp]]
    silence: Callable[[float], None] = lambda _seconds: None
    """Is told how long the most silent connection has been silent, in seconds."""

    _lines: dict[str, Line] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def run(self) -> None:
        """Watch until cancelled."""
        try:
            while True:
                await self.watch()
                await asyncio.sleep(WATCH.total_seconds())
        finally:
            for token in list(self._lines):
                self._drop(token)

    async def watch(self) -> None:
        """Open what is missing, replace what is deaf, close what nobody wants any more."""
        now = asyncio.get_running_loop().time()
        wanted = {app.app_token: app for app in self.apps() if app.app_token}
        for token, line in list(self._lines.items()):
            if token not in wanted:
                self._drop(token)
            elif line.is_deaf(now):
                log.warning("Slack's socket answers no ping any more; it is opened anew")
                self._drop(token)
        for token, app in wanted.items():
            if token not in self._lines:
                await self._open(token, app)
        self.silence(max((now - line.heard_at for line in self._lines.values()), default=0.0))

    async def _open(self, token: str, app: SlackApp) -> None:
        loop = asyncio.get_running_loop()

        def heard(kind: str, payload: dict[str, Any]) -> None:
            loop.call_soon_threadsafe(partial(self._begin, app, kind, payload))

        try:
            socket = await asyncio.to_thread(app.web.listen, token, heard)
        except DeliveryError as error:
            log.warning("%s; tried again in %s", error, WATCH)
            return
        self._lines[token] = Line(socket, loop.time())

    def _drop(self, token: str) -> None:
        """Let go of a connection; hanging up may hang, so nobody waits for it."""
        socket = self._lines.pop(token).socket
        asyncio.get_running_loop().run_in_executor(None, socket.close)

    def _begin(self, app: SlackApp, kind: str, payload: dict[str, Any]) -> None:
        task = asyncio.create_task(self._take(app, kind, payload))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _take(self, app: SlackApp, kind: str, payload: dict[str, Any]) -> None:
        url = str(payload.get("response_url", ""))
        if kind == "slash_commands":
            text, user = str(payload.get("text", "")), str(payload.get("user_id", ""))
            await answer(url, await self.desk.command(text, user, app.web), app)
            return
        click = read_click(payload) if kind == "interactive" else None
        if click is not None:
            reply = await self.desk.click(click, app.web)
            if reply:
                await answer(url, reply, app)
