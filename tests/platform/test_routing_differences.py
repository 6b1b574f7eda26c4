"""Where the routing is meant to differ from Alertmanager, shown beside the real one (0.25).

The list stands in docs/reference/routing.md; what is not in it must be equal.
"""

import re
import subprocess
import time
from datetime import UTC, datetime, timedelta
from email.message import Message
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
import yaml

from monitor.config.report import ConfigError
from monitor.config.route_file import read_route_file
from monitor.core.routing import Ruling, rule_on
from tests.platform.stack.alertmanager import AlertmanagerServer
from tests.receivers.peers.http import Answer, HttpPeer

# Where it is not installed the tests are left out, and fail with CI=true.
pytestmark = pytest.mark.usefixtures("alertmanager_server")

MINUTE = timedelta(minutes=1)
ROOT = "receivers: [{name: a}, {name: b}]\nroute: {receiver: a, routes: [%s]}\n"
NAMED = "time_intervals: [{name: n, time_intervals: [%s]}]\n"
ONLY_THEY = {
    "bare quotes": ROOT % "{matchers: [\"a='b'\"]}",
    "an empty bare value": ROOT % '{matchers: ["a="]}',
    "a single backslash": ROOT % "{matchers: ['a=~\"\\d\"']}",
    "a bare space": ROOT % '{matchers: ["a=b c"]}',
    "a Unicode script": ROOT % "{matchers: ['a=~\"\\\\p{Greek}\"']}",
    "match": ROOT % "{match: {a: b}}",
    "match_re": ROOT % "{match_re: {a: b}}",
    "an inhibit rule for everything": ROOT % "" + "inhibit_rules: [{target_matchers: ['a=b']}]\n",
    "source_match": ROOT % ""
    + "inhibit_rules: [{source_match: {a: b}, target_matchers: ['a=b']}]\n",
    "an alias of YAML": "receivers: [{name: &x a}]\nroute: {receiver: *x}\n",
    "an interval without times": ROOT % "" + NAMED % "{times: []}",
    "a zone of the machine": ROOT % "" + NAMED % "{location: Local}",
}
ONLY_WE = {
    "times over midnight": ROOT % ""
    + NAMED % '{times: [{start_time: "22:00", end_time: "06:00"}]}',
    "weekdays over Sunday": ROOT % "" + NAMED % "{weekdays: ['saturday:sunday']}",
    "a calendar": ROOT % ""
    + "calendars: {work: {holidays: IN}}\n"
    + NAMED % "{except_calendar: work}",
    "no receiver, but maintainers": "receivers: {a: {type: slack}}\nroute: {}\n"
    "maintainers: {t: {receivers: [a]}}\non_call: {receivers: [a]}\n",
}
SINCE_0_27 = {
    "a quoted name": ROOT % '{matchers: [\'"a b"="c"\']}',
    "an escape of Go": ROOT % "{matchers: ['{a=b}', '\"\\u0061\"=b']}",
}
BOTH = {
    "braces": ROOT % '{matchers: [\'{a="b",c=~"d"}\']}',
    "no matchers": ROOT % "{matchers: []}",
    "an unreachable route": ROOT % "{}, {matchers: ['a=b']}",
}
NEITHER = {
    "an unknown receiver": ROOT % "{receiver: c}",
    "an unknown interval": ROOT % "{mute_time_intervals: [n]}",
    "matchers at the root": "receivers: [{name: a}]\nroute: {receiver: a, matchers: ['a=b']}\n",
    "no receiver at the root": "receivers: [{name: a}]\nroute: {}\n",
    "look-around": ROOT % "{matchers: ['a=~\"(?=b)\"']}",
    "... beside a label": ROOT % "{group_by: ['...', a]}",
    "a label twice": ROOT % "{group_by: [a, a]}",
    "no interval between groups": ROOT % "{group_interval: 0s}",
    "a misspelt key": ROOT % "{reciever: a}",
    "two intervals of a name": ROOT % ""
    + "time_intervals: [{name: n, time_intervals: [{}]}, {name: n, time_intervals: [{}]}]\n",
    "days that end before they start": ROOT % "" + NAMED % "{days_of_month: ['5:1']}",
    "a day that is none": ROOT % "" + NAMED % "{days_of_month: ['0']}",
    "months out of order": ROOT % "" + NAMED % "{months: ['april:march']}",
}


