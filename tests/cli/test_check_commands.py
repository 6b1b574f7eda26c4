"""The commands that help to write checks, on a small real warehouse."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from monitor.cli.main import cli
from monitor.cli.verdicts import evidence_text
from monitor.config.platform_file import KEYS
from tests.cli.site import CHECKS, NOW, write_site


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_site(tmp_path_factory.mktemp("site"))


@pytest.fixture
def checks(config: Path) -> Any:
    """Give the file of checks away; put it back afterwards."""
    path = config.parent / "checks" / "recsys" / "a.yaml"
    yield path
    path.write_text(CHECKS)


def run(config: Path, *words: str) -> Result:
    return CliRunner().invoke(cli, [*words, "--config", str(config)])


def plain(config: Path, *words: str) -> Any:
    result = run(config, *words, "--json")
    assert result.exit_code in {0, 1}, result.output
    return json.loads(result.output)


# check


def test_check_looks_now_and_shows_the_evidence(config: Path) -> None:
    result = run(config, "check", "rows")
    assert result.exit_code == 0
    assert "value 1,920" in result.output
    assert "select count(*) as value from kpi" in result.output
    assert not (config.parent / "monitor.db").exists()


def test_evidence_is_one_line_a_value_and_what_is_longer_is_in_the_json() -> None:
    chart = {"start": "2026-11-03", "value": [1.0] * 672}
    assert evidence_text(13675.593472140265) == "13675.6"
    assert evidence_text("daily") == '"daily"'
    assert evidence_text(chart) == "start, value (--json shows them)"
    text = evidence_text(["2026-12-01"] * 99)
    assert text.startswith('["2026-12-01", "2026')
    assert text.endswith(" ... (--json shows all)")


def test_check_exits_one_for_what_is_not_fine(config: Path, checks: Path) -> None:
    checks.write_text(CHECKS.replace("warn: 10", "warn: 5000"))
    found = plain(config, "check", "rows")
    assert (found["outcome"], found["slices"][0]["breach"]) == (
        "warn",
        {"measure": "value", "bound": 5000.0},
    )
    assert run(config, "check", "rows").exit_code == 1


def test_a_check_that_is_not_there_is_wrong_use_with_the_nearest_name(config: Path) -> None:
    result = run(config, "check", "rosw")
    assert result.exit_code == 2
    assert "there is no check 'rosw'; did you mean 'rows'?" in result.output


def test_a_check_with_problems_says_them(config: Path, checks: Path) -> None:
    checks.write_text(CHECKS.replace("bad: below", "bad: bellow"))
    result = run(config, "check", "rows")
    assert result.exit_code == 2
    assert "did you mean 'below'?" in result.output


# test


def test_tests_of_checks_pass_and_fail(config: Path, checks: Path) -> None:
    assert plain(config, "test")["failed"] == 0
    checks.write_text(CHECKS.replace("few.csv, expect: warn", "few.csv, expect: ok"))
    found = plain(config, "test", "rows")
    assert [(one["expected"], one["got"]) for one in found["tests"]] == [
        ("ok", "warn"),
        ("page", "page"),
    ]
    assert run(config, "test").exit_code == 1
    assert "expected ok, got warn" in run(config, "test").output


def test_a_breach_must_hold_in_a_test_as_in_the_daemon(config: Path, checks: Path) -> None:
    rows = config.parent / "checks" / "recsys" / "rows" / "hours.csv"
    lines = [f"2026-10-02T{hour:02}:00,{0 if hour >= 13 else 50}" for hour in range(24)]
    rows.write_text("\n".join(["at,queued", *lines]))
    text = """\
checks:
  loads:
    kind: freshness
    source: kpi
    table: t
    column: at
    every: 1h
    warn: {age: 2h, for: 3 of 3}
    tests:
      - {at: "2026-10-03T02:00", rows: rows/hours.csv, expect: pending}
      - {at: "2026-10-03T04:00", rows: rows/hours.csv, expect: warn}
      - {at: "2026-10-02T20:00", rows: rows/hours.csv, expect: ok}
