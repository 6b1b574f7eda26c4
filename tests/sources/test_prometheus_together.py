"""Selectors that differ in one value are one question, and everybody gets his own series."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from monitor.api import Answers, Asking, Query, Rows, Table, Together
from monitor.sources.prometheus import Prometheus
from monitor.sources.prometheus.expressions import merged, shapes
from monitor.sources.prometheus.reading import read_expression
from monitor.testing.prometheus import LatencyPoint, ScriptedPrometheus

ASKING = Asking(datetime(2026, 11, 24, 3, 30, tzinfo=UTC), timedelta(seconds=5))


@pytest.mark.parametrize(
    "text",
    [
        'up{job="a"}',
        ' up { job = "a" , instance!="b,c", } ',
        'rate(hits_total{job="a", code=~"5.."}[5m])',
        'max_over_time(job:lag:max{job="a"}[90s])',
        'sum{job="a"}',
        'sum(up{job="a"})',
        'sum(rate(hits_total{job="a"}[5m]))',
        'max by (dc, le) (up{job="a"})',
        'max(up{job="a"}) by (dc)',
        'histogram_quantile(0.99, sum by (le) (rate(took_bucket{job="a"}[5m])))',
        '100 * (1 - sum(rate(good{job="a"}[5m])) / sum(rate(all{job="a"}[5m])))',
    ],
)
def test_what_is_certain_is_read(text: str) -> None:
    assert read_expression(text) is not None


@pytest.mark.parametrize(
    "text",
    [
        "up",
        '{job="a"}',
        'up{job="a"} > 3',
        'up{job="a"}[5m]',
        'rate(hits_total{job="a"})',
        'rate(hits_total{job="a"}[5m] offset 1h)',
        'quantile_over_time(0.9, lag{job="a"}[5m])',
        'absent_over_time(up{job="a"}[5m])',
        'up{job="a"} # all of them',
        'up{job="a", job="b"}',
        'up{job="a\\"b"}',
        "up{job='a'}",
        'up{job="a" instance="b"}',
        'up{job="a"} or up{job="b"}',
        'up{job="a"} / up{job="a"}',
        '1 - up{job="a"}',
        "1 - 2",
        'sum(up{job="a"}',
        'sum(up{job="a"}))',
        'sum(up{job="a"}) > 3',
        'sum(up{job="a"}) / on (dc) sum(down{job="a"})',
        'sum without (dc) (up{job="a"})',
        'sum by (dc(up{job="a"})',
        'sum by (a:b) (up{job="a"})',
        'sum(sum by (dc) (up{job="a"}))',
        'topk(3, up{job="a"})',
        'quantile(0.9, up{job="a"})',
        'histogram_quantile(0.9, took_bucket{job="a"})',
        'sum(rate(up{job="a"}[5m:1m]))',
        '-sum(up{job="a"})',
        "(" * 100 + 'sum(up{job="a"})' + ")" * 100,
        "",
    ],
)
def test_what_may_be_something_else_is_not_read(text: str) -> None:
    assert read_expression(text) is None


def together(*texts: str) -> list[tuple[str, list[int]]]:
    return shapes({n: one for n, text in enumerate(texts) if (one := read_expression(text))})


def test_those_that_differ_in_one_label_are_of_one_shape() -> None:
    assert together('up{job="a",dc="x"}', 'up{job="b",dc="x"}', 'up{job="c",dc="y"}') == [
        ("job", [0, 1])
    ]
    assert together('up{job="a"}', 'down{job="b"}', 'up{job!="c"}', 'up{job=""}') == []
    assert together('rate(x{job="a"}[5m])', 'rate(x{job="b"}[1m])', 'x{job="c"}') == []


def test_the_value_of_what_is_computed_must_be_the_same_everywhere() -> None:
    share = "sum by (dc) (bad{{job={}}}) / sum by (dc) (all{{job={}}})"
    same = [share.format(value, value) for value in ('"a"', '"b"')]
    assert together(*same) == [("job", [0, 1])]
    assert together(share.format('"a"', '"x"'), share.format('"b"', '"x"')) == []
    # Alone nothing matches; with the label everywhere it would.
    half = 'sum by (job) (bad{{job="{0}"}}) / sum(all{{job="{0}"}})'
    assert together(half.format("a"), half.format("b")) == []
    # A quantile takes the buckets apart by their edges.
    edges = 'histogram_quantile(0.9, sum by (le) (took_bucket{{le="{}"}}))'
    assert together(edges.format("1"), edges.format("2")) == []
    assert together('sum by (le) (x{le="1"})', 'sum by (le) (x{le="2"})') == [("le", [0, 1])]
    assert together('sum(x{le="1"})', 'sum by (dc) (x{le="2"})') == []


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('sum(rate(x{job="V",dc!="y"}[5m]))', 'sum by (job) (rate(x{job=~"a|b", dc!="y"}[5m]))'),
        ('max(x{job="V"}) by (job, dc)', 'max by (job, dc) (x{job=~"a|b"})'),
        (
            'histogram_quantile(0.9,sum by(le)(rate(x{job="V"}[5m])))*2',
            'histogram_quantile(0.9,sum by (le, job) (rate(x{job=~"a|b"}[5m]))) * 2',
        ),
        (
            '100*(1-avg by(dc)(x{job="V"})/count(y{job="V"})by(dc))',
            '100 * (1 - avg by (dc, job) (x{job=~"a|b"}) / count by (dc, job) (y{job=~"a|b"}))',
        ),
    ],
)
def test_aggregations_keep_the_label_in_which_texts_differ(text: str, wanted: str) -> None:
    read = [one for v in "ab" if (one := read_expression(text.replace("V", v)))]
    assert merged(read, "job") == wanted


def test_values_are_quoted_for_the_regular_expression() -> None:
    selectors = [
        one for v in ("a.b", "c|d", "e") if (one := read_expression(f'rate(x{{job="{v}"}}[5m])'))
    ]
    assert merged(selectors, "job") == r'rate(x{job=~"a\\.b|c\\|d|e"}[5m])'


@pytest.fixture
def server() -> Iterator[ScriptedPrometheus]:
    up = [
        ((("instance", str(n)), ("job", job)), float(n))
        for job in ("a", "a.b", "acb", "c|d")
        for n in range(2)
    ]
    with ScriptedPrometheus(lambda _: [], lambda _: {"up": up}) as made:
        yield made


def ask(url: str, questions: Sequence[Query]) -> list[Table]:
    async def story() -> list[Table]:
        source = Prometheus(name="serving", url=url)
        alone = [await source.ask(one, ASKING) for one in questions]
        (places,) = source.merge(questions)
        assert list(places) == list(range(len(questions)))
        answer = await source.ask(Together(tuple(questions)), ASKING)
        await source.close()
        assert isinstance(answer, Answers)
        assert list(answer.parts) == alone
        return [part for part in answer.parts if isinstance(part, Table)]

    return asyncio.run(story())


def test_each_gets_the_series_that_it_would_get_alone_in_one_request(
    server: ScriptedPrometheus,
) -> None:
    jobs = ("a", "a.b", "c|d", "none")
    parts = ask(server.url, [Rows(f'up{{job="{job}"}}') for job in jobs])
    assert [len(part) for part in parts] == [2, 2, 2, 0]
    assert len(server.asked) == len(jobs) + 1
    assert server.asked[-1] == r'up{job=~"a|a\\.b|c\\|d|none"}'


def test_of_aggregations_each_gets_the_labels_that_it_would_get_alone() -> None:
    points = [
        LatencyPoint((("model", m), ("dc", "x")), r, 0.1, 1.0) for m, r in (("a", 3), ("b", 5))
    ]
    with ScriptedPrometheus(lambda _: points) as server:

        async def story(form: str) -> list[Mapping[str, object]]:
            source = Prometheus(name="serving", url=server.url)
            texts = tuple(Rows(form.format(model)) for model in "abc")
            answer = await source.ask(Together(texts), ASKING)
            await source.close()
            assert isinstance(answer, Answers)
            return [part.columns for part in answer.parts if isinstance(part, Table)]

        none = {"value": ()}
        found = asyncio.run(story('sum(rate(requests{{model="{}"}}[60s]))'))
        assert found == [{"value": (3.0,)}, {"value": (5.0,)}, none]
        found = asyncio.run(story('sum by (model) (rate(requests{{model="{}"}}[60s]))'))
        assert found[1:] == [{"model": ("b",), "value": (5.0,)}, none]
        assert len(server.asked) == 2