def they_take(path: Path) -> bool:
    done = subprocess.run(["amtool", "check-config", str(path)], check=False, capture_output=True)
    return done.returncode == 0


def we_take(path: Path) -> bool:
    try:
        read_route_file(path, {})
    except ConfigError:
        return False
    return True


@pytest.mark.parametrize(
    ("texts", "theirs", "ours"),
    [(ONLY_THEY, True, False), (ONLY_WE, False, True), (BOTH, True, True), (NEITHER, False, False)],
    ids=["only they", "only we", "both", "neither"],
)
def test_a_file_is_taken_by_whom_it_is_meant_to_be(
    tmp_path: Path,
    texts: dict[str, str],
    *,
    theirs: bool,
    ours: bool,
) -> None:
    found = {}
    for number, (name, text) in enumerate(texts.items()):
        path = tmp_path / f"{number}.yml"
        path.write_text(text)
        found[name] = (they_take(path), we_take(path))
    assert found == dict.fromkeys(texts, (theirs, ours))


@pytest.mark.parametrize("text", SINCE_0_27.values(), ids=SINCE_0_27)
def test_the_grammar_is_that_of_0_27_and_later(tmp_path: Path, text: str) -> None:
    path = tmp_path / "am.yml"
    path.write_text(text)
    done = subprocess.run(["amtool", "--version"], check=True, capture_output=True, text=True)
    found = re.search(r"version (\d+)\.(\d+)", done.stdout + done.stderr)
    assert found is not None
    is_newer = tuple(map(int, found.groups())) >= (0, 27)
    assert (they_take(path), we_take(path)) == (is_newer, True)


class Sink(HttpPeer):
    """Keeps what the webhooks of an Alertmanager are sent, by the receiver's path."""

    def __init__(self) -> None:
        super().__init__()
        self.keys: dict[str, str] = {}

    def handle(self, verb: str, path: str, body: Any, headers: Message) -> Answer:
        self.keys[path.strip("/")] = body["groupKey"]
        return 200, None


def _around(random: Random, now: datetime) -> dict[str, Any]:
    """Draw an interval whose ends lie near a moment, in a zone where it is another hour or day."""
    zone = random.choice(["UTC", "Asia/Kolkata", "Pacific/Kiritimati", "America/St_Johns"])
    interval: dict[str, Any] = {"location": zone}
    if random.random() < 0.6:
        start = random.randrange(0, 23)
        end = random.randrange(start + 1, 25)
        times = [{"start_time": f"{start:02d}:00", "end_time": f"{end:02d}:00"}]
        interval["times"] = times
    if random.random() < 0.5:
        names = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
        first = random.randrange(7)
        interval["weekdays"] = [f"{names[first]}:{names[random.randrange(first, 7)]}"]
    if random.random() < 0.4:
        from_start = random.randrange(1, now.day + 2)
        interval["days_of_month"] = [
            random.choice([f"{from_start}:31", "-8:-1", "1:-3", "-31:-20"])
        ]
    if random.random() < 0.3:
        interval["months"] = [random.choice([f"1:{now.month}", str(now.month), "january:june"])]
    if random.random() < 0.3:
        interval["years"] = [random.choice([f"2020:{now.year}", f"{now.year}:2040", "2020:2021"])]
    return interval


def _settings(random: Random, now: datetime, url: str) -> dict[str, Any]:
    routes, receivers, intervals = [], [], []
    for number in range(120):
        name = f"r{number}"
        elements = [_around(random, now) for _ in range(random.randint(1, 2))]
        intervals.append({"name": name, "time_intervals": elements})
        receivers.append({"name": name, "webhook_configs": [{"url": f"{url}/{name}"}]})
        kind = random.choice(["mute_time_intervals", "active_time_intervals"])
        grouped = random.choice([["..."], ["team"], ["team", "none"]])
        route = {"matchers": [f'number="{number}"', 'team=~"a|\\"q\\""'], "receiver": name}
        routes.append({**route, kind: [name], "group_by": grouped, "group_wait": "0s"})
    root = {"receiver": "r0", "routes": routes}
    return {"route": root, "receivers": receivers, "time_intervals": intervals}


