"""The daemon as its users run it: a process, signals, pages."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

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

    def start(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "monitor", "run", "--config", str(self.config)]
        return subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", timeout=5)


def read_until(daemon: subprocess.Popen[str], wanted: str) -> str:
    """Read what the daemon says until a text comes; fail when it ends before."""
    assert daemon.stdout is not None
    said = ""
    for line in daemon.stdout:
        said += line
        if wanted in line:
            return said
    pytest.fail(f"'{wanted}' was never said:\n{said}")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture
def start(home: Home) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    running: list[subprocess.Popen[str]] = []

    def begin() -> subprocess.Popen[str]:
        running.append(home.start())
        return running[-1]

    yield begin
    for daemon in running:
        daemon.kill()
        daemon.wait()
        if daemon.stdout is not None:
            daemon.stdout.close()


Start = Callable[[], subprocess.Popen[str]]


def test_it_looks_tells_serves_reloads_and_drains(home: Home, start: Start) -> None:
    daemon = start()
    said = read_until(daemon, "WARN rows")
    assert "2 checks" in said
    assert home.get("/healthz").text == "alive"
    assert home.get("/readyz").status_code == 200
    assert 'monitor_alerts{tier="warn"} 1.0' in home.get("/metrics").text
    page = home.get("/")
    assert "rows" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert home.get("/api/v1/status").json()["open_incidents"] == 1
    home.checks.write_text(CHECKS.replace("  rows:", "  lines:"))
    daemon.send_signal(signal.SIGHUP)
    read_until(daemon, "RESOLVED rows")
    daemon.send_signal(signal.SIGTERM)
    said, _ = daemon.communicate(timeout=30)
    assert "stopping" in said
    assert daemon.returncode == 0


def test_a_failed_ping_is_committed_and_told(home: Home, start: Start) -> None:
    daemon = start()
    read_until(daemon, "pages on")
    url = f"http://127.0.0.1:{home.port}/api/v1/ping"
    assert httpx.post(f"{url}/train/start").status_code == 200
    assert httpx.post(f"{url}/train/137").status_code == 200
    assert httpx.post(f"{url}/train/300").status_code == 400
    assert httpx.post(f"{url}/nothing").status_code == 404
    assert httpx.post(f"{url}/rows").status_code == 404
    assert "failed 1 times in a row" in read_until(daemon, "WARN train")


def test_a_second_daemon_on_one_store_is_refused(start: Start) -> None:
    first = start()
    read_until(first, "pages on")
    second = start()
    said, _ = second.communicate(timeout=30)
    assert second.returncode == 2
    assert f"another monitor (pid {first.pid}) is running" in said


def test_a_port_that_is_taken_is_said_with_what_to_do(home: Home, start: Start) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", home.port))
        taken.listen()
        daemon = start()
        said, _ = daemon.communicate(timeout=30)
    assert daemon.returncode == 2
    assert "cannot be listened on" in said
    assert "web: {listen: ...}" in said


def test_what_fired_before_a_kill_is_resolved_after_it(home: Home, start: Start) -> None:
    daemon = start()
    read_until(daemon, "WARN rows")
    daemon.send_signal(signal.SIGKILL)
    daemon.communicate()
    with sqlite3.connect(home.folder / "kpi.db") as connection:
        connection.execute("insert into kpi values (1)")
    connection.close()
    said = read_until(start(), "RESOLVED rows")
    # The kill may have come between the message and its receipt: then it is told once more.
    assert said.count("WARN rows") <= 1


def run_command(*words: str) -> str:
    command = [sys.executable, "-m", "monitor", *words]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def beside(home: Home, checks: str) -> Path:
    """Write the configuration once more, with other checks; return their file."""
    other = home.folder / "after" / "checks" / "data" / "rows.yaml"
    other.parent.mkdir(parents=True)
    (home.folder / "after" / "config.yaml").write_text(home.config.read_text())
    other.write_text(checks)
    return other


def lint(home: Home) -> tuple[int, dict[str, Any]]:
    command = [sys.executable, "-m", "monitor", "lint", "--json", "--config", str(home.config)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    found: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, found


def test_lint_says_what_and_where(home: Home) -> None:
    assert lint(home) == (0, {"errors": [], "warnings": [], "checks": 2})
    home.checks.write_text(CHECKS.replace("bad: below", "badd: below"))
    status, found = lint(home)
    assert status == 1
    (error,) = found["errors"]
    assert (error["line"], error["suggestion"], error["check"]) == (4, "bad", "rows")


def test_a_change_of_a_file_is_noticed_without_a_signal(home: Home, start: Start) -> None:
    daemon = start()
    read_until(daemon, "WARN rows")
    words = ("plan", "--config", str(home.config), "--url", f"http://127.0.0.1:{home.port}")
    assert "0 added, 0 altered, 0 removed" in run_command(*words)
    changed = beside(home, CHECKS.replace("value from kpi", "value  from kpi where n > 1"))
    changed.write_text(changed.read_text().replace("warn: 1}", "warn: 0}", 1))
    said = run_command("plan", "--config", str(changed.parents[2] / "config.yaml"), *words[3:])
    assert "query: select count(*) as value from kpi -> select" in said
    assert "warn: value below 1 -> value below 0" in said
    assert "silences rows: warn: value below 0, before 1" in said
    home.checks.write_text(CHECKS.replace("  rows:", "  lines:"))
    read_until(daemon, "RESOLVED rows")
    home.checks.write_text(CHECKS.replace("kind: threshold", "kind: treshold"))
    assert "did you mean 'threshold'?" in read_until(daemon, "WARN file/data/rows.yaml")
