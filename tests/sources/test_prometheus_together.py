"""Selectors that differ in one value are one question, and everybody gets his own series."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from monitor.api import Answers, Asking, Query, Rows, Table, Together
from monitor.sources.prometheus import Prometheus
from monitor.sources.prometheus.selectors import merged, read_selector, shapes
from monitor.testing.prometheus import ScriptedPrometheus

ASKING = Asking(datetime(2026, 11, 24, 3, 30, tzinfo=UTC), timedelta(seconds=5))


@pytest.mark.parametrize(
    "text",
    [
        'up{job="a"}',
        ' up { job = "a" , instance!="b,c", } ',
        'rate(hits_total{job="a", code=~"5.."}[5m])',
        'max_over_time(job:lag:max{job="a"}[90s])',
    ],
)
def test_a_selector_and_a_function_of_its_own_past_are_read(text: str) -> None:
    assert read_selector(text) is not None


@pytest.mark.parametrize(
    "text",
    [
        "up",
        '{job="a"}',
        'up{job="a"} > 3',
        'up{job="a"}[5m]',
        'sum(up{job="a"})',
        'sum(rate(hits_total{job="a"}[5m]))',
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
    ],
)
def test_what_may_be_something_else_is_not_read(text: str) -> None:
    assert read_selector(text) is None


def together(*texts: str) -> list[tuple[str, list[int]]]:
    return shapes({n: one for n, text in enumerate(texts) if (one := read_selector(text))})


def test_those_that_differ_in_one_label_are_of_one_shape() -> None:
    assert together('up{job="a",dc="x"}', 'up{job="b",dc="x"}', 'up{job="c",dc="y"}') == [
        ("job", [0, 1])
    ]
    assert together('up{job="a"}', 'down{job="b"}', 'up{job!="c"}', 'up{job=""}') == []
    assert together('rate(x{job="a"}[5m])', 'rate(x{job="b"}[1m])', 'x{job="c"}') == []


def test_values_are_quoted_for_the_regular_expression() -> None:
    selectors = [
        one for v in ("a.b", "c|d", "e") if (one := read_selector(f'rate(x{{job="{v}"}}[5m])'))
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
