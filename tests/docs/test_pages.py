"""What the pages say is there: links, generated tables, metrics, the example of a plugin."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from monitor.config.platform_reference import platform_page
from monitor.config.plugins import load_plugins
from monitor.engine.metrics import Metrics

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", *DOCS.rglob("*.md")])
PLUGIN = DOCS / "how-to" / "a-plugin-of-your-own.md"
CONFIG = """
sources: {harbour: {type: harbour, address: "10.0.0.7:4000"}}
receivers: {tower: {type: horn}}
maintainers: {wardens: {receivers: [tower]}}
on_call: {receivers: [tower]}
defaults: {maintainer: wardens}
"""


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(), flags=re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_the_index_names_every_page() -> None:
    named = set(re.findall(r"\]\(([^)]+\.md)\)", (DOCS / "README.md").read_text()))
    for room in ("how-to", "reference", "explanation"):
        assert {f"{room}/{page.name}" for page in (DOCS / room).glob("*.md")} <= named


def test_the_page_of_the_configuration_is_fresh() -> None:
    load_plugins()
    assert (DOCS / "reference" / "configuration.md").read_text() == platform_page(), (
        "run: monitor schema --of config --reference > docs/reference/configuration.md"
    )


def test_every_key_of_the_configuration_is_described() -> None:
    load_plugins()
    bare = [line for line in platform_page().splitlines() if re.fullmatch(r"\| .* \|  \|", line)]
    assert bare == []


def test_every_metric_is_told_and_no_other() -> None:
    text = (DOCS / "reference" / "metrics.md").read_text()
    there = {
        f"{one.name}_total" if one.type == "counter" else one.name
        for one in Metrics().registry.collect()
    }
    assert set(re.findall(r"(?m)^\| `(monitor_\w+)`", text)) == there


@pytest.mark.long
def test_the_plugin_that_is_shown_is_found_and_asked(tmp_path: Path) -> None:
    site, package = tmp_path / "site", tmp_path / "package"
    (site / "checks" / "sea").mkdir(parents=True)
    (site / "config.yaml").write_text(CONFIG)
    (site / "checks" / "sea" / "ships.yaml").write_text(blocks(PLUGIN, "yaml")[0])
    info = package / "seaside-1.0.dist-info"
    info.mkdir(parents=True)
    (package / "seaside.py").write_text(blocks(PLUGIN, "python")[0])
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: seaside\nVersion: 1.0\n")
    points = re.sub(r'project\.entry-points\."([^"]+)"', r"\1", blocks(PLUGIN, "toml")[0])
    (info / "entry_points.txt").write_text(points.replace('"', ""))
    done = subprocess.run(
        [sys.executable, "-m", "monitor", "check", "ships-waiting", "--json"],
        cwd=site,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (ROOT, package)))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert '"waiting"' in json.dumps(found)
    assert "3.0" in json.dumps(found)