"""
    checks.write_text(text)
    found = plain(config, "test")
    assert [one["got"] for one in found["tests"]] == ["pending", "warn", "ok"]


# backtest


@pytest.mark.long
def test_a_backtest_finds_the_drop_and_when_it_was(config: Path) -> None:
    found = plain(config, "backtest", "drop", "--days", "20")
    (alert,) = found["alerts"]
    assert (found["paged"], found["warned"]) == (1, 0)
    assert (alert["slice"], alert["measure"]) == ({"model": "ctr"}, "drop")
    assert found["looks"] == 24 * 20
    assert alert["fired_at"] < alert["resolved_at"]


def test_a_backtest_of_freshness_pages_for_the_late_load(config: Path) -> None:
    found = plain(config, "backtest", "fresh", "--days", "20")
    assert (found["paged"], found["warned"]) == (1, 0)
    assert found["notes"] == ["rows count from their own time on, not from when they arrived"]


@pytest.mark.long
def test_a_backtest_never_looks_ahead(config: Path, checks: Path) -> None:
    """What came after a day cannot change what was told on it."""
    before = plain(config, "backtest", "drop", "--days", "20")
    query = "select hour as t, model, sum({{ value }}) as value from kpi where hour >= {{ since }}"
    later = f"hour >= datetime('{NOW.isoformat(sep=' ')}', '-3 days')"
    changed = query.replace(
        "{{ value }}", f"{{{{ value }}}} * case when {later} then 0.1 else 1 end"
    )
    assert query in CHECKS
    checks.write_text(CHECKS.replace(query, changed))
    after = plain(config, "backtest", "drop", "--days", "20")
    assert after["alerts"][0] == before["alerts"][0]
    assert len(after["alerts"]) > 1


@pytest.mark.long
def test_what_keeps_no_history_cannot_be_replayed(config: Path) -> None:
    result = run(config, "backtest", "rows")
    assert result.exit_code == 1
    assert "cannot be asked about the past: the query has no {{ since }}" in result.output


def test_a_backtest_needs_a_check_or_a_file() -> None:
    assert CliRunner().invoke(cli, ["backtest"]).exit_code == 2


# explain


def test_explain_names_the_origin_of_every_setting_and_who_is_told(config: Path) -> None:
    found = plain(config, "explain", "drop", "--at", "2026-11-25T23:00")
    file = config.parent / "checks" / "recsys" / "a.yaml"
    every = found["settings"]["every"]
    assert every == {"value": "1h", "origin": f"{file}:1:45, defaults of the file or a sibling"}
    assert found["settings"]["bucket"]["origin"] == "kind anomaly"
    assert found["settings"]["timezone"]["origin"] == "config.yaml"
    assert [one["receiver"] for one in found["told"]["warn"]] == ["chat"]
    chat, pager = found["told"]["page"]
    assert (chat["now"], pager["page"], pager["now"]) == (True, True, False)
    assert "outside the hours" in pager["why"]
    assert len(found["next_looks"]) == 3


def test_explain_in_words(config: Path) -> None:
    result = run(config, "explain", "rows", "--at", "2026-11-25T12:00")
    assert result.exit_code == 0
    assert "value below 3, for 5m" in result.output
    assert "Told of tier page, if it fired Wed 2026-11-25 12:00:00 UTC:" in result.output
    assert "pager: as a page\n" in result.output
    assert "slices           min_value: 0, max: 500, report: 5  (kind threshold)\n" in result.output


# plan


def git(folder: Path, *words: str) -> None:
    user = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    subprocess.run(["git", "-C", str(folder), *user, *words], check=True, capture_output=True)


def test_plan_says_what_a_change_adds_alters_and_silences(tmp_path: Path) -> None:
    config = write_site(tmp_path)
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "config.yaml", "checks")
    git(tmp_path, "commit", "-qm", "first")
    assert plain(config, "plan")["altered"] == []
    path = tmp_path / "checks" / "recsys" / "a.yaml"
    new = CHECKS.replace("  fresh:", "  fresher:").replace("warn: 10", "warn: 5")
    path.write_text(new)
    found = plain(config, "plan")
    assert [one["check"] for one in found["added"]] == ["fresher"]
    assert found["added"][0]["receivers"] == ["chat", "pager"]
    assert found["altered"] == [
        {"check": "rows", "changes": {"warn": ["value below 10", "value below 5"]}}
    ]
    assert found["removed"] == ["fresh"]
    assert found["silences"] == [
        "fresh: removed; its alerts end as 'check removed'",
        "rows: warn: value below 5, before 10",
    ]
    text = run(config, "plan", "--against", "HEAD").output
    assert "1 added, 1 altered, 1 removed, against HEAD" in text
    path.write_text(new.replace("kind: threshold", "kind: treshold"))
    assert run(config, "plan").exit_code == 1
    assert run(config, "plan", "--against", "nonsense").exit_code == 2


FOUND = """\
checks:
  n-{{ model }}:
    for_each: {model: {source: kpi, query: select distinct model from kpi}}
    kind: threshold
    source: kpi
    query: select 1 as value
    warn: 5