def _spoken(rulings: tuple[Ruling, ...]) -> dict[str, str]:
    return {g.receiver: g.key for one in rulings for g in one.groups if not g.muted_by}


def test_intervals_mute_and_groups_are_named_as_by_the_real_one(tmp_path: Path) -> None:
    now = datetime.now(UTC)  # noqa: TID251  # its clock is the machine's
    labels = [{"number": str(n), "team": '"q"', "é" if n > 200 else "e": "\n"} for n in range(120)]
    with Sink() as sink:
        settings = _settings(Random(now.toordinal()), now, sink.url)  # noqa: S311  # seeded
        path = tmp_path / "ours.yml"
        path.write_text(yaml.safe_dump(settings))
        routing = read_route_file(path, {}).routing
        with AlertmanagerServer(tmp_path / "am", settings) as server:
            end = (now + timedelta(hours=1)).isoformat()
            posted = [{"labels": one, "endsAt": end} for one in labels]
            httpx.post(f"{server.url}/api/v2/alerts", json=posted).raise_for_status()
            wanted = _spoken(rule_on(labels, [], routing, now))
            deadline = time.monotonic() + 20
            while sink.keys.keys() < wanted.keys() and time.monotonic() < deadline:
                time.sleep(0.1)
            time.sleep(1)  # for what would be told and should not
        # What a minute that passed meanwhile decides otherwise is left out.
        later = _spoken(rule_on(labels, [], routing, now + MINUTE))
    stable = {name for name in routing.time_intervals if (name in wanted) == (name in later)}
    assert {k: v for k, v in sink.keys.items() if k in stable} == {
        k: v for k, v in wanted.items() if k in stable
    }
    assert 20 < len(wanted) < 100


def test_an_empty_group_by_groups_all_where_0_25_inherits(tmp_path: Path) -> None:
    """As Alertmanager since 0.31."""
    below = {"matchers": ["a=b"], "group_by": []}
    root = {"receiver": "a", "group_by": ["x"], "group_wait": "1h", "routes": [below]}
    settings = {"route": root, "receivers": [{"name": "a"}]}
    labels = {"a": "b", "x": "y"}
    with AlertmanagerServer(tmp_path / "am", settings) as server:
        httpx.post(f"{server.url}/api/v2/alerts", json=[{"labels": labels}]).raise_for_status()
        (group,) = httpx.get(f"{server.url}/api/v2/alerts/groups").json()
        route = read_route_file(server.settings, {}).routing.route
    assert group["labels"] == {"x": "y"}
    assert route is not None
    assert route.matches(labels)[0].group_labels(labels) == {}


def test_every_inhibitor_is_named_where_0_25_names_one(tmp_path: Path) -> None:
    rule = {"source_matchers": ["s=y"], "target_matchers": ["t=y"]}
    settings = {
        "route": {"receiver": "a", "group_wait": "1h"},
        "receivers": [{"name": "a"}],
        "inhibit_rules": [rule],
    }
    labels = [{"t": "y"}, {"s": "y", "n": "1"}, {"s": "y", "n": "2"}]
    with AlertmanagerServer(tmp_path / "am", settings) as server:
        posted = [{"labels": one} for one in labels]
        httpx.post(f"{server.url}/api/v2/alerts", json=posted).raise_for_status()
        deadline = time.monotonic() + 10
        named: list[str] = []
        while not named and time.monotonic() < deadline:
            found = httpx.get(f"{server.url}/api/v2/alerts", params={"filter": "t=y"}).json()
            named = found[0]["status"]["inhibitedBy"]
        routing = read_route_file(server.settings, {}).routing
    assert len(named) == 1
    now = datetime.now(UTC)  # noqa: TID251  # any moment
    assert len(rule_on(labels, [], routing, now)[0].inhibited_by) == 2
