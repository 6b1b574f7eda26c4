from datetime import UTC, datetime
from pathlib import Path

import pytest

from monitor.api import Source, SourceError
from monitor.config.load import Loader
from tests.config.conftest import CONFIG, Site

KPI = CONFIG.replace("sources:\n", 'sources:\n  kpi: {type: sql, url: "sqlite:///x.db"}\n', 1)
LONG = """\
checks:
  rows-{{ model }}:
    for_each: {model: [ctr]}
    kind: threshold
    source: kpi
    query_file: sql/rows.sql
    warn: 5
    tests:
      - {at: "2026-10-02T14:00", rows: fixtures/a.csv, expect: page, slice: {model: ctr}}
"""


@pytest.fixture
def files(site: Site) -> Site:
    site.config(KPI).write("checks/recsys/sql/rows.sql", "select '{{ model }}' as value\n")
    return site.write("checks/recsys/fixtures/a.csv", "value\n1\n").checks(LONG)


def test_a_long_query_lies_in_a_file_of_its_own(files: Site) -> None:
    plan = files.load()
    assert plan.problems == ()
    assert plan.checks["rows-ctr"].check.model_dump()["query"] == "select 'ctr' as value\n"


def test_a_test_knows_its_moment_in_the_zone_of_the_check(files: Site) -> None:
    (test,) = files.load().checks["rows-ctr"].tests
    assert test.at.astimezone(UTC) == datetime(2026, 10, 2, 8, 30, tzinfo=UTC)
    assert (test.rows.name, test.expect, test.slice) == ("a.csv", "page", (("model", "ctr"),))


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ("sql/rows.sql", "sql/row.sql", "6:17: 'query_file' of check 'rows-ctr' names"),
        ("sql/rows.sql", "../../config.yaml", "must name a file below"),
        ("query_file: ", "query: select 1\n    query_file: ", "7:5: check 'rows-ctr' has both"),
        ("fixtures/a.csv", "fixtures/b.csv", "9:40: 'rows' of check 'rows-ctr' names"),
        ("2026-10-02T14:00", "noon", "9:14: 'at' of a test of check 'rows-ctr': 'noon' is no"),
        ("expect: page", "expect: pge", "must be 'ok', 'warn', 'page', 'no_data', 'error'"),
        ("expect: page", "expct: page", "unknown key 'expct' in 'tests.0'"),
    ],
)
def test_a_wrong_file_is_refused(files: Site, old: str, new: str, wanted: str) -> None:
    lines = files.checks(LONG.replace(old, new)).lines()
    assert any(wanted in line for line in lines), lines


def test_a_file_that_is_missing_names_the_nearest_one(files: Site) -> None:
    (line,) = files.checks(LONG.replace("sql/rows.sql", "sql/row.sql")).lines()
    assert line.endswith("did you mean 'sql/rows.sql'?")


def test_a_kind_without_a_query_has_no_query_file(files: Site) -> None:
    keys = "source: kpi, table: t, column: c, warn: 1h, query_file: x"
    (line,) = files.checks(f"checks: {{a: {{kind: freshness, {keys}}}}}").lines()
    assert line.endswith("kind 'freshness' has no query, and so no 'query_file'")


FOUND = """\
checks:
  rows-{{ model }}:
    for_each: {model: {source: kpi, query: select distinct model from kpi}}
    kind: threshold
    source: kpi
    query: select '{{ model }}' as value
    warn: 5
"""


def asking(path: Path, *values: str, error: SourceError | None = None) -> Loader:
    def ask(_source: Source, query: str) -> tuple[str, ...]:
        assert query == "select distinct model from kpi"
        if error is not None:
            raise error
        return values

    return Loader(path, {}, ask)


def test_a_query_finds_the_values_of_for_each(files: Site) -> None:
    files.checks(FOUND)
    plan = asking(files.root / "config.yaml", "ctr", "cvr", "ctr").load()
    assert plan.problems == ()
    assert list(plan.checks) == ["rows-ctr", "rows-cvr"]
    assert plan.asks


def test_without_anybody_to_ask_the_definition_is_checked_and_nothing_runs(files: Site) -> None:
    assert files.checks(FOUND).load().checks == {}
    assert files.load().problems == ()
    (line,) = files.checks(FOUND.replace("warn: 5", "warn: many")).lines()
    assert "checks/recsys/a.yaml:7:11" in line


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ((), "found nothing in 'kpi'"),
        (tuple(map(str, range(1001))), "makes 1001 checks; the most is 1000"),
        (("a b",), "'rows-a b' is no id of a check"),
    ],
)
def test_values_that_cannot_be_used_are_refused(
    files: Site, values: tuple[str, ...], wanted: str
) -> None:
    files.checks(FOUND)
    plan = asking(files.root / "config.yaml", *values).load()
    assert any(wanted in str(problem) for problem in plan.problems)


def test_checks_that_were_found_go_on_while_the_source_cannot_be_asked(files: Site) -> None:
    files.checks(FOUND)
    before = asking(files.root / "config.yaml", "ctr", "cvr").load()
    error = SourceError("timeout", "no answer")
    now = asking(files.root / "config.yaml", error=error).load(before)
    assert list(now.checks) == ["rows-ctr", "rows-cvr"]
    (problem,) = now.problems
    assert "could not be found (timeout): no answer" in problem.message


def test_a_query_that_writes_is_refused_at_its_place(files: Site) -> None:
    text = FOUND.replace("select '{{ model }}' as value", "delete from kpi")
    (line,) = files.checks(text).lines()
    assert line.startswith("checks/recsys/a.yaml:6:12: source 'kpi' would refuse the query of")


def test_a_window_that_the_kind_does_not_have_is_refused_at_its_place(files: Site) -> None:
    """It would be an error at each look."""
    text = FOUND.replace("as value", "as value where now() > {{ since }}")
    (line,) = files.checks(text).lines()
    assert line.startswith("checks/recsys/a.yaml:6:12: source 'kpi' would refuse the query of")
    assert line.endswith("the text has {{ since }}, but this kind has no window")


def test_a_name_in_a_query_that_nothing_fills_is_named_at_its_place(files: Site) -> None:
    """It would be asked as it stands: no row has that model, for ever."""
    text = FOUND.replace("{source: kpi, query: select distinct model from kpi}", "[ctr]")
    (line,) = files.checks(text.replace("'{{ model }}'", "'{{ modle }}'")).lines()
    assert "a.yaml:6:12: the query of check 'rows-ctr' has {{ modle }}, which nothing" in line
