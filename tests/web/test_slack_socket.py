"""Clicks over Socket Mode, by the unmodified SDK, deafness included."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from monitor.api.slack_web import SlackWeb
from monitor.web.slack_desk import Desk
from monitor.web.slack_http import SlackApp
from monitor.web.slack_socket import SlackSockets
from tests.engine.rig import Rig
from tests.web.socket_server import SocketServer
from tests.web.test_api import Site

Story = Callable[[Site, SocketServer, SlackSockets], Awaitable[None]]


@pytest.fixture
def tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Story], None]:
    monkeypatch.setattr("monitor.api.slack_web.PING_SECONDS", 0.2)
    monkeypatch.setattr("monitor.web.slack_socket.WATCH", timedelta(milliseconds=100))
    monkeypatch.setattr("monitor.web.slack_socket.DEAF", timedelta(seconds=1))

    async def with_server(site: Site, story: Story) -> None:
        server = SocketServer()
        await server.start()
        web = SlackWeb("xoxb", f"{server.url}/api/")
        app = SlackApp("", "xapp-1", web, server.url)
        rig = site.rig
        desk = Desk(rig.engine, rig.store, rig.clock.now, lambda: rig.engine.world, site.views)
        sockets = SlackSockets(desk, lambda: [app])
        running = asyncio.create_task(sockets.run())
        try:
            await server.until(lambda: server.opened == 1)
            await story(site, server, sockets)
        finally:
            running.cancel()
            await asyncio.wait([running])
            await server.stop()

    def run(story: Story) -> None:
        rig = Rig(f"sqlite:///{tmp_path}/monitor.db")
        rig.run(lambda started: with_server(Site(started), story))
        rig.store.close()

    return run


def click(server: SocketServer, action: str, incident: str) -> dict[str, object]:
    return {
        "type": "block_actions",
        "user": {"id": "U00000001"},
        "response_url": f"{server.url}/answer",
        "actions": [{"action_id": f"monitor:{action}", "value": incident, "action_ts": "1"}],
    }


def test_a_click_and_a_command_are_acknowledged_and_done(tell: Callable[[Story], None]) -> None:
    async def story(site: Site, server: SocketServer, _: SlackSockets) -> None:
        incident = await site.breaks()
        await server.send("interactive", click(server, "explain", incident), "e1")
        await server.until(lambda: server.answers)
        assert server.acknowledged == ["e1"]
        assert "owner: recsys" in server.answers[0]
        command = {"text": "status", "response_url": f"{server.url}/answer"}
        await server.send("slash_commands", command, "e2")
        await server.until(lambda: len(server.answers) == 2)
        assert "*1 open*" in server.answers[1]

    tell(story)


def test_a_socket_that_goes_deaf_is_opened_anew_and_clicks_work_again(
    tell: Callable[[Story], None],
) -> None:
    async def story(_site: Site, server: SocketServer, _: SlackSockets) -> None:
        server.deaf = True
        await server.until(lambda: server.opened >= 2)
        server.deaf = False
        await server.send("interactive", click(server, "ack", "gone"), "e1")
        await server.until(lambda: server.answers)
        assert server.answers == ["This incident is over."]

    tell(story)
