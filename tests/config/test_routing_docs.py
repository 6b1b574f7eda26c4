import re
from pathlib import Path

import yaml

from monitor.cli.explain_labels import Explanation
from monitor.config.interval_file import IntervalSection
from monitor.config.route_file import read_route_file
from monitor.config.routing import InhibitSection, RouteSection
from monitor.engine.clock import SystemClock

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "routing.md"


def example(tmp_path: Path) -> Path:
    (block,) = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    path = tmp_path / "config.yaml"
    path.write_text(block)
    return path


def test_the_example_of_the_page_is_read_without_a_problem(tmp_path: Path) -> None:
    read = read_route_file(example(tmp_path), {})
    assert read.problems == ()
    assert read.people.on_call.overrides
    assert read.people.on_call.escalation
    office = read.routing.time_intervals["office"][0]
    assert office.calendar is not None
    labels = {"maintainer": "recsys", "severity": "page", "kind": "freshness"}
    told = "\n".join(Explanation(labels, SystemClock().now(), read).lines())
    assert "oncall-slack, by the route at" in told


def test_every_key_of_the_routing_is_on_the_page() -> None:
    text = PAGE.read_text()
    for section in (RouteSection, InhibitSection, IntervalSection):
        for name, field in section.model_fields.items():
            assert re.search(rf"\b{field.alias or name}\b", text), name


def test_the_example_is_plain_yaml(tmp_path: Path) -> None:
    assert "route" in yaml.safe_load(example(tmp_path).read_text())
