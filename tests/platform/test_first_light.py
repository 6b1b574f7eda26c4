"""One bad night on real systems: Trino, Prometheus, a Slack that keeps state, the real process.

A pipeline leaves three hours out, a prediction service gets slow, one user's heavy queries hold
Trino's only slot until SQL is refused; the digest leaves meanwhile; then all is mended, and the
daemon is killed and started again. The night is lived through once, the tests look at it.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from trino.exceptions import TrinoQueryError

from monitor.engine.clock import SystemClock
from tests.platform.stack.crowd import crowd
from tests.platform.stack.daemon import MonitorDaemon
from tests.platform.stack.errors import StackError
from tests.platform.stack.hourly_job import COLUMN, HOUR, TABLE, HourlyJob
from tests.platform.stack.prediction import PredictionServer
from tests.platform.stack.prometheus import PrometheusServer
from tests.platform.stack.slack import SlackServer
from tests.platform.stack.trino import TrinoServer

CLOCK = SystemClock()
EVERY = timedelta(seconds=3)
LIMIT_S = 0.25
LATEST_S = 90.0
POLL_S = 0.2
BACKFILL = "airflow backfill create --dag-id rollup --from-date {{ from }} --to-date {{ to }}"
P99 = (
    "histogram_quantile(0.99, sum by (le, model) "
    '(rate(predict_latency_seconds_bucket{model="ctr"}[4s])))'
)

CONFIG = """
timezone: UTC
store: sqlite:///{folder}/monitor.db
web: {listen: "127.0.0.1:{port}"}
sources:
  adhoc: {type: trino, url: "TRINO", maintainer: data-platform}
  pipelines: {type: trino, url: "PIPELINES", maintainer: data-platform}
  serving: {type: prometheus, url: "PROMETHEUS", maintainer: ml-serving}
slack: {token: "TOKEN", base_url: "SLACK"}
receivers:
  recsys: {type: slack, channel: recsys-alerts}
  platform: {type: slack, channel: data-platform}
  serving: {type: slack, channel: ml-serving}
  oncall: {type: slack, channel: ds-oncall}
maintainers:
  recsys: {receivers: [recsys]}
  data-platform: {receivers: [platform]}
  ml-serving: {receivers: [serving]}
on_call: {rotation: [asha@example.com], receivers: [oncall]}
resources:
  spark.night: {maintainer: recsys, backfill: "BACKFILL"}
digests:
  morning: {at: "DIGEST", to: on_call}
"""
CHECKS = """
checks:
  night-fresh:
    {kind: freshness, resource: spark.night, source: pipelines, every: 3s, warn: 30m,
     table: TABLE, partition: {column: COLUMN, grain: hour}}
  night-latency:
    {kind: latency, maintainer: ml-serving, source: serving, every: 3s, warn: {p99: 250ms},
     histogram: predict_latency_seconds, window: 4s, slices: {by: [model]}}
  night-load:
    {kind: trino_load, maintainer: data-platform, source: adhoc, every: 3s, warn: {queued: 1}}
