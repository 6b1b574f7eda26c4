import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from monitor.cli.route import route

CONFIG = """\
route:
  receiver: root
  group_by: [team]
  routes:
    - matchers: ['team="a"']
      receiver: a
      continue: true
      mute_time_intervals: [noon]
    - matchers: ['severity="page"']
      receiver: pager
      group_by: ['...']
receivers:
  - {name: root, webhook_configs: [{url: "http://127.0.0.1:9/x"}]}
  - {name: a}
  - {name: pager}
inhibit_rules:
  - {source_matchers: ['alertname="Down"'], target_matchers: ['team="a"'], equal: [cluster]}
time_intervals:
  - {name: noon, time_intervals: [{times: [{start_time: "12:00", end_time: "13:00"}]}]}
global: {resolve_timeout: 5m}
"""
OURS = """\
timezone: Europe/Berlin
receivers:
  chat: {type: slack, channel: "${NOT_SET}"}
  pager: {type: webhook}
  oncall: {type: slack}
maintainers:
  recsys:
    receivers: [chat]
    page: [pager]
    hours: {weekdays: "monday:friday", times: "09:00-17:00"}
on_call: {receivers: [oncall]}
"""


def run(tmp_path: Path, config: str, snapshot: object) -> Result:
    path = tmp_path / "routing.yaml"
    path.write_text(config)
    given = snapshot if isinstance(snapshot, str) else json.dumps(snapshot)
    return CliRunner().invoke(route, ["--config", str(path)], input=given)


def alerts(tmp_path: Path, config: str, snapshot: object) -> list[dict[str, Any]]:
    result = run(tmp_path, config, snapshot)
    assert result.exit_code == 0, (result.output, result.exception)
    found: list[dict[str, Any]] = json.loads(result.stdout)["alerts"]
    return found


def test_every_alert_comes_back_with_all_that_is_decided_about_it(tmp_path: Path) -> None:
    snapshot = {
        "at": "2026-11-25T12:30:00Z",
        "alerts": [
            {"labels": {"team": "a", "severity": "page", "cluster": "x", "none": ""}},
            {"labels": {"alertname": "Down", "cluster": "x"}},
        ],
        "silences": [
            {"matchers": ['team="b"']},
            {
                "matchers": ['team=~"a|b"', 'severity!=""'],
                "startsAt": "2026-11-25T12:30:00Z",
                "endsAt": "2026-11-25T13:00:00Z",
            },
        ],
    }
    assert alerts(tmp_path, CONFIG, snapshot) == [
        {
            "labels": {"team": "a", "severity": "page", "cluster": "x", "none": ""},
            "receivers": ["a", "pager"],
            "inhibited_by": [{"alertname": "Down", "cluster": "x"}],
            "silenced_by": [1],
            "muted_by": ["noon"],
            "groups": [
                {"receiver": "a", "key": '{}/{team="a"}:{team="a"}'},
                {
                    "receiver": "pager",
                    "key": '{}/{severity="page"}:{cluster="x", severity="page", team="a"}',
                },
            ],
        },
        {
            "labels": {"alertname": "Down", "cluster": "x"},
            "receivers": ["root"],
            "inhibited_by": [],
            "silenced_by": [],
            "muted_by": [],
            "groups": [{"receiver": "root", "key": "{}:{}"}],
        },
    ]


def test_an_alert_that_has_ended_inhibits_nothing(tmp_path: Path) -> None:
    snapshot = {
        "at": "2026-11-25T12:30:00Z",
        "alerts": [
            {"labels": {"team": "a"}},
            {"labels": {"alertname": "Down"}, "endsAt": "2026-11-25T12:30:00Z"},
        ],
    }
    assert alerts(tmp_path, CONFIG, snapshot)[0]["inhibited_by"] == []


def test_the_zero_time_of_go_is_no_end(tmp_path: Path) -> None:
    down = {"labels": {"alertname": "Down"}, "endsAt": "0001-01-01T00:00:00Z"}
    snapshot = {"at": "2026-11-25T12:30:00Z", "alerts": [{"labels": {"team": "a"}}, down]}
    assert alerts(tmp_path, CONFIG, snapshot)[0]["inhibited_by"] == [{"alertname": "Down"}]


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00", "9999-12-31T23:59:59-12:00"])
def test_any_moment_that_can_be_written_can_be_asked_about(tmp_path: Path, at: str) -> None:
    ours = OURS.replace("Europe/Berlin", "Asia/Kolkata")
    snapshot = {"at": at, "alerts": [{"labels": {"maintainer": "recsys"}}]}
    assert alerts(tmp_path, ours, snapshot)[0]["receivers"] == ["chat"]


