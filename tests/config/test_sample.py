"""The sample of the design, word for word: nine kinds of checks in less than sixty lines."""

import shutil
from pathlib import Path

from click.testing import CliRunner

from monitor.api import Limit
from monitor.cli.test import test as run_tests
from monitor.config.load import load
from monitor.core.model import Hold, Tier

SAMPLE = Path(__file__).parent / "sample"
ENV = dict.fromkeys(
    ("TRINO_PASSWORD", "SLACK_TOKEN", "SLACK_APP_TOKEN", "JSM_KEY", "HOOK_SECRET"), "x"
)
MOST_LINES = 60


def test_the_whole_sample_loads() -> None:
    plan = load(SAMPLE / "config.yaml", ENV)
    assert plan.problems == ()
    assert plan.warnings == ()
    assert sorted(plan.checks) == [
        "impressions-drop",
        "impressions-fresh",
        "opt-outs-rise",
        "predict-latency",
        "rows-ctr",
        "rows-cvr",
        "rows-watch",
        "train-ctr",
        "trino-adhoc-load",
    ]


def test_the_nine_checks_fit_sixty_lines() -> None:
    texts = [path.read_text() for path in SAMPLE.rglob("checks/**/*.yaml")]
    lines = [line.strip() for text in texts for line in text.splitlines()]
    assert len([line for line in lines if line and not line.startswith("#")]) <= MOST_LINES


def test_what_is_written_is_what_is_meant() -> None:
    checks = load(SAMPLE / "config.yaml", ENV).checks
    rises = checks["opt-outs-rise"]
    assert {rule.tier: rule.limits[0].bound for rule in rises.tiers} == {
        Tier.WARN: 0.10,
        Tier.PAGE: 0.50,
    }
    assert rises.tiers[1].hold == Hold(needed=2, window=3)
    assert rises.wake
    latency: dict[str, Limit] = {
        limit.measure: limit for rule in checks["predict-latency"].tiers for limit in rule.limits
    }
    assert latency["burn_fast"].bound == 14.4
    assert checks["rows-ctr"].maintainer == "recsys"
    assert checks["trino-adhoc-load"].maintainer == "data-platform"


def test_the_tests_of_the_sample_pass(tmp_path: Path) -> None:
    shutil.copytree(SAMPLE, tmp_path / "sample")
    config = tmp_path / "sample" / "config.yaml"
    result = CliRunner().invoke(run_tests, ["--config", str(config)], env=ENV)
    assert result.exit_code == 0, result.output
    assert "3 tests, 0 failed" in result.output
