"""The real daemon beside a real Trino that rejects all SQL, and then answers nothing at all."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.platform.stack.crowd import crowd
from tests.platform.stack.daemon import MonitorDaemon
from tests.platform.stack.errors import StackError
from tests.platform.stack.trino import TrinoServer

OVERLOADED_S, DOWN_S = 60.0, 90.0
"""Within how many seconds each must be said, from when it began."""

POLL_S = 0.25
CONFIG = """
timezone: UTC
store: sqlite:///{folder}/monitor.db
web: {listen: "127.0.0.1:{port}"}
sources:
  adhoc: {type: trino, url: "TRINO", maintainer: data-platform}
receivers:
  out: {type: console}
maintainers:
  data-platform: {receivers: [out]}
on_call: {receivers: [out]}
"""
CHECKS = """
checks:
  outage-load: {kind: trino_load, maintainer: data-platform, source: adhoc}
"""


@pytest.fixture
def daemon(trino_server: TrinoServer, tmp_path: Path) -> Iterator[MonitorDaemon]:
    # As `crowded` its SQL is rejected together with the heavy queries.
    config = CONFIG.replace("TRINO", trino_server.sqlalchemy_url("crowded"))
    with MonitorDaemon(tmp_path, config, CHECKS) as running:
        yield running


def within(seconds: float, what: str, ask: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := ask():
            return found
        time.sleep(POLL_S)
    raise StackError(f"{what} was not so within {seconds:.0f} s")


def verdicts(daemon: MonitorDaemon) -> list[dict[str, Any]]:
    states = daemon.get("/api/v1/checks")
    rows = states["checks"] if isinstance(states, dict) else states
    mine = [row["verdict"] for row in rows if row["check"] == "outage-load"]
    return [verdict for verdict in mine if verdict]  # none before the first look


def in_state(daemon: MonitorDaemon, state: str) -> bool:
    samples = (sample for verdict in verdicts(daemon) for sample in verdict["samples"])
    return any(sample["evidence"].get("state") == state for sample in samples)


def told(daemon: MonitorDaemon, word: str) -> bool:
    return word in daemon.log.read_text()


def test_overload_and_outage_are_told_in_time(
    trino_server: TrinoServer, daemon: MonitorDaemon
) -> None:
    within(OVERLOADED_S, "a first look", lambda: in_state(daemon, "OK"))
    with crowd(trino_server):
        with pytest.raises(Exception, match="Too many queued queries"):
            trino_server.rows("SELECT 1", user="crowded", source="outage")
        within(OVERLOADED_S, "OVERLOADED told", lambda: told(daemon, "is OVERLOADED"))
    # Stopped, not ended: others need this server, and nothing answers either way.
    os.kill(trino_server.pid, signal.SIGSTOP)
    try:
        within(DOWN_S, "DOWN", lambda: in_state(daemon, "DOWN"))
    finally:
        os.kill(trino_server.pid, signal.SIGCONT)
    within(OVERLOADED_S, "up again", lambda: not in_state(daemon, "DOWN"))