"""


@dataclass
class Night:
    """What was seen while it lasted."""

    daemon: MonitorDaemon
    slack: SlackServer
    missing: list[datetime] = field(default_factory=list)
    looks_until_told: int = 0
    fired: dict[str, dict[str, Any]] = field(default_factory=dict)
    load_while_refused: dict[str, Any] = field(default_factory=dict)
    resolved: dict[str, dict[str, Any]] = field(default_factory=dict)
    digests: list[dict[str, Any]] = field(default_factory=list)

    def messages(self, channel: str) -> list[dict[str, Any]]:
        """Return what a channel shows, newest first, threads left out."""
        history = self.slack.client().conversations_history(
            channel=self.slack.channel_id(channel), limit=200
        )
        found: list[dict[str, Any]] = history["messages"]
        return found

    def about(self, channel: str, word: str) -> list[dict[str, Any]]:
        """Return the messages of a channel that hold a word anywhere, as a person searches."""
        return [one for one in self.messages(channel) if word in shown(one)]

    def newest(self, check: str) -> list[dict[str, Any]]:
        """Return the newest verdicts of a check, by slice."""
        states = self.daemon.get("/api/v1/checks")
        rows = states["checks"] if isinstance(states, dict) else states
        return [row["verdict"] for row in rows if row["check"] == check]


def shown(message: dict[str, Any]) -> str:
    """Return all texts of a message, blocks included."""
    texts = [str(message.get("text", ""))]
    for block in message.get("blocks") or []:
        parts = [block.get("text"), *(block.get("elements") or []), *(block.get("fields") or [])]
        texts += [str(part.get("text", "")) for part in parts if isinstance(part, dict)]
        texts += [str(block["text"])] if isinstance(block.get("text"), str) else []
    return "\n".join(texts)


def until(what: str, ask: Callable[[], Any]) -> Any:
    """Ask until the answer is true, and return it."""
    deadline = time.monotonic() + LATEST_S
    while time.monotonic() < deadline:
        if found := ask():
            return found
        time.sleep(POLL_S)
    raise StackError(f"{what} did not happen within {LATEST_S:.0f} s")


def settings(
    trino: TrinoServer, prometheus: PrometheusServer, slack: SlackServer, digest_at: datetime
) -> tuple[str, str]:
    values = {
        # As `crowded` the monitor's SQL waits, and is refused, together with the heavy queries.
        "TRINO": trino.sqlalchemy_url("crowded"),
        "PIPELINES": trino.sqlalchemy_url("monitor"),
        "PROMETHEUS": prometheus.url,
        "SLACK": slack.api_url,
        "TOKEN": slack.token,
        "BACKFILL": BACKFILL,
        "DIGEST": f"{digest_at:%H:%M}",
    }
    config = CONFIG
    for name, value in values.items():
        config = config.replace(f'"{name}"', f'"{value}"')
    return config, CHECKS.replace("TABLE", TABLE).replace("COLUMN", COLUMN)


@pytest.fixture(scope="module")
def night(
    trino_server: TrinoServer,
    prometheus_server: PrometheusServer,
    prediction_server: PredictionServer,
    slack_server: SlackServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Night]:
    job = HourlyJob(trino_server.url)
    job.create()
    now = CLOCK.now()
    this_hour = now.replace(minute=0, second=0, microsecond=0, tzinfo=None)
    missing = [this_hour - ago * HOUR for ago in (6, 5, 4)]
    job.run(this_hour - 50 * HOUR, 50, missing)
    # The digest leaves a minute later: by then everything below has been told.
    digest_at = (now + timedelta(seconds=100)).replace(second=0, microsecond=0)
    texts = settings(trino_server, prometheus_server, slack_server, digest_at)
    daemon = MonitorDaemon(tmp_path_factory.mktemp("night"), *texts)
    with daemon:
        live = Night(daemon, slack_server, missing)
        try:
            fall_ill(live, trino_server, prometheus_server, prediction_server)
        finally:
            prediction_server.behave("ctr")
        job.backfill(missing)
        for channel, check in CHANNELS.items():
            live.resolved[check] = until(f"{check} resolved", partial(closed, live, channel, check))
        daemon.kill()
        daemon.start()
        again_at = CLOCK.now().isoformat()
        until(
            "a look after the restart",
            lambda: [v for v in live.newest("night-fresh") if v["at"] > again_at],
        )
        live.digests = live.about("ds-oncall", "morning digest")
        yield live


CHANNELS = {
    "recsys-alerts": "night-fresh",
    "ml-serving": "night-latency",
    "data-platform": "night-load",
}


def fall_ill(
    night: Night,
    trino_server: TrinoServer,
    prometheus_server: PrometheusServer,
    prediction_server: PredictionServer,
) -> None:
    until("a first look at the latency", lambda: night.newest("night-latency"))
    prediction_server.behave("ctr", latency_ms=700)
    prometheus_server.wait_for(f"{P99} > {LIMIT_S}")
    slow_at = CLOCK.now()
    keep_fired(night, "ml-serving")
    night.looks_until_told = looks_since(night, "night-latency", slow_at)
    with crowd(trino_server, queued=1):
        keep_fired(night, "data-platform")
    with crowd(trino_server):
        with pytest.raises(TrinoQueryError, match="Too many queued queries"):
            trino_server.rows("SELECT 1", user="crowded", source="night")
        refused_at = CLOCK.now().isoformat()
        night.load_while_refused = until(
            "a look at the load while SQL is refused",
            lambda: next((v for v in night.newest("night-load") if v["at"] > refused_at), None),
        )
        keep_fired(night, "recsys-alerts")
        until("the digest", lambda: night.about("ds-oncall", "morning digest"))


def keep_fired(night: Night, channel: str) -> None:
    check = CHANNELS[channel]
    night.fired[check] = until(f"{check} told", lambda: opened(night, channel, check))


def opened(night: Night, channel: str, check: str) -> dict[str, Any] | None:
    return next((m for m in mine(night, channel, check) if not is_over(m)), None)


def closed(night: Night, channel: str, check: str) -> dict[str, Any] | None:
    told = night.fired[check]["ts"]
    return next((m for m in mine(night, channel, check) if m["ts"] == told and is_over(m)), None)


def is_over(message: dict[str, Any]) -> bool:
    return "RESOLVED" in shown(message)


def mine(night: Night, channel: str, check: str) -> list[dict[str, Any]]:
    """Return the messages whose incident is one of a check."""
    return [
        message
        for message in night.messages(channel)
        if check in str(message.get("metadata", {})) or check in shown(message)
    ]


def looks_since(night: Night, check: str, moment: datetime) -> int:
    """Count the looks from a moment to the first that was not well, itself included."""
    incidents = night.daemon.get("/api/v1/incidents")
    rows = incidents["incidents"] if isinstance(incidents, dict) else incidents
    opened_at = min(
        datetime.fromisoformat(row["incident"]["opened_at"])
        for row in rows
        if row["incident"]["check"] == check
    )
    return max(1, -(-max(timedelta(0), opened_at - moment) // EVERY))


def test_a_slow_service_is_told_to_its_maintainer_within_two_looks(night: Night) -> None:
    assert night.looks_until_told <= 2
    assert "model=ctr" in shown(night.fired["night-latency"])


@pytest.mark.parametrize("check", ["night-latency", "night-fresh", "night-load"])
def test_the_message_is_edited_when_it_is_over(night: Night, check: str) -> None:
    assert night.resolved[check]["ts"] == night.fired[check]["ts"]
    assert night.resolved[check]["edited"]


def test_exactly_the_three_missing_hours_are_named(night: Night) -> None:
    text = shown(night.fired["night-fresh"])
    (line,) = [line for line in text.splitlines() if "missing: " in line]
    named = line.split("missing: ", 1)[1].split(", ")
    assert named == [f"{hour:%Y-%m-%dT%H:%M}" for hour in night.missing]


def test_the_backfill_command_fits_the_gap(night: Night) -> None:
    first, last = (f"{hour:%Y-%m-%dT%H:%M:%SZ}" for hour in (night.missing[0], night.missing[-1]))
    command = f"airflow backfill create --dag-id rollup --from-date {first} --to-date {last}"
    assert command in shown(night.fired["night-fresh"])


def test_who_holds_the_cluster_is_named(night: Night) -> None:
    assert "held by heavy through heavy-dashboard" in shown(night.fired["night-load"])


def test_the_load_is_still_known_when_sql_is_refused(night: Night) -> None:
    verdict = night.load_while_refused
    assert verdict["outcome"] in {"warn", "page"}
    holder = verdict["samples"][0]["evidence"]["holders"][0]
    assert (holder["user"], holder["source"]) == ("heavy", "heavy-dashboard")


def test_the_digest_is_posted_once_and_tells_all_of_it(night: Night) -> None:
    (digest,) = night.digests
    text = shown(digest)
    for owner in ("recsys", "ml-serving", "data-platform"):
        assert owner in text
    assert "airflow backfill create --dag-id rollup" in text
    assert "held by heavy" in text
    assert "All clear" not in text
