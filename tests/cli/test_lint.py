import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from monitor.cli.lint import lint

SHIPPED = Path(__file__).parents[2] / "config.yaml"
CONFIG = """\
sources: {db: {type: sql, url: "sqlite:///x.db"}}
receivers: {hook: {type: webhook, url: "http://127.0.0.1:9/x"}}
maintainers: {recsys: {receivers: [hook]}}
on_call: {receivers: [hook]}
"""
CHECK = """\
checks:
  rows: {kind: threshold, source: db, query: select 1 as value, warn: 5, maintaner: recsys}
"""


def run(*words: str) -> Result:
    return CliRunner().invoke(lint, words)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.yaml").write_text(CONFIG)
    (tmp_path / "checks").mkdir()
    (tmp_path / "checks" / "a.yaml").write_text(CHECK)
    return tmp_path


def test_the_shipped_configuration_is_clean() -> None:
    result = run("--config", str(SHIPPED))
    assert result.output.endswith("12 checks, 0 problems\n"), result.output
    assert result.exit_code == 0


def test_a_problem_is_a_line_with_its_place_and_exit_one(folder: Path) -> None:
    result = run("--config", str(folder / "config.yaml"))
    assert result.exit_code == 1
    first, last = result.output.splitlines()
    assert first.startswith(f"{folder}/checks/a.yaml:2:74: unknown key 'maintaner'")
    assert first.endswith("; did you mean 'maintainer'?")
    assert last == "0 checks, 1 problem"


def test_json_says_the_same_to_scripts(folder: Path) -> None:
    result = run("--config", str(folder / "config.yaml"), "--json")
    assert result.exit_code == 1
    assert json.loads(result.output) == {
        "errors": [
            {
                "file": f"{folder}/checks/a.yaml",
                "line": 2,
                "column": 74,
                "message": "unknown key 'maintaner' in check 'rows' of kind 'threshold'",
                "suggestion": "maintainer",
                "check": "rows",
            }
        ],
        "warnings": [],
        "checks": 0,
    }


def test_a_configuration_that_cannot_be_used_is_listed_too(folder: Path) -> None:
    (folder / "config.yaml").write_text(CONFIG.replace("on_call:", "oncall:"))
    result = run("--config", str(folder / "config.yaml"), "--json")
    assert result.exit_code == 1
    messages = [error["message"] for error in json.loads(result.output)["errors"]]
    assert "unknown key 'oncall' in the configuration" in messages
    assert any(message.startswith("on_call needs receivers") for message in messages)


def test_a_file_that_is_not_there_is_wrong_use(tmp_path: Path) -> None:
    assert run("--config", str(tmp_path / "nothing.yaml")).exit_code == 2


def test_github_and_sarif_name_the_same_place(folder: Path) -> None:
    result = run("--config", str(folder / "config.yaml"), "--format", "github")
    assert result.output == (
        f"::error file={folder}/checks/a.yaml,line=2,col=74::unknown key 'maintaner' in check "
        "'rows' of kind 'threshold'; did you mean 'maintainer'?\n"
    )
    sarif = json.loads(run("--config", str(folder / "config.yaml"), "--format", "sarif").output)
    (found,) = sarif["runs"][0]["results"]
    place = found["locations"][0]["physicalLocation"]
    assert (found["level"], place["region"]) == ("error", {"startLine": 2, "startColumn": 74})
    assert place["artifactLocation"]["uri"] == (folder / "checks/a.yaml").as_uri()


def test_a_warning_is_shown_and_only_strict_fails_on_it(folder: Path) -> None:
    (folder / "checks" / "a.yaml").write_text(CHECK.replace(", maintaner: recsys", ""))
    result = run("--config", str(folder / "config.yaml"))
    assert result.exit_code == 0
    assert f"{folder}/checks/a.yaml:2:3: warning: nobody owns check 'rows'" in result.output
    assert result.output.endswith("1 check, 0 problems, 1 warning\n")
    assert run("--config", str(folder / "config.yaml"), "--strict").exit_code == 1


def test_files_narrow_what_is_written(folder: Path) -> None:
    (folder / "checks" / "b.yaml").write_text("check: {}\n")
    result = run("--config", str(folder / "config.yaml"), str(folder / "checks" / "b.yaml"))
    assert "unknown key 'check'" in result.output
    assert "maintaner" not in result.output


def test_colours_are_for_terminals_only(folder: Path) -> None:
    words = ("--config", str(folder / "config.yaml"))
    assert "\x1b[" not in run(*words).output
    assert "\x1b[" in CliRunner().invoke(lint, words, color=True).output


def test_templates_of_ones_own_are_tried_on_samples(folder: Path) -> None:
    (folder / "config.yaml").write_text(CONFIG + "templates: mine\n")
    (folder / "mine" / "slack" / "digest").mkdir(parents=True)
    (folder / "mine" / "slack" / "digest" / "default.j2").write_text("\n{{ digst.name }}")
    result = run("--config", str(folder / "config.yaml"))
    assert result.exit_code == 1
    assert (
        "default.j2:2:1: template 'slack/digest/default.j2': 'digst' is undefined" in result.output
    )
