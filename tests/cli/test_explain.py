import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from monitor.cli.explain import explain

CONFIG = """\
timezone: Asia/Kolkata
receivers:
  {chat: {type: slack}, pager: {type: webhook}, oncall: {type: slack}, lead: {type: slack}}
maintainers:
  recsys:
    {receivers: [chat], page: [pager], hours: {weekdays: "monday:friday", times: "09:00-19:00"}}
on_call:
  receivers: [oncall]
  rotation: [asha, ben]
  from: "2026-01-05 09:00"
  escalation: [{after: 15m, receivers: [lead]}]
route:
  group_by: [cluster]
  routes:
    - matchers: ['team="b"']
      receiver: lead
    - matchers: [kind="freshness", severity=~"warn|page"]
      continue: true
      mute_time_intervals: [nights]
    - matchers: ['severity="page"']
      receiver: oncall
      group_wait: 0s
    - receiver: lead
inhibit_rules:
  - name: cause first
    source_matchers: ['kind="trino_load"']
    target_matchers: ['kind="freshness"']
    equal: [cluster]
time_intervals:
  - name: nights
    time_intervals: [{times: [{start_time: "22:00", end_time: "07:00"}], location: Asia/Kolkata}]
"""
NIGHT = """\
An alert with cluster="x", kind="freshness", maintainer="recsys", severity="page", on Wednesday \
2026-11-25 23:30 IST
The way through the tree:
  yes  every alert (FILE:13:3)
    no   team="b": team is "" (FILE:15:7)
    yes  kind="freshness", severity=~"warn|page": handles it (FILE:17:7)
         continue: true, so the next ones are looked at, too
    yes  severity="page": handles it (FILE:20:7)
         without continue, so 1 after it are not looked at
Who is told:
  chat, by its maintainer recsys
    in the group {}/{kind="freshness",severity=~"warn|page"}:{cluster="x"}
    first after 30s, changes at most every 5m, again every 4h
    but muted now by nights
    until Thursday 2026-11-26 07:00 IST: what still fires is told then, at once
  pager, by its maintainer recsys
    in the group {}/{kind="freshness",severity=~"warn|page"}:{cluster="x"}
    first after 30s, changes at most every 5m, again every 4h
    but muted now by nights, hours of recsys
    until Thursday 2026-11-26 09:00 IST: what still fires is told then, at once
    (a check that says wake: true pages outside the hours, too)
  oncall, by the route at FILE:20:7
    in the group {}/{severity="page"}:{cluster="x"}
    first after 0s, changes at most every 5m, again every 4h
It is held back while one of these fires:
  an alert with kind="trino_load", cluster="x" (rule cause first)
Silences are not looked at: name the daemon with --url.
On call: asha; the rotation hands over on Monday 2026-11-30 09:00 IST
If nobody acknowledges the page for 15m: lead
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG)
    return path


def run(config: Path, *words: str) -> Result:
    return CliRunner().invoke(explain, ["--config", str(config), *words])


def test_it_tells_the_way_the_receivers_the_mutes_and_what_would_hold_it(config: Path) -> None:
    words = []
    for label in ("kind=freshness", 'severity="page"', "maintainer=recsys", "cluster=x", "none="):
        words.extend(["--label", label])
    result = run(config, *words, "--at", "2026-11-25T23:30")
    assert result.output.replace(str(config), "FILE") == NIGHT


def test_scripts_read_the_same_as_json(config: Path) -> None:
    labels = ("--label", "kind=freshness", "--label", "severity=warn", "--label", "cluster=x")
    result = run(config, *labels, "--at", "2026-11-25T23:30", "--json")
    found = json.loads(result.stdout)
    told = [(one["receiver"], one["muted_by"]) for one in found["told"]]
    assert told == [("oncall", ["nights"]), ("lead", [])]
    (source,) = found["inhibited_while"]
    assert source == 'an alert with kind="trino_load", cluster="x" (rule cause first)'
    assert (found["silenced_by"], found["on_call"]) == (None, "asha")
    assert found["words"] == run(config, *labels, "--at", "2026-11-25T23:30").output.splitlines()


def test_without_a_tree_it_goes_to_its_maintainer_or_to_on_call(config: Path) -> None:
    config.write_text(CONFIG.partition("route:")[0])
    mine = run(config, "--label", "maintainer=recsys", "--at", "2026-11-25T18:00:00Z").output
    assert "There is no route: it goes to its maintainer, else to on-call." in mine
    assert "  chat, by its maintainer recsys\n" in mine
    assert "group" not in mine
    strange = run(config, "--label", "maintainer=nobody").output
    assert "  oncall, by on-call, as it has no known maintainer\n" in strange


def test_a_mute_without_an_end_in_sight_says_so(config: Path) -> None:
    always = CONFIG.replace('"22:00", end_time: "07:00"', '"00:00", end_time: "24:00"')
    config.write_text(always)
    result = run(config, "--label", "kind=freshness", "--label", "severity=warn")
    assert "for the next eight days" in result.output


@pytest.mark.parametrize("at", ["0001-01-01T00:00", "9999-12-31T23:59:59"])
def test_the_ends_of_the_calendar_are_moments(config: Path, at: str) -> None:
    result = run(config, "--label", "maintainer=recsys", "--at", at)
    assert result.exit_code == 0
    assert "On call: " in result.output


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ((), "give either the ID of a check, or --label name=value"),
        (("--label", "team"), "'team' is no label; write it as team=recsys"),
        (("--label", "a=b", "--at", "soon"), "'soon' is no moment"),
        (("some.check", "--url", "http://127.0.0.1:9"), "--url goes with --label"),
    ],
)
def test_wrong_use_is_named(config: Path, words: tuple[str, ...], wanted: str) -> None:
    result = run(config, *words)
    assert result.exit_code == 2
    assert wanted in result.output
