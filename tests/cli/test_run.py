"""The daemon as its users run it: a process, signals, pages."""

import json
import signal
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from monitor.cli.main import cli
from tests import local
from tests.cli.daemon import CHECKS, Begin, Daemon, Home, daemons, read_until

Start = Callable[[], Daemon]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture
def begin() -> Iterator[Begin]:
    with daemons() as begin:
        yield begin


@pytest.fixture
def start(home: Home, begin: Begin) -> Start:
    return lambda: begin(home.config)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Home, Daemon]]:
    """One daemon for what leaves it as it is."""
    home = Home(tmp_path_factory.mktemp("running"))
    with daemons() as begin:
        daemon = begin(home.config)
        read_until(daemon, "WARN rows")
        yield home, daemon


@pytest.mark.long  # a daemon of its own; `make test` starts one on the platform
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


def test_a_failed_ping_is_committed_and_told(running: tuple[Home, Daemon]) -> None:
    home, daemon = running
    url = f"http://127.0.0.1:{home.port}/api/v1/ping"
    assert local.post(f"{url}/train/start").status_code == 200
    assert local.post(f"{url}/train/137").status_code == 200
    assert local.post(f"{url}/train/300").status_code == 400
    assert local.post(f"{url}/nothing").status_code == 404
    assert local.post(f"{url}/rows").status_code == 404
    assert "failed 1 times in a row" in read_until(daemon, "WARN train")


@pytest.mark.long
def test_a_second_daemon_on_one_store_is_refused(
    running: tuple[Home, Daemon], begin: Begin
) -> None:
    home, first = running
    second = begin(home.config)
    said, _ = second.communicate(timeout=30)
    assert second.returncode == 2
    assert f"another monitor (pid {first.pid}) is running" in said


@pytest.mark.long
def test_a_port_that_is_taken_is_said_with_what_to_do(
    running: tuple[Home, Daemon], home: Home, start: Start
) -> None:
    there, _ = running
    home.config.write_text(home.config.read_text().replace(str(home.port), str(there.port)))
    daemon = start()
    said, _ = daemon.communicate(timeout=30)
    assert daemon.returncode == 2
    assert "cannot be listened on" in said
    assert "web: {listen: ...}" in said


@pytest.mark.alone
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
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 0, done.output
    return done.output


def beside(home: Home, checks: str) -> Path:
    """Write the configuration once more, with other checks; return their file."""
    other = home.folder / "after" / "checks" / "data" / "rows.yaml"
    other.parent.mkdir(parents=True)
    (home.folder / "after" / "config.yaml").write_text(home.config.read_text())
    other.write_text(checks)
    return other


def lint(home: Home) -> tuple[int, dict[str, Any]]:
    done = CliRunner().invoke(cli, ["lint", "--json", "--config", str(home.config)])
    found: dict[str, Any] = json.loads(done.stdout)
    return done.exit_code, found


def test_lint_says_what_and_where(home: Home) -> None:
    assert lint(home) == (0, {"errors": [], "warnings": [], "checks": 2})
    home.checks.write_text(CHECKS.replace("bad: below", "badd: below"))
    status, found = lint(home)
    assert status == 1
    (error,) = found["errors"]
    assert (error["line"], error["suggestion"], error["check"]) == (4, "bad", "rows")


@pytest.mark.alone
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
