"""Each server of the platform really works; the other tests of this folder build on that."""

from datetime import datetime

import httpx
import pytest
import sqlalchemy
from slack_sdk.errors import SlackApiError
from trino.exceptions import TrinoQueryError

from tests.platform.stack.crowd import crowd
from tests.platform.stack.hourly_job import HOUR, HourlyJob
from tests.platform.stack.postgres import PostgresServer
from tests.platform.stack.prediction import PredictionServer
from tests.platform.stack.prometheus import PrometheusServer, scrape_job
from tests.platform.stack.slack import USERS, SlackServer
from tests.platform.stack.trino import TrinoServer

MONITOR = "health-monitor/smoke"
CROWDED = "/v1/resourceGroupState/global/crowded"
P99 = (
    'histogram_quantile(0.99, sum by (le) (rate(predict_latency_seconds_bucket{model="ctr"}[5s])))'
)


def test_trino_answers_sql(trino_server: TrinoServer) -> None:
    assert trino_server.rows("SELECT count(*) FROM tpch.tiny.orders") == [[15000]]


def test_trino_starts_without_a_failed_query_in_its_history(trino_server: TrinoServer) -> None:
    """The monitor reads that history and must not find our own start-up in it."""
    failed = [
        query["errorCode"]["name"]
        for query in trino_server.get("/v1/query").json()
        if query["session"].get("source") == "tests" and query["state"] == "FAILED"
    ]
    assert failed == []


def test_trino_answers_sqlalchemy(trino_server: TrinoServer) -> None:
    engine = sqlalchemy.create_engine(trino_server.sqlalchemy_url(path="tpch/tiny"))
    with engine.connect() as connection:
        assert connection.execute(sqlalchemy.text("SELECT count(*) FROM region")).scalar() == 5
    engine.dispose()


def test_a_full_queue_rejects_sql_and_rest_still_answers(trino_server: TrinoServer) -> None:
    with crowd(trino_server) as crowded:
        with pytest.raises(TrinoQueryError) as rejected:
            trino_server.rows("SELECT 1", user="crowded", source=MONITOR)
        states = {q["queryId"]: q["state"] for q in trino_server.get("/v1/query").json()}
        group = trino_server.get(CROWDED).json()
        info = trino_server.get("/v1/info", user=None).json()

    assert rejected.value.error_name == "QUERY_QUEUE_FULL"
    assert rejected.value.error_type == "INSUFFICIENT_RESOURCES"
    assert states[crowded.running] == "RUNNING"
    assert {states[query] for query in crowded.queued} == {"QUEUED"}
    assert (group["numRunningQueries"], group["numQueuedQueries"]) == (1, 3)
    assert group["maxQueuedQueries"] == 3
    assert info["starting"] is False


def test_the_monitor_has_room_of_its_own_beside_a_full_queue(trino_server: TrinoServer) -> None:
    with crowd(trino_server):
        assert trino_server.rows("SELECT 1", user="monitor", source=MONITOR) == [[1]]


def test_a_crowd_leaves_the_group_empty(trino_server: TrinoServer) -> None:
    with crowd(trino_server, queued=1):
        pass
    group = trino_server.get(CROWDED).json()
    assert (group["numRunningQueries"], group["numQueuedQueries"]) == (0, 0)
    assert trino_server.rows("SELECT 1", user="crowded") == [[1]]


@pytest.mark.parametrize(
    "path", ["/metrics", "/v1/query", CROWDED, "/v1/jmx/mbean/trino.execution:name=QueryManager"]
)
def test_trino_wants_a_user_for_what_manages_it(trino_server: TrinoServer, path: str) -> None:
    assert trino_server.get(path, user=None).status_code == 401
    assert trino_server.get(path, user="monitor").status_code == 200
    basic = httpx.get(f"{trino_server.url}{path}", auth=("monitor", ""), timeout=10)
    assert basic.status_code == 200


@pytest.mark.parametrize("path", ["/v1/info", "/v1/status"])
def test_trino_tells_anybody_that_it_lives(trino_server: TrinoServer, path: str) -> None:
    assert trino_server.get(path, user=None).status_code == 200


def test_prometheus_scrapes_trino(
    trino_server: TrinoServer, prometheus_server: PrometheusServer
) -> None:
    nodes = "trino_metadata_name_DiscoveryNodeManager_ActiveNodeCount"
    # All of Trino's metrics are 1 MB, too much for every second.
    job = scrape_job("trino", trino_server.url, user="prometheus", params={"name[]": [nodes]})
    prometheus_server.add_job(job)
    assert prometheus_server.wait_for(nodes) == 1


def test_the_hourly_job_leaves_exactly_the_gaps_it_was_told(hourly_job: HourlyJob) -> None:
    first = datetime(2026, 10, 2)
    gaps = [first + 2 * HOUR, first + 3 * HOUR, first + 30 * HOUR]
    hourly_job.run(first, 48, skip=gaps)

    present = hourly_job.present()
    assert sorted({first + n * HOUR for n in range(48)} - present.keys()) == gaps
    assert set(present.values()) == {100}

    hourly_job.backfill(gaps)
    assert len(hourly_job.present()) == 48


def test_prometheus_measures_the_latency_of_the_service(
    prometheus_server: PrometheusServer, prediction_service: PredictionServer
) -> None:
    assert 0 < prometheus_server.wait_for(P99) < 0.5

    prediction_service.behave("ctr", latency_ms=600, error_share=0.5)
    slow = prometheus_server.wait_for(f"{P99} > 0.5")
    # A counter that is new has a rate of 0 until its second increase was scraped.
    failing = prometheus_server.wait_for(
        'rate(predict_requests_total{model="ctr", status="500", maintainer="ml-serving"}[5s]) > 0'
    )
    assert 0.5 < slow < 2.5  # 600 ms, and what a busy machine adds
    assert failing > 0


def test_the_service_refuses_a_wish_that_it_does_not_understand(
    prediction_service: PredictionServer,
) -> None:
    with pytest.raises(httpx.HTTPStatusError, match="400"):
        prediction_service.behave("no-such-model")


def test_postgres_gives_a_new_database(postgres_server: PostgresServer) -> None:
    first, second = postgres_server.new_database(), postgres_server.new_database()
    assert first != second
    engine = sqlalchemy.create_engine(second)
    with engine.connect() as connection:
        version = connection.execute(sqlalchemy.text("SELECT version()")).scalar_one()
    engine.dispose()
    assert version.startswith("PostgreSQL ")


def test_slack_keeps_what_was_posted_edited_and_threaded(slack_server: SlackServer) -> None:
    client = slack_server.client()
    posted = client.chat_postMessage(channel="recsys-alerts", text="2 hours are missing")
    channel, ts = posted["channel"], posted["ts"]
    assert channel == slack_server.channel_id("recsys-alerts")
    client.chat_update(channel=channel, ts=ts, text="resolved")
    client.chat_postMessage(channel=channel, thread_ts=ts, text="backfilled")

    thread = client.conversations_replies(channel=channel, ts=ts)["messages"]
    assert [message["text"] for message in thread] == ["resolved", "backfilled"]


def test_slack_knows_people_by_their_address(slack_server: SlackServer) -> None:
    found = slack_server.client().users_lookupByEmail(email=USERS["asha"])
    assert found["user"]["name"] == "asha"


def test_slack_refuses_what_the_token_may_not_do(slack_server: SlackServer) -> None:
    with pytest.raises(SlackApiError) as refused:
        slack_server.client().conversations_create(name="new")
    assert refused.value.response["error"] == "missing_scope"