def test_a_silence_may_be_written_as_alertmanagers_api_writes_it(tmp_path: Path) -> None:
    matchers = [
        {"name": "team", "value": "a|b", "isRegex": True, "isEqual": True},
        {"name": "severity", "value": "page", "isRegex": False, "isEqual": False},
    ]
    snapshot = {
        "alerts": [{"labels": {"team": "a"}}, {"labels": {"team": "a", "severity": "page"}}],
        "silences": [{"matchers": matchers}],
    }
    silenced = [one["silenced_by"] for one in alerts(tmp_path, CONFIG, snapshot)]
    assert silenced == [[0], []]


def test_our_own_file_needs_no_secret_and_no_tree(tmp_path: Path) -> None:
    night, day = "2026-11-24T23:00", "2026-11-25T10:00"
    mine = {"labels": {"maintainer": "recsys", "severity": "page"}}
    stray = {"labels": {"maintainer": "nobody"}}
    at_night, unowned = alerts(tmp_path, OURS, {"at": night, "alerts": [mine, stray]})
    assert at_night["receivers"] == ["chat", "pager"]
    assert at_night["muted_by"] == ["hours of recsys"]
    assert unowned["receivers"] == ["oncall"]
    (by_day,) = alerts(tmp_path, OURS, {"at": day, "alerts": [mine]})
    assert by_day["muted_by"] == []


def test_a_tree_without_receiver_leaves_alerts_to_their_maintainers(tmp_path: Path) -> None:
    tree = "route: {group_by: [maintainer], routes: [{matchers: ['kind=x'], receiver: oncall}]}\n"
    snapshot = {"alerts": [{"labels": {"maintainer": "recsys"}}, {"labels": {"kind": "x"}}]}
    first, second = alerts(tmp_path, OURS + tree, snapshot)
    assert first["groups"] == [{"receiver": "chat", "key": '{}:{maintainer="recsys"}'}]
    assert second["receivers"] == ["oncall"]


WRONG_INPUT = [
    ("{", "the input is no JSON"),
    ([], "the input is wrong at the top"),
    ({"alerts": [{}]}, "the input is wrong at alerts.0.labels: Field required"),
    ({"alerts": [{"labels": {"a": 1}}]}, "the input is wrong at alerts.0.labels.a"),
    ({"at": "noon"}, "the input is wrong at at"),
    ({"alerts": [], "silences": [{"matchers": []}]}, "wrong at silences.0.matchers"),
    ({"alerts": [], "silences": [{"matchers": ["{}"]}]}, "silences.0: it has no matchers"),
    ({"alerts": [], "silences": [{"matchers": ["a="]}]}, "matchers: a value is missing"),
    ({"alrts": [{"labels": {}}]}, "the input is wrong at alerts: Field required"),
    ("[" * 100_000, "the input is no JSON"),
]


@pytest.mark.parametrize(("snapshot", "wanted"), WRONG_INPUT)
def test_an_input_that_is_none_is_refused_with_the_place(
    tmp_path: Path, snapshot: object, wanted: str
) -> None:
    result = run(tmp_path, CONFIG, snapshot)
    assert wanted in str(result.exception)


WRONG_FILES = [
    ("", "there are no receivers"),
    ("receivers: [{name: a}]", "there is no 'route', and nobody else to tell"),
    ("receivers: [{name: a}]\nroute: {}", "the root route needs a receiver"),
    ("receivers: [{nam: a}]\nroute: {receiver: a}", "a receiver needs the key 'name'"),
    ("receivers: [{name: a}, {name: a}]\nroute: {receiver: a}", "is defined twice"),
    ("receivers: [{name: a}]\nroutes: {receiver: a}", "did you mean 'route'?"),
    ("receivers: [{name: team}]\nroute: {receiver: taem}", "did you mean 'team'?"),
    ("receivers: [", "YAML syntax"),
]


@pytest.mark.parametrize(("config", "wanted"), WRONG_FILES)
def test_a_file_that_cannot_route_is_refused_with_the_place(
    tmp_path: Path, config: str, wanted: str
) -> None:
    result = run(tmp_path, config, {"alerts": []})
    assert wanted in str(result.exception)
    assert "routing.yaml:" in str(result.exception)


def test_a_route_that_nothing_reaches_is_said_and_stops_nothing(tmp_path: Path) -> None:
    config = "receivers: [{name: a}]\nroute: {receiver: a, routes: [{}, {matchers: [a=b]}]}\n"
    result = run(tmp_path, config, {"alerts": [{"labels": {"a": "b"}}]})
    assert result.exit_code == 0
    assert "no alert ever reaches this route" in result.stderr
    assert json.loads(result.stdout)["alerts"][0]["receivers"] == ["a"]
