"""What people tell the daemon from a shell."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from monitor.cli.main import cli
from monitor.cli.remote import Daemon as Remote
from tests.cli.daemon import Daemon, Home, daemons, read_until


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture
def daemon(home: Home) -> Iterator[Daemon]:
    with daemons() as begin:
        yield begin(home.config)


def ask(home: Home, *words: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli, [*words, "--config", str(home.config)])
    return done.exit_code, done.output


@pytest.mark.long
def test_status_ack_and_silence_talk_to_the_running_daemon(home: Home, daemon: Daemon) -> None:
    read_until(daemon, "WARN rows")
    code, said = ask(home, "status", "--json")
    assert code == 1
    (incident,) = json.loads(said)["incidents"]
    key = incident["incident"]["id"]
    assert ask(home, "ack", key, "--by", "asha", "--until", "2h")[0] == 0
    said = ask(home, "status")[1]
    assert re.match(r"1 open, 2 checks \(1 (ok|pending), 1 warn\), revision ", said)
    assert "WARN  rows: value 0 (limit at least 1)" in said
    assert "acknowledged by asha" in said
    code, silence = ask(home, "silence", "add", 'check="rows"', "--by", "ben", "--comment", "known")
    assert code == 0
    code, said = ask(home, "silence", "list")
    assert code == 0
    assert 'check="rows"' in said
    assert "ben: known" in said
    address = ("--url", f"http://127.0.0.1:{home.port}")
    said = ask(home, "explain", "--label", "check=rows", *address)[1]
    assert "It is silenced, so nobody is told:\n  until " in said
    assert f'by ben: known\n    check="rows" ({silence.strip()})\n' in said
    assert "No silence covers it." in ask(home, "explain", "--label", "check=x", *address)[1]
    later = ("--at", "2100-01-01T00:00")
    assert "No silence" in ask(home, "explain", "--label", "check=rows", *address, *later)[1]
    assert ask(home, "silence", "expire", silence.strip())[0] == 0
    assert ask(home, "silence", "list")[0] == 1


def test_a_list_is_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon gives 1,000 at once: what is open behind them would be left out of `status`."""
    asked: list[tuple[tuple[str, str], ...]] = []

    def request(_method: str, _url: str, *, params: Any, **_more: Any) -> httpx.Response:
        asked.append(tuple(params))
        at = int(dict(params)["offset"])
        page = list(range(2500))[at : at + 1000]
        return httpx.Response(200, json=page, headers={"X-Total-Count": "2500"})

    monkeypatch.setattr(httpx, "request", request)
    remote = Remote("http://127.0.0.1:1", Path("config.yaml"))
    assert remote.all("incidents", ("state", "open")) == list(range(2500))
    assert asked == [(("state", "open"), ("offset", at)) for at in ("0", "1000", "2000")]


@pytest.mark.long
def test_a_daemon_that_is_not_there_is_said_with_its_address(home: Home) -> None:
    command = [sys.executable, "-m", "monitor", "ack", "x", "--config", str(home.config)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"no monitor answers at http://127.0.0.1:{home.port}" in done.stderr
