import json
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from monitor.cli.main import cli
from monitor.core.labels import labels_of
from monitor.store import open_store

CONFIG = """\
store: sqlite:///{folder}/monitor.db
sources: {{kpi: {{type: sql, url: "sqlite:///{folder}/kpi.db"}}}}
receivers: {{hook: {{type: webhook, url: "http://127.0.0.1:9/x"}}}}
maintainers: {{recsys: {{receivers: [hook]}}}}
on_call: {{receivers: [hook]}}
"""
CHECK = """\
checks:
  impressions-drop:
    kind: anomaly
    source: kpi
    maintainer: recsys
    query: select hour as t, model, sum({{ value }}) as value from kpi where hour >= {{ since }} group by 1, 2
    value: impressions
    bad: down
    warn: {drop: 12%}
  rows: {kind: threshold, source: kpi, query: select 1 as value, warn: 5, maintainer: recsys}
"""  # noqa: E501  # a line of YAML


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "config.yaml").write_text(CONFIG.format(folder=tmp_path))
    (tmp_path / "checks").mkdir()
    (tmp_path / "checks" / "a.yaml").write_text(CHECK)
    with sqlite3.connect(tmp_path / "kpi.db") as kpi:
        kpi.execute("create table kpi (hour text, model text, impressions integer)")
        hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)  # noqa: TID251  # the command reads the clock
        rows = [
            (f"{hour - timedelta(hours=i):%Y-%m-%d %H:%M:%S}", model, 1000 + i % 24)
            for i in range(1, 24 * 10)
            for model in ("ctr", "cvr")
        ]
        kpi.executemany("insert into kpi values (?, ?, ?)", rows)
    kpi.close()
    return tmp_path / "config.yaml"


def run(config: Path, *words: str) -> Result:
    return CliRunner().invoke(cli, ["history", *words, "--config", str(config)])


@pytest.mark.long
def test_the_season_is_fetched_and_what_can_be_found_is_said(config: Path) -> None:
    result = run(config, "backfill")
    assert result.exit_code == 0, result.output
    assert "impressions-drop: 2 slices" in result.output
    assert "still learning" in result.output


def test_an_accepted_level_is_stored_for_the_next_look(config: Path) -> None:
    result = run(
        config, "accept", "impressions-drop", "--slice", "model=ctr", "--by", "asha", "--json"
    )
    assert result.exit_code == 0, result.output
    assert json.loads(result.output)["slice"] == {"model": "ctr"}
    store = open_store(f"sqlite:///{config.parent / 'monitor.db'}")
    (rebase,) = store.metrics.rebases("impressions-drop")
    store.close()
    assert (rebase.slice, rebase.by) == (labels_of({"model": "ctr"}), "asha")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("accept", "rows"), "no check that remembers"),
        (("backfill", "rows"), "no check that remembers"),
        (("accept", "impressions-drop", "--slice", "ctr"), "write it as model=ctr"),
    ],
)
def test_wrong_use_is_named(config: Path, words: tuple[str, ...], says: str) -> None:
    result = run(config, *words)
    assert result.exit_code == 2
    assert says in result.output
