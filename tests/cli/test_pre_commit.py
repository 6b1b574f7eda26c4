"""The hook that repositories of checks use."""

from pathlib import Path

import yaml
from click.testing import CliRunner

from monitor.cli.main import cli

HOOKS = Path(__file__).parents[2] / ".pre-commit-hooks.yaml"


def test_the_hook_runs_a_command_that_exists() -> None:
    (hook,) = yaml.safe_load(HOOKS.read_text())
    program, *words = hook["entry"].split()
    assert (hook["id"], program, hook["pass_filenames"]) == ("monitor-lint", "monitor", False)
    assert CliRunner().invoke(cli, [*words, "--help"]).exit_code == 0
