"""A receiver whose token Slack refuses: on-call is told instead, and why."""

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.platform.stack.daemon import MonitorDaemon
from tests.platform.stack.slack import SlackServer
from tests.platform.test_first_light import shown, until

CONFIG = """
timezone: UTC
store: sqlite:///{folder}/monitor.db
web: {listen: "127.0.0.1:{port}"}
sources:
  kpi: {type: sql, url: "sqlite:///{folder}/kpi.db", maintainer: recsys}
slack: {token: "TOKEN", base_url: "SLACK"}
receivers:
  recsys: {type: slack, channel: recsys-alerts, token: xoxb-expired}
  oncall: {type: slack, channel: ds-oncall}
maintainers:
  recsys: {receivers: [recsys]}
on_call: {receivers: [oncall]}
"""
CHECKS = """
checks:
  refused-rows:
    {kind: threshold, maintainer: recsys, source: kpi, every: 1s, bad: below, warn: 1,
     query: select count(*) as value from kpi}
"""


@pytest.fixture
def daemon(slack_server: SlackServer, tmp_path: Path) -> Iterator[MonitorDaemon]:
    with sqlite3.connect(tmp_path / "kpi.db") as connection:
        connection.execute("create table kpi (n integer)")
    connection.close()
    config = CONFIG.replace("TOKEN", slack_server.token).replace("SLACK", slack_server.api_url)
    with MonitorDaemon(tmp_path, config, CHECKS) as running:
        yield running


def test_on_call_is_told_of_the_alert_and_of_the_token(
    daemon: MonitorDaemon, slack_server: SlackServer
) -> None:
    def told() -> dict[str, Any] | None:
        channel = slack_server.channel_id("ds-oncall")
        history = slack_server.client().conversations_history(channel=channel, limit=50)
        return next((m for m in history["messages"] if "refused-rows" in shown(m)), None)

    text = shown(until("on-call told", told))
    # Slack's word for it is invalid_auth; the emulator knows no such token, and so no scope of it.
    assert re.search("recsys could not be told: Slack: (invalid_auth|missing_scope)", text)
    assert "xoxb-expired" not in daemon.log.read_text()
