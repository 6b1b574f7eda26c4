import json
import subprocess
import sys
from typing import Any

import pytest

pytestmark = pytest.mark.alone
"""A whole day takes ten seconds."""


@pytest.fixture(scope="module")
def day() -> dict[str, Any]:
    command = [sys.executable, "-m", "monitor", "demo", "--once", "--json"]
    done = subprocess.run(command, capture_output=True, check=True, text=True, timeout=120)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def alert(day: dict[str, Any], check: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in day["alerts"] if one["check"] == check)
    return found


@pytest.mark.parametrize(
    ("check", "maintainer", "receiver", "is_over"),
    [
        ("impressions-drop", "recsys", "recsys-slack", True),
        ("opt-outs-rise", "recsys", "recsys-slack", False),
        ("predict-latency", "ml-serving", "serving-slack", True),
        ("trino-adhoc-load", "data-platform", "platform-slack", True),
        ("impressions-fresh", "data-platform", "platform-slack", False),
        ("exec-dashboard-fresh", "analytics", "analytics-slack", False),
        ("attribution-fresh", "growth", "growth-slack", False),
    ],
)
def test_what_went_wrong_reached_its_owner(
    day: dict[str, Any], check: str, maintainer: str, receiver: str, is_over: bool
) -> None:
    found = alert(day, check)
    assert (found["maintainer"], found["receiver"]) == (maintainer, receiver)
    assert (found["resolved_at"] is not None) is is_over


def test_only_the_slices_that_fell_are_told(day: dict[str, Any]) -> None:
    fell = [one["slice"]["model"] for one in day["alerts"] if one["check"] == "impressions-drop"]
    assert set(fell) == {"watch"}
    assert alert(day, "opt-outs-rise")["slice"] == {"model": "ctr", "variant": "B"}


def test_the_stale_dashboard_is_in_the_incident_of_the_pipeline(day: dict[str, Any]) -> None:
    cause = alert(day, "impressions-fresh")["incident"]
    assert alert(day, "exec-dashboard-fresh")["incident"] == cause


def test_exactly_the_missing_hours_are_named(day: dict[str, Any]) -> None:
    (incident,) = [i for i in day["incidents"] if i["incident"]["check"] == "impressions-fresh"]
    (gap,) = incident["members"][0]["gaps"]
    assert gap["partitions"] == [f"2026-11-23T{hour}:00" for hour in (19, 20, 21, 22)]


def test_the_storm_names_who_holds_the_cluster(day: dict[str, Any]) -> None:
    (incident,) = [i for i in day["incidents"] if i["incident"]["check"] == "trino-adhoc-load"]
    top = incident["members"][0]["evidence"]["holders"][0]
    assert (top["user"], top["source"]) == ("superset", "Apache Superset")


def test_the_digest_tells_it_and_does_not_say_all_clear(day: dict[str, Any]) -> None:
    digest = day["digest"]
    assert digest["mood"] == "open"
    assert digest["coverage"]["due"] == 12
    assert digest["coverage"]["not_run"] == []
    cells = {(c["metric"], tuple(map(tuple, c["slice"]))): c for c in digest["metrics"]}
    rise = cells["opt_outs", (("model", "ctr"), ("variant", "B"))]
    assert rise["change"] > 0.4


def test_nobody_owes_the_monitor_itself_a_maintainer(day: dict[str, Any]) -> None:
    assert day["digest"]["unowned"] == []


def test_the_small_query_that_times_the_cluster_is_answered(day: dict[str, Any]) -> None:
    (incident,) = [i for i in day["incidents"] if i["incident"]["check"] == "trino-adhoc-load"]
    assert "SELECT 1 fails" not in json.dumps(incident)
