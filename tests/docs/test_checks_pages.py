"""The pages about checks: the generated one is fresh, and what the other shows works."""

import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from monitor.cli.main import cli
from monitor.config.load import load
from monitor.config.plugins import load_plugins
from monitor.config.reference import reference_page

ROOT = Path(__file__).parents[2]
HOW_TO = ROOT / "docs" / "how-to" / "a-check-of-your-own.md"
REFERENCE = ROOT / "docs" / "reference" / "checks.md"


def blocks(language: str, page: Path = HOW_TO) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(), flags=re.DOTALL)


def test_the_reference_is_fresh() -> None:
    load_plugins()
    assert REFERENCE.read_text() == reference_page(), (
        "run: monitor schema --reference > docs/reference/checks.md"
    )


@pytest.mark.parametrize("page", [HOW_TO, REFERENCE], ids=["how-to", "reference"])
def test_every_check_that_is_shown_can_be_used(page: Path, tmp_path: Path) -> None:
    shutil.copy(ROOT / "config.yaml", tmp_path)
    shown = [block for block in blocks("yaml", page) if "kind:" in block]
    assert shown
    for number, block in enumerate(shown):
        folder = tmp_path / f"checks-{number}" / "recsys"
        folder.mkdir(parents=True)
        (folder / "rows").mkdir()
        (folder / "rows" / "few.csv").write_text(blocks("csv")[0])
        text = block if block.startswith("defaults") else "checks:\n" + re.sub("(?m)^", "  ", block)
        (folder / "a.yaml").write_text(text)
        config = (tmp_path / "config.yaml").read_text()
        (tmp_path / f"{number}.yaml").write_text(
            config.replace("checks: checks/", f"checks: checks-{number}/")
        )
        plan = load(tmp_path / f"{number}.yaml", {})
        assert plan.problems == (), block
        assert plan.checks, block


def test_the_test_that_is_shown_passes(tmp_path: Path) -> None:
    shutil.copy(ROOT / "config.yaml", tmp_path)
    folder = tmp_path / "checks" / "recsys"
    (folder / "rows").mkdir(parents=True)
    (folder / "rows" / "few.csv").write_text(blocks("csv")[0])
    (folder / "a.yaml").write_text(next(one for one in blocks("yaml") if "tests:" in one))
    result = CliRunner().invoke(cli, ["test", "--config", str(tmp_path / "config.yaml")])
    assert result.output == (
        "right  rows-of-ctr at 2026-10-02T14:00+0530: page\n1 tests, 0 failed\n"
    )


def test_every_command_that_is_shown_exists() -> None:
    shown = re.findall(r"monitor ([a-z]+)", "\n".join(blocks("sh")))
    assert {"lint", "check", "backtest", "explain", "plan"} <= set(shown)
    for name in set(shown):
        assert CliRunner().invoke(cli, [name, "--help"]).exit_code == 0
