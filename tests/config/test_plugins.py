import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import monitor.kinds
from monitor.api import KINDS
from monitor.config.plugins import load_plugins, missing_extra
from tests.config.conftest import Site

KIND = """
from typing import ClassVar
from monitor.api import Check, Direction, Measure

class Stray(Check, kind={name!r}):
    measures: ClassVar = {{"n": Measure(Direction.ABOVE)}}

    def ask(self, now):
        return []

    def measure(self, answers, now):
        return ()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Give the room of kinds a second folder for the length of a test."""
    load_plugins()
    before = dict(KINDS)
    room = tmp_path / "room"
    room.mkdir()
    monitor.kinds.__path__.append(str(room))
    yield room
    monitor.kinds.__path__.remove(str(room))
    for path in room.glob("*.py"):
        sys.modules.pop(f"monitor.kinds.{path.stem}", None)
    KINDS.clear()
    KINDS.update(before)


def test_every_file_of_the_folder_is_imported(folder: Path) -> None:
    (folder / "stray_one.py").write_text(KIND.format(name="stray_one"))
    assert load_plugins() == ()
    assert "stray_one" in KINDS


def test_a_plugin_that_fails_is_named_and_the_others_work(folder: Path, site: Site) -> None:
    (folder / "stray_bad.py").write_text(KIND.format(name="stray_bad") + "\n1 / 0\n")
    (folder / "stray_good.py").write_text(KIND.format(name="stray_good"))
    site.checks(
        "checks:\n  a: {kind: stray_bad, warn: 1}\n  b: {kind: stray_good, warn: 1, source: db}\n"
    )
    plan = site.load()
    assert list(plan.checks) == ["b"]
    why = "plugin monitor.kinds.stray_bad cannot be imported: ZeroDivisionError: division by zero"
    lines = site.lines(plan.problems)
    assert f"config.yaml:1:1: {why}" in lines
    assert any(f"unknown kind 'stray_bad': {why}" in line for line in lines)


def test_no_plugin_takes_the_name_of_another(folder: Path) -> None:
    load_plugins()
    first = KINDS["threshold"]
    (folder / "stray_thief.py").write_text(KIND.format(name="threshold"))
    (line,) = load_plugins()
    assert "takes the name 'threshold'" in line
    assert KINDS["threshold"] is first


def test_what_is_installed_while_the_program_runs_is_found_by_the_next_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.path", [*sys.path, str(tmp_path)])
    assert load_plugins() == ()
    for at, name in enumerate(("one", "two")):
        about = tmp_path / f"stray_{name}-1.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: stray-{name}\nVersion: 1\n")
        (about / "entry_points.txt").write_text(f"[monitor.kinds]\n{name} = stray_{name}_gone\n")
        os.utime(
            tmp_path, ns=(at, at)
        )  # a file system may count in ticks that are longer than this
        said = load_plugins()
        assert len(said) == at + 1
        assert said[-1].startswith(f"plugin {name} (stray_{name}_gone) cannot be imported")


def test_an_extra_is_missing_when_one_of_its_packages_is(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = ["pydantic>=2", 'not-there[x]>=1; extra == "costly"', 'pydantic; extra == "cheap"']
    monkeypatch.setattr("importlib.metadata.requires", lambda _name: wanted)
    assert missing_extra("costly")
    assert not missing_extra("cheap")
    assert not missing_extra(None)


def test_a_check_whose_extra_is_missing_says_what_to_install(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.metadata.requires", lambda _: ['nope; extra == "costly"'])
    site.checks("checks:\n  a: {kind: try_costly, table: t, source: db, warn: 1h}\n")
    (line,) = site.lines()
    assert "pip install 'platform-monitor[costly]'" in line


HEAVY = (
    *("trino", "slack_sdk", "sqlglot", "alembic", "numpy", "httpx"),
    "sqlalchemy.dialects.postgresql",
)
LOAD = """
import subprocess
import sys
from pathlib import Path
import monitor.app
from monitor.config.load import Loader

plan = Loader(Path(sys.argv[1]), {}, is_thrifty=True).load()
monitor.app.open_store(f"sqlite:///{sys.argv[1]}.db").close()
print(len(plan.checks), *(name for name in sys.argv[2:] if name in sys.modules))
for problem in plan.problems:
    print(problem)
"""
THRIFTY = """
sources: {db: {type: sql, url: "sqlite:///x.db"}}
receivers: {box: {type: console}}
on_call: {receivers: [box]}
"""


def load_apart(folder: Path, kind: str) -> list[str]:
    """Load in a process of its own, as the daemon does; give what it says."""
    (folder / "config.yaml").write_text(THRIFTY)
    (folder / "checks").mkdir()
    text = f"checks: {{a: {{kind: {kind}, source: db, query: select 1 as value, warn: 1}}}}"
    (folder / "checks" / "a.yaml").write_text(text)
    command = [sys.executable, "-c", LOAD, str(folder / "config.yaml"), *HEAVY]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


@pytest.mark.long
def test_the_daemon_holds_no_driver_that_nobody_uses(tmp_path: Path) -> None:
    assert load_apart(tmp_path, "threshold") == ["1"]


@pytest.mark.long
def test_a_mistake_is_explained_with_all_names_all_the_same(tmp_path: Path) -> None:
    first, problem = load_apart(tmp_path, "treshold")
    assert first.startswith("0 ")
    assert "unknown kind 'treshold'; did you mean 'threshold'?" in problem
