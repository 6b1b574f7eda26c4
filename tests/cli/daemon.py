"""A daemon of our own process for tests of what its users type, with a small warehouse."""

import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Timer

import httpx
import pytest

from tests import local

CONFIG = """
timezone: UTC
store: sqlite:///{folder}/monitor.db
checks: checks
web: {{listen: "127.0.0.1:{port}"}}
sources:
  kpi: {{type: sql, url: "sqlite:///{folder}/kpi.db", maintainer: data}}
receivers:
  box: {{type: console}}
maintainers:
  data: {{receivers: [box]}}
on_call: {{rotation: [asha@example.com], receivers: [box]}}
"""
CHECKS = """
defaults: {maintainer: data, source: kpi, every: 1s}
checks:
  rows: {kind: threshold, query: select count(*) as value from kpi, bad: below, warn: 1}
  train: {kind: heartbeat, period: 1h, warn: {failed: 1}, every: 1s}
"""


LONGEST = timedelta(minutes=2)

Daemon = subprocess.Popen[str]
Begin = Callable[[Path], Daemon]


def run_daemon(config: Path) -> Daemon:
    return subprocess.Popen(
        [sys.executable, "-m", "monitor", "run", "--config", str(config)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )


class Home:
    """A folder with a configuration, a warehouse, and a free port."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.folder = folder
        self.config = folder / "config.yaml"
        self.config.write_text(CONFIG.format(folder=folder, port=self.port))
        (folder / "checks" / "data").mkdir(parents=True)
        self.checks = folder / "checks" / "data" / "rows.yaml"
        self.checks.write_text(CHECKS)
        with sqlite3.connect(folder / "kpi.db") as connection:
            connection.execute("create table kpi (n integer)")
        connection.close()

    def get(self, path: str) -> httpx.Response:
        return local.get(f"http://127.0.0.1:{self.port}{path}", timeout=5)


def read_until(daemon: Daemon, wanted: str) -> str:
    """Read what the daemon says until a text comes; fail when it ends before, or takes too long."""
    assert daemon.stdout is not None
    said = ""
    end = Timer(LONGEST.total_seconds(), daemon.kill)
    end.start()
    try:
        for line in daemon.stdout:
            said += line
            if wanted in line:
                return said
    finally:
        end.cancel()
    pytest.fail(f"'{wanted}' was never said:\n{said}")


@contextmanager
def daemons() -> Iterator[Begin]:
    """Start daemons, and leave none behind."""
    running: list[Daemon] = []

    def begin(config: Path) -> Daemon:
        running.append(run_daemon(config))
        return running[-1]

    try:
        yield begin
    finally:
        for daemon in running:
            daemon.kill()
            daemon.wait()
            if daemon.stdout is not None:
                daemon.stdout.close()
