import asyncio
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from monitor.api import (
    Answer,
    Asking,
    Labels,
    Latencies,
    Quantiles,
    Query,
    Rows,
    SourceError,
    Table,
    connections,
)
from monitor.sources.prometheus import Prometheus, quantile
from monitor.testing.prometheus import LatencyPoint, ScriptedPrometheus

NOW = datetime(2026, 11, 24, 3, 30, tzinfo=UTC)
QUERY = Quantiles("h", ("model",), (0.5, 0.99), timedelta(minutes=5), 'r{s="error"}', "r", 0.25)


def service(at: datetime) -> Sequence[LatencyPoint]:
    slow = at >= NOW
    return [LatencyPoint((("model", "ranker"),), 100.0, 0.4 if slow else 0.04, 0.3, 0.02)]


@pytest.fixture
def server() -> Iterator[ScriptedPrometheus]:
    gauges = {"up": [((("job", "x"),), 1.0)]}
    with ScriptedPrometheus(service, lambda _: gauges) as made:
        yield made


def ask(url: str, query: Query, at: datetime = NOW) -> Answer:
    async def story() -> Answer:
        source = Prometheus(name="serving", url=url)
        try:
            return await source.ask(query, Asking(at, timedelta(seconds=2)))
        finally:
            await source.close()

    return asyncio.run(story())


def test_quantiles_errors_and_share_below_are_those_of_the_moment(
    server: ScriptedPrometheus,
) -> None:
    slow, fast = (ask(server.url, QUERY, at) for at in (NOW, NOW - timedelta(hours=1)))
    assert isinstance(slow, Latencies)
    assert isinstance(fast, Latencies)
    (one,) = slow.slices
    assert one.slice == (("model", "ranker"),)
    assert 0.25 < one.quantiles[0.5] < 0.5
    assert one.errors == pytest.approx(0.02)
    assert one.below is not None
    assert one.below < 0.1
    assert fast.slices[0].quantiles[0.99] < 0.25


def test_an_instant_query_is_a_table_with_labels(server: ScriptedPrometheus) -> None:
    table = ask(server.url, Rows("up"))
    assert isinstance(table, Table)
    assert table.columns == {"job": ("x",), "value": (1.0,)}


def test_no_series_is_an_empty_table_and_no_error(server: ScriptedPrometheus) -> None:
    table = ask(server.url, Rows("nothing"))
    assert isinstance(table, Table)
    assert len(table) == 0


@pytest.mark.parametrize(
    ("status", "fault"), [(401, "auth"), (503, "overload"), (500, "protocol"), (404, "protocol")]
)
def test_failures_are_told_apart(server: ScriptedPrometheus, status: int, fault: str) -> None:
    server.status = status
    with pytest.raises(SourceError) as caught:
        ask(server.url, Rows("up"))
    assert caught.value.fault == fault


def test_a_broken_expression_is_the_fault_of_the_check(server: ScriptedPrometheus) -> None:
    with pytest.raises(SourceError, match="cannot parse") as caught:
        ask(server.url, Rows("sum(("))
    assert caught.value.blames_check


def test_an_answer_that_is_too_large_is_the_fault_of_the_check(
    server: ScriptedPrometheus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "MOST_BYTES", 10)
    with pytest.raises(SourceError, match="let the query give fewer series") as caught:
        ask(server.url, Rows("up"))
    assert caught.value.fault == "query"


def test_a_server_that_is_not_there_is_unreachable() -> None:
    with pytest.raises(SourceError) as caught:
        ask("http://127.0.0.1:9", Rows("up"))
    assert caught.value.fault == "unreachable"


def test_a_quantile_in_the_last_bucket_is_at_least_its_lower_edge() -> None:
    edges = {0.1: 50.0, 1.0: 90.0, float("inf"): 100.0}
    assert quantile(0.5, edges) == (0.1, False)
    assert quantile(0.7, edges)[0] == pytest.approx(0.55)
    assert quantile(0.99, edges) == (1.0, True)


def test_a_regex_that_re2_would_refuse_is_an_objection() -> None:
    source = Prometheus(name="p", url="http://127.0.0.1:9")

    def objections(text: str) -> list[str]:
        return list(source.objections(Rows(text)))

    assert objections('up{job=~"api|web\\\\.[0-9]+", pod!~`a\\d+`}') == []
    (one,) = objections('up{job=~"(?!api).*"}')
    assert one.startswith('"(?!api).*" is no regular expression to RE2')
    query = Quantiles("h", (), (0.99,), timedelta(minutes=5), 'e{x=~"("}', "r")
    assert len(list(source.objections(query))) == 1


def test_a_name_that_all_series_have_is_no_label_and_one_of_several_is() -> None:
    both = [((("__name__", name), ("job", "x")), 1.0) for name in ("up", "down")]
    gauges: dict[str, list[tuple[Labels, float]]] = {
        "up": [((("job", "x"),), 1.0), ((("job", "y"),), 0.0)],
        "count by (__name__) (up)": [((("__name__", "up"),), 2.0)],
        '{job="x"}': list(both),
    }
    with ScriptedPrometheus(service, lambda _: gauges) as server:
        found = [ask(server.url, Rows(query)) for query in gauges]
    names = [set(one.columns) - {"value"} for one in found if isinstance(one, Table)]
    assert names == [{"job"}, {"__name__"}, {"__name__", "job"}]
