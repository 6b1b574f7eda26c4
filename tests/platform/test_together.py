"""What is asked together of a real Prometheus and a real PostgreSQL is what each gets alone."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import psycopg
import pytest

from monitor.api import Answers, Asking, LastUpdate, Query, Rows, Source, Together, Updated
from monitor.sources.prometheus import Prometheus
from monitor.sources.sql import Sql
from monitor.sources.trino import Trino
from tests.platform.stack.postgres import PostgresServer
from tests.platform.stack.prometheus import PrometheusServer
from tests.platform.stack.trino import TrinoServer

pytestmark = pytest.mark.platform


def test_what_is_computed_of_aggregations_is_from_prometheus_what_each_gets_alone(
    prometheus_server: PrometheusServer,
) -> None:
    prometheus_server.wait_for("rate(predict_latency_seconds_bucket[10s])")
    counts = prometheus_server.query("predict_latency_seconds_count")
    models = sorted({one["metric"]["model"] for one in counts})
    assert len(models) > 1
    seconds, count = "predict_latency_seconds_sum{M}", "predict_latency_seconds_count{M}"
    buckets = "predict_latency_seconds_bucket{M}"
    forms = (
        f"sum(rate({count}[10s]))",
        f"histogram_quantile(0.99, sum by (le) (rate({buckets}[10s])))",
        f"1000 * avg by (instance, model) ({seconds})",
        f"sum(rate({seconds}[10s])) / sum(rate({count}[10s]))",
        f"max({buckets}) by (le, job) - min({buckets}) by (le, job)",
    )
    matchers = [f'model="{model}"' for model in [*models, "nobody's"]]
    texts = [form.replace("M", one) for form in forms for one in matchers]
    source = Prometheus(name="serving", url=prometheus_server.url)
    assert sizes_of_sets(source, [Rows(text) for text in texts]) == [len(matchers)] * len(forms)


def test_selectors_of_one_shape_get_from_prometheus_what_each_gets_alone(
    prometheus_server: PrometheusServer,
) -> None:
    name = "predict_latency_seconds_bucket"
    prometheus_server.wait_for(f"rate({name}[10s])")
    edges = sorted({one["metric"]["le"] for one in prometheus_server.query(name)})
    assert "+Inf" in edges
    texts = [
        *(f'{name}{{le="{edge}"}}' for edge in [*edges, "9.75"]),
        *(f'rate({name}{{le="{edge}"}}[10s])' for edge in edges),
    ]
    source = Prometheus(name="serving", url=prometheus_server.url)
    assert sizes_of_sets(source, [Rows(text) for text in texts]) == [len(edges) + 1, len(edges)]


@pytest.fixture
def kpi(postgres_server: PostgresServer) -> Iterator[str]:
    """Give the address of a database with a table, which is gone afterwards."""
    address = postgres_server.url.replace("+psycopg", "")
    with psycopg.connect(address) as connection:
        connection.execute("create table kpi (hour timestamp, model text, n bigint, x numeric)")
        for n in range(200):
            row = (f"2026-11-{n % 28 + 1:02}", f"m{n % 7}", n if n % 3 else None, n / 8)
            connection.execute("insert into kpi values (%s, %s, %s, %s)", row)
        connection.execute("create index on kpi (hour)")
    yield postgres_server.url
    with psycopg.connect(address) as connection:
        connection.execute("drop table kpi")


def test_counts_sums_and_newest_rows_are_from_postgresql_what_each_gets_alone(kpi: str) -> None:
    whats = ("count(*)", "sum(n)", "avg(x)", "min(n)", "max(model)", "count(distinct model)")
    wheres = ("", " where model = 'm3'", " where hour >= '2026-11-10' and n is not null")
    form = "select {} as value from kpi{}"
    texts = [form.format(what, where) for where in wheres for what in whats]
    source = Sql(name="kpi", url=kpi)
    questions = [*map(Rows, texts), LastUpdate("kpi", "hour")]
    # The counts of each condition share a scan, the others and the newest row a statement.
    assert sizes_of_sets(source, questions) == [2, 2, 2, 13]


def test_numbers_of_one_table_are_from_trino_in_one_scan_what_each_gets_alone(
    trino_server: TrinoServer,
) -> None:
    form = "select {} as value from tpch.tiny.orders where orderstatus = '{}'"
    whats = ("count(*)", "coalesce(sum(custkey), 0) / count(*)", "count(distinct orderpriority)")
    texts = [form.format(what, status) for status in "FOP" for what in whats]
    # Nobody has this status: a division by none of its rows must not fail the others.
    texts += [form.format(what, "X") for what in ("count(*)", "sum(custkey)")]
    texts.append("select max(orderkey) as value from tpch.tiny.orders where orderstatus = 'F'")
    source = Trino(name="adhoc", url=f"trino://monitor@127.0.0.1:{trino_server.port}/tpch")
    asked = len(trino_server_queries(trino_server))
    assert sizes_of_sets(source, [Rows(text) for text in texts]) == [11]
    assert len(trino_server_queries(trino_server)) - asked == 11 + 1


GROUPED = (
    "select {0}, count(*) as value from {2}{3} group by 1",
    "select count(*) as value, {0} as first, {1} from {2}{3} group by {1}, {0}",
    "select {1}, count(distinct {0}) as value, max({0}) as last from {2}{3} group by {1}",
    "select {1} from {2}{3} group by {1}",
)


def grouped(first: str, second: str, table: str, *wheres: str) -> list[Query]:
    """Return questions for groups by two columns, of which some rows have none."""
    return [Rows(form.format(first, second, table, one)) for one in wheres for form in GROUPED]


def test_groups_of_one_table_are_from_postgresql_in_one_scan_what_each_gets_alone(kpi: str) -> None:
    wheres = ("", " where hour >= '2026-11-10' and n > 5", " where n < 0")
    questions = grouped("model", "n", "kpi", *wheres)
    questions.append(Rows("select model, sum(x) as value from kpi group by model"))
    assert sizes_of_sets(Sql(name="kpi", url=kpi), questions) == [4, 4, 4]


def test_groups_of_one_table_are_from_trino_in_one_scan_what_each_gets_alone(
    trino_server: TrinoServer,
) -> None:
    source = Trino(name="adhoc", url=f"trino://monitor@127.0.0.1:{trino_server.port}/tpch")
    orders = "tpch.tiny.orders"
    questions = grouped("orderstatus", "shippriority", orders, "", " where custkey < 20")
    text = "select clerk, sum(custkey) as value from tpch.tiny.orders group by clerk"
    questions.append(Rows(text))
    asked = len(trino_server_queries(trino_server))
    assert sizes_of_sets(source, questions) == [5, 4]
    assert len(trino_server_queries(trino_server)) - asked == 9 + 2
    # A column with nulls among its values: no group of nulls may be taken for another set's.
    nulls = grouped("literal_prefix", "minimum_scale", "system.jdbc.types", "")
    assert sizes_of_sets(source, nulls) == [4]


def trino_server_queries(server: TrinoServer) -> list[str]:
    """Return the statements of ours that the cluster ran on the table."""
    found = httpx.get(f"{server.url}/v1/query", headers={"X-Trino-User": "monitor"}, timeout=10)
    return [one["query"] for one in found.raise_for_status().json() if "orders" in one["query"]]


def sizes_of_sets(source: Source, questions: list[Query]) -> list[int]:
    """Ask alone and together, compare, and return how many were together."""
    asking = Asking(datetime.now(UTC), timedelta(seconds=20))  # noqa: TID251  # the real server's

    async def story() -> list[int]:
        sets = source.merge(questions)
        for places in sets:
            mine = [questions[place] for place in places]
            alone = [said(await source.ask(one, asking)) for one in mine]
            together = await source.ask(Together(tuple(mine)), asking)
            assert isinstance(together, Answers)
            assert [said(part) for part in together.parts] == alone
        await source.close()
        return [len(places) for places in sets]

    return asyncio.run(story())


def said(answer: object) -> object:
    """Return all that an answer says; Prometheus gives series in no certain order."""
    if isinstance(answer, Updated):
        return answer.data_at
    columns = answer.columns  # type: ignore[attr-defined]  # a table
    return [tuple(columns), *sorted(zip(*columns.values(), strict=True), key=repr)]
