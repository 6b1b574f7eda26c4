"""A kind, a source and a receiver that live in another package need no edit of this one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PLUGIN = """
from typing import ClassVar

from monitor.api import (
    Check, Direction, Measure, NoData, Receipt, Receiver, Rows, Source, Table,
)


class Tide(Check, kind="tide"):
    measures: ClassVar = {"height": Measure(Direction.ABOVE)}
    harbour: str

    def ask(self, now):
        return [Rows(self.harbour)]

    def measure(self, answers, now):
        yield NoData("the sea is away")


class Gauge(Source, type="gauge"):
    answers: ClassVar = frozenset({Rows})
    address: str

    async def ask(self, query, asking):
        return Table(observed_at=asking.now, columns={})


class Horn(Receiver, type="horn"):
    pitch: int

    async def send(self, notification, receipt):
        return Receipt(self.name, notification.subject, notification.at)
"""
ENTRY_POINTS = """
[monitor.kinds]
tide = seaside:Tide

[monitor.sources]
gauge = seaside:Gauge

[monitor.receivers]
horn = seaside:Horn
"""
CONFIG = """
sources: {pier: {type: gauge, address: "1.2.3"}}
receivers: {tower: {type: horn, pitch: 3}}
maintainers: {wardens: {receivers: [tower]}}
on_call: {receivers: [tower]}
"""
CHECK = """
checks:
  high-water: {kind: tide, source: pier, harbour: west, maintainer: wardens, warn: 4.5}
"""


def lint(folder: Path, *paths: Path) -> tuple[int, dict[str, object]]:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))}
    program = "from monitor.cli.lint import lint; lint()"
    done = subprocess.run(
        [sys.executable, "-c", program, "--json"],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, json.loads(done.stdout)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.long
def test_a_check_may_use_a_kind_source_and_receiver_of_an_outside_package(tmp_path: Path) -> None:
    site, package = tmp_path / "site", tmp_path / "package"
    write(site / "config.yaml", CONFIG)
    write(site / "checks/sea/tides.yaml", CHECK)
    write(package / "seaside.py", PLUGIN)
    metadata = package / "seaside-1.0.dist-info"
    write(metadata / "METADATA", "Metadata-Version: 2.1\nName: seaside\nVersion: 1.0\n")
    write(metadata / "entry_points.txt", ENTRY_POINTS)
    here = Path(__file__).parents[2]
    assert lint(site, here, package) == (0, {"errors": [], "warnings": [], "checks": 1})
    code, found = lint(site, here)
    assert code == 1
    assert "unknown kind 'tide'" in json.dumps(found)
