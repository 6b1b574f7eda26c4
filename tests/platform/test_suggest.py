"""`monitor suggest` on a real Prometheus that holds a week of a small service."""

import random
import shutil
import subprocess
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from monitor.cli.main import cli
from monitor.engine.clock import SystemClock
from tests.platform.conftest import _run
from tests.platform.stack.prometheus import PrometheusServer

pytestmark = pytest.mark.platform
STEP = timedelta(minutes=1)
DAYS = 8
CONFIG = """
sources: {{prom: {{type: prometheus, url: "{url}", maintainer: data}}}}
receivers: {{box: {{type: console}}}}
maintainers: {{data: {{receivers: [box]}}}}
on_call: {{receivers: [box]}}
"""


def exposition(end: datetime) -> str:
    """Write a week as OpenMetrics: a queue of 10 to 20, failures, one counter that stands still."""
    rng = random.Random(7)  # noqa: S311  # a seeded draw
    families: dict[str, list[str]] = {
        name: [f"# TYPE {name} {kind}"]
        for name, kind in (
            ("up", "gauge"),
            ("queue_length", "gauge"),
            ("temperature_celsius", "gauge"),
            ("request_failures", "counter"),
            ("write_errors", "counter"),
        )
    }
    failures, at = 0, end - timedelta(days=DAYS)
    while at <= end:
        second, failures = int(at.timestamp()), failures + rng.randint(0, 12)
        for name, value in (
            ("up", 1.0),
            ("queue_length", 10 + 10 * rng.random()),
            ("temperature_celsius", 20),
            ("request_failures_total", failures),
            ("write_errors_total", 0),
        ):
            family = families[name.removesuffix("_total")]
            family.append(f'{name}{{job="ranker"}} {value} {second}')
        at += STEP
    return "\n".join(line for lines in families.values() for line in lines) + "\n# EOF\n"


@pytest.fixture
def server(pytestconfig: pytest.Config, tmp_path: Path) -> Iterator[PrometheusServer]:
    work = tmp_path / "prometheus"
    work.mkdir()
    if PrometheusServer.lacks() is None:
        assert shutil.which("promtool") is not None
        end = SystemClock().now().replace(second=0, microsecond=0)
        (work / "week.om").write_text(exposition(end))
        command = ["promtool", "tsdb", "create-blocks-from", "openmetrics"]
        subprocess.run([*command, "week.om", "tsdb"], cwd=work, check=True, capture_output=True)
    yield from _run(PrometheusServer(work), pytestconfig)


def test_up_gauges_and_counters_are_proposed_with_limits_of_their_week(
    server: PrometheusServer, tmp_path: Path
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG.format(url=server.url))
    checks = tmp_path / "checks" / "data.yaml"
    checks.parent.mkdir()
    checks.write_text("checks: {}\n")
    asked = CliRunner().invoke(cli, ["suggest", "prom", "--config", str(config), "--days", "1"])
    assert asked.exit_code == 0, asked.output
    text = asked.output.replace("CHANGE-ME", "data")
    assert "query: min by (job) (up)" in text
    assert "query: max by (job) (queue_length)" in text
    assert "warn: {value: 40, for: 5m}" in text
    assert "query: sum by (job) (rate(request_failures_total[5m]))" in text
    assert "query: sum by (job) (rate(write_errors_total[5m]))" in text
    assert "temperature" not in text
    assert text.count("in the last 1 days: would have paged 0, warned 0") == 4
    checks.write_text(text)
    linted = CliRunner().invoke(cli, ["lint", "--config", str(config)])
    assert (linted.exit_code, linted.output.splitlines()[-1]) == (0, "4 checks, 0 problems")
