"""Routing is Alertmanager's: random verdicts against the real one.

With CI=true 100,000 alerts in all, else a few hundred. The seed of a round is its number, so that a
round which differs can be run again alone: ``Round(tmp_path, 7, 100)``.
"""

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from monitor.cli.route import route
from monitor.config.route_file import read_route_file
from monitor.core.matcher import Matcher, Operator
from monitor.core.route_tree import Route
from tests.platform.routing_cases import Case
from tests.platform.stack.alertmanager import AlertmanagerServer
from tests.platform.stack.available import must_have_all

# Where it is not installed the tests are left out, and fail with CI=true.
pytestmark = pytest.mark.usefixtures("alertmanager_server")

ROUNDS, ALERTS, SILENCES = (50, 2000, 12) if must_have_all() else (2, 150, 6)
BATCH = 1000
SETTLES = timedelta(seconds=20)
"""How long the Alertmanager may take to let a source reach its inhibitor."""


class Round:
    """One configuration with its alerts and silences, at the real one and at ours."""

    def __init__(self, work: Path, seed: int, alerts: int) -> None:
        self.case = Case(Random(seed))  # noqa: S311  # a seeded draw
        self.server = AlertmanagerServer(work / f"round-{seed}", self.case.settings())
        self.alerts = self.case.alerts(alerts)
        self.silences = self.case.silences(SILENCES)
        self.ids: list[str] = []
        self.given: list[dict[str, Any]] = []

    @contextmanager
    def running(self) -> Iterator["Round"]:
        with self.server, httpx.Client(base_url=f"{self.server.url}/api/v2", timeout=60) as api:
            self.api = api
            self._post()
            yield self

    def _post(self) -> None:
        now = datetime.now(UTC)  # noqa: TID251  # its clock is the machine's
        end = (now + timedelta(hours=2)).isoformat()
        posted = [{"labels": labels, "endsAt": end} for labels in self.alerts]
        for start in range(0, len(posted), BATCH):
            self.api.post("/alerts", json=posted[start : start + BATCH]).raise_for_status()
        for number, matchers in enumerate(self.silences):
            is_pending, is_over = number % 6 == 1, number % 6 == 2
            starts = now + timedelta(hours=1) if is_pending else now
            silence = {
                "matchers": [_as_api(one) for one in matchers],
                "startsAt": starts.isoformat(),
                "endsAt": end,
                "createdBy": "test",
                "comment": "drawn",
            }
            answer = self.api.post("/silences", json=silence).raise_for_status()
            self.ids.append(answer.json()["silenceID"])
            texts = {"matchers": list(map(str, matchers)), "startsAt": silence["startsAt"]}
            self.given.append({**texts, "endsAt": (now if is_over else end)})
            if is_over:
                self.given[-1]["endsAt"] = silence["startsAt"]
                self.api.delete(f"/silence/{self.ids[-1]}").raise_for_status()

    def theirs(self) -> dict[str, dict[str, Any]]:
        """Return the verdicts of the real one by the number of the alert."""
        found = self.api.get("/alerts").raise_for_status().json()
        by_print = {one["fingerprint"]: one["labels"] for one in found}
        verdicts = {
            one["labels"]["number"]: {
                "receivers": [receiver["name"] for receiver in one["receivers"]],
                "silenced_by": sorted(map(self.ids.index, one["status"]["silencedBy"])),
                "inhibited_by": [by_print[name] for name in one["status"]["inhibitedBy"]],
                "groups": [],
            }
            for one in found
        }
        for group in self.api.get("/alerts/groups").raise_for_status().json():
            for one in group["alerts"]:
                name = (group["receiver"]["name"], tuple(sorted(group["labels"].items())))
                verdicts[one["labels"]["number"]]["groups"].append(name)
        return verdicts

    def ours(self) -> list[dict[str, Any]]:
        """Return what ``monitor route`` prints for the same file, alerts and silences."""
        snapshot = {
            "at": datetime.now(UTC).isoformat(),  # noqa: TID251  # of the same moment
            "alerts": [{"labels": labels} for labels in self.alerts],
            "silences": self.given,
        }
        words = ["--config", str(self.server.settings)]
        result = CliRunner().invoke(route, words, input=json.dumps(snapshot))
        assert result.exception is None, result.exception
        printed: list[dict[str, Any]] = json.loads(result.stdout)["alerts"]
        return printed

    def tree(self) -> Route:
        """Return the tree as we read it."""
        found = read_route_file(self.server.settings, {}).routing.route
        assert found is not None
        return found


def _as_api(one: Matcher) -> dict[str, Any]:
    return {
        "name": one.name,
        "value": one.value,
        "isRegex": one.operator in {Operator.REGEX, Operator.NOT_REGEX},
        "isEqual": one.operator in {Operator.EQUAL, Operator.REGEX},
    }


def differences(played: Round, theirs: dict[str, dict[str, Any]]) -> list[str]:
    """Say where ours differ, but for the one intended difference: we name every inhibitor."""
    found = []
    tree = played.tree()
    for mine in played.ours():
        labels = {name: value for name, value in mine["labels"].items() if value}
        real = theirs[labels["number"]]
        groups = [
            (node.receiver, tuple(sorted(node.group_labels(labels).items())))
            for node in tree.matches(labels)
        ]
        named = all(source in mine["inhibited_by"] for source in real["inhibited_by"])
        is_same = (
            mine["receivers"] == real["receivers"]
            and mine["silenced_by"] == real["silenced_by"]
            and bool(mine["inhibited_by"]) == bool(real["inhibited_by"])
            and named
            and sorted(groups) == sorted(real["groups"])
        )
        if not is_same:
            found.append(f"{labels}: ours {mine}, groups {groups}; theirs {real}")
    return found


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_every_verdict_is_that_of_the_real_alertmanager(
    tmp_path: Path, seed: int, verdicts: Counter[str]
) -> None:
    with Round(tmp_path, seed, ALERTS).running() as played:
        deadline = time.monotonic() + SETTLES.total_seconds()
        while True:
            theirs = played.theirs()
            found = differences(played, theirs)
            if not found or time.monotonic() > deadline:
                break
        assert found == [], f"{len(found)} of {ALERTS} differ; the first: {found[0]}"
    verdicts["alerts"] += len(theirs)
    verdicts["silenced"] += sum(bool(one["silenced_by"]) for one in theirs.values())
    verdicts["inhibited"] += sum(bool(one["inhibited_by"]) for one in theirs.values())
    verdicts["several"] += sum(len(one["receivers"]) > 1 for one in theirs.values())
    verdicts["groups"] += len({name for one in theirs.values() for name in one["groups"]})


@pytest.fixture(scope="module")
def verdicts() -> Iterator[Counter[str]]:
    """Count what was compared, and fail where a kind of verdict never came up."""
    counted: Counter[str] = Counter()
    yield counted
    print(dict(counted))  # noqa: T201  # shown with -s, and where something fails
    for kind in counted and ("silenced", "inhibited", "several", "groups"):
        assert counted[kind] > counted["alerts"] / 1000, f"too few verdicts are {kind}: {counted}"
