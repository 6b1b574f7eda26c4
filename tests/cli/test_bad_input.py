"""Everything that can be wrong at once: each is said with its place, and the rest goes on."""

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import local
from tests.cli.daemon import Home, daemons, read_until

pytestmark = pytest.mark.long  # a daemon and what it says

CONFIG = """
timezone: UTC
store: sqlite:///{folder}/monitor.db
checks: checks
templates: templates
web: {{listen: "127.0.0.1:{port}"}}
sources:
  kpi: {{type: sql, url: "sqlite:///{folder}/kpi.db", maintainer: data}}
  gone: {{type: prometheus, url: "http://127.0.0.1:9", maintainer: data}}
  locked: {{type: sql, url: "sqlite:///{folder}/no-such-folder/kpi.db", maintainer: data}}
receivers:
  box: {{type: console}}
maintainers:
  data: {{receivers: [box]}}
on_call: {{receivers: [box]}}
"""
FILES = {
    "good.yaml": """checks:
  rows: {kind: threshold, maintainer: data, source: kpi, every: 1s, bad: below, warn: 1,
         query: select count(*) as value from kpi}
""",
    "key.yaml": """checks:
  misspelt: {kind: threshold, source: kpi, qwery: select 1 as value, warn: 1}
""",
    "type.yaml": """checks:
  badly-typed: {kind: threshold, source: kpi, query: select 1 as value, every: often, warn: 1}
""",
    "source.yaml": """checks:
  homeless: {kind: threshold, source: kpis, query: select 1 as value, warn: 1}
""",
    "unreachable.yaml": """defaults: {kind: threshold, maintainer: data, every: 1s}
checks:
  asks-nobody: {source: gone, query: up, warn: 1}
  asks-a-missing-file: {source: locked, query: select 1 as value, warn: 1}
  asks-a-missing-column: {source: kpi, query: select nobody as value from kpi, warn: 1}
""",
}
WRONG = [
    ("checks/data/key.yaml:2:44", "unknown key 'qwery'", "did you mean 'query'?"),
    ("checks/data/type.yaml:2:80", "'often'", "badly-typed"),
    ("checks/data/source.yaml:2:39", "source 'kpis' is not defined", "did you mean 'kpi'?"),
]


@dataclass
class Seen:
    """What a daemon with all of it said, and what its checks came to."""

    said: str
    verdicts: dict[str, dict[str, Any]]
    exit_status: int


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    home = Home(tmp_path_factory.mktemp("bad"))
    home.config.write_text(CONFIG.format(folder=home.folder, port=home.port))
    for name, text in FILES.items():
        (home.checks.parent / name).write_text(text)
    home.checks.unlink()
    broken = home.folder / "templates" / "text" / "alert" / "default.j2"
    broken.parent.mkdir(parents=True)
    broken.write_text("{{ nobody_knows_this }}")
    with daemons() as begin:
        daemon = begin(home.config)
        said = read_until(daemon, "WARN rows")
        verdicts = looked_at(home, "asks-nobody", "asks-a-missing-file", "asks-a-missing-column")
        daemon.send_signal(signal.SIGTERM)
        rest, _ = daemon.communicate(timeout=30)
    return Seen(said + rest, verdicts, daemon.returncode)


def looked_at(home: Home, *checks: str) -> dict[str, dict[str, Any]]:
    """Ask until each of the checks was looked at; the connection's own timeout bounds a look."""
    for _ in range(500):
        answer = local.get(f"http://127.0.0.1:{home.port}/api/v1/checks", timeout=5).json()
        rows = answer["checks"] if isinstance(answer, dict) else answer
        found = {row["check"]: row["verdict"] for row in rows}
        if found.keys() >= set(checks):
            return found
    pytest.fail(f"not all of {checks} were looked at: {sorted(found)}")


@pytest.mark.parametrize(("place", "fact", "remedy"), WRONG, ids=[fact for _, fact, _ in WRONG])
def test_a_mistake_is_said_with_place_fact_and_remedy(
    seen: Seen, place: str, fact: str, remedy: str
) -> None:
    logged = [line for line in seen.said.splitlines() if " ERROR " in line]
    (line,) = {line for line in logged if place in line}
    assert fact in line
    assert remedy in line


@pytest.mark.parametrize(
    ("check", "why"),
    [
        ("asks-nobody", "gone could not be asked (unreachable): http://127.0.0.1:9"),
        ("asks-a-missing-file", "locked could not be asked (unreachable): there is no file /"),
        ("asks-a-missing-column", "kpi could not be asked (query): no such column: nobody"),
    ],
)
def test_a_question_that_cannot_be_asked_is_an_error_with_its_reason(
    seen: Seen, check: str, why: str
) -> None:
    assert seen.verdicts[check]["outcome"] == "error"
    assert why in seen.verdicts[check]["reason"]


def test_a_broken_template_is_named_and_the_message_arrives_all_the_same(seen: Seen) -> None:
    assert "text/alert/default.j2 is not used: 'nobody_knows_this' is undefined" in seen.said
    assert "WARN rows: " in seen.said


def test_the_rest_goes_on_to_an_orderly_end(seen: Seen) -> None:
    assert seen.verdicts["rows"]["outcome"] == "warn"
    assert seen.exit_status == 0


def test_a_folder_of_the_store_that_is_missing_is_one_line_that_says_so(tmp_path: Path) -> None:
    home = Home(tmp_path)
    text = home.config.read_text().replace(f"{tmp_path}/monitor.db", f"{tmp_path}/none/monitor.db")
    home.config.write_text(text)
    command = [sys.executable, "-m", "monitor", "run", "--config", str(home.config)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=60, env=dict(os.environ)
    )
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        f"monitor: the folder {tmp_path}/none of the store does not exist: make it first"
    ]