"""


def test_plan_and_lint_ask_the_queries_of_for_each_when_told_to(tmp_path: Path) -> None:
    config = write_site(tmp_path)
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "config.yaml", "checks")
    git(tmp_path, "commit", "-qm", "first")
    path = tmp_path / "checks" / "recsys" / "b.yaml"
    path.write_text(FOUND)
    unasked = plain(config, "plan")
    assert (unasked["added"], unasked["unasked"]) == ([], ["n-{{ model }}"])
    asked = plain(config, "plan", "--ask")
    assert ([one["check"] for one in asked["added"]], asked["unasked"]) == (["n-ctr"], [])
    assert plain(config, "lint")["errors"] == []
    assert plain(config, "lint", "--ask")["checks"] == 4
    path.write_text(FOUND.replace("from kpi}", "from nowhere}"))
    assert plain(config, "lint")["errors"] == []
    (error,) = plain(config, "lint", "--ask")["errors"]
    assert (error["line"], error["check"]) == (3, "n-{{ model }}")
    assert "'model' in 'for_each' could not be found (missing)" in error["message"]


# schema


def test_the_schema_knows_every_kind_key_and_measure() -> None:
    found = json.loads(CliRunner().invoke(cli, ["schema"]).output)
    kinds = found["$defs"]["check"]["properties"]["kind"]["enum"]
    assert {"anomaly", "freshness", "threshold", "latency"} <= set(kinds)
    fresh = found["$defs"]["kind:freshness"]
    assert {"table", "partition", "ready_by", "every", "warn", "page"} <= set(fresh["properties"])
    assert fresh["additionalProperties"] is False
    tier = fresh["properties"]["warn"]["anyOf"][1]["properties"]
    assert {"age", "missing", "for"} <= set(tier)


def test_the_schema_of_the_configuration_has_every_section_and_what_is_below_a_route() -> None:
    found = json.loads(CliRunner().invoke(cli, ["schema", "--of", "config"]).output)
    assert set(found["properties"]) == set(KEYS)
    route = found["$defs"]["route"]["properties"]
    assert {"matchers", "continue", "group_by", "repeat_interval", "routes"} <= set(route)
    interval = found["properties"]["time_intervals"]["items"]["properties"]["time_intervals"]
    assert {"times", "weekdays", "location", "calendar"} <= set(interval["items"]["properties"])
    one = found["properties"]["sources"]["additionalProperties"]
    keys = {case["then"]["properties"]["type"]["const"]: case["then"] for case in one["allOf"]}
    assert "url" in keys["trino"]["properties"]
    assert keys["trino"]["additionalProperties"] is False
    told = found["properties"]["receivers"]["additionalProperties"]["allOf"]
    slack = next(c["then"] for c in told if c["then"]["properties"]["type"]["const"] == "slack")
    assert slack["required"] == ["channel"]  # the token may stand in `slack:`


def test_every_reference_of_the_schema_leads_somewhere() -> None:
    text = CliRunner().invoke(cli, ["schema"]).output
    found = json.loads(text)

    def references(node: Any) -> list[str]:
        if isinstance(node, dict):
            own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
            return own + [one for value in node.values() for one in references(value)]
        return [one for value in node for one in references(value)] if type(node) is list else []

    names = {one.removeprefix("#/$defs/") for one in references(found)}
    assert names - found["$defs"].keys() == set()


# suggest


@pytest.mark.long
def test_suggestions_fit_what_is_there_and_pass_lint(config: Path, checks: Path) -> None:
    checks.write_text("checks: {}\n")
    result = run(config, "suggest", "kpi", "--days", "10")
    assert result.exit_code == 0, result.output
    text = result.output.replace("CHANGE-ME", "recsys")
    for wanted in ("partition: {column: hour, grain: hour}", "column: at", "value: impressions"):
        assert wanted in text
    assert "in the last 10 days: would have paged" in text
    checks.write_text(text)
    found = plain(config, "lint")
    assert found["errors"] == []
    assert found["checks"] == 3


@pytest.mark.long
def test_what_is_checked_already_is_not_suggested_again(config: Path, checks: Path) -> None:
    checks.write_text(CHECKS.replace("  fresh:", "  loads-fresh:"))
    names = [one["check"] for one in plain(config, "suggest", "kpi", "--days", "3")["suggestions"]]
    assert "loads-fresh" not in names
    assert "kpi-fresh" in names


def test_a_source_that_is_not_there_is_wrong_use(config: Path) -> None:
    result = run(config, "suggest", "kpii")
    assert result.exit_code == 2
    assert "did you mean 'kpi'?" in result.output
