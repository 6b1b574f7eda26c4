"""What many ask in one statement is what each would have got alone."""

import asyncio
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.api import (
    Answer,
    Answers,
    Asking,
    LastUpdate,
    Query,
    Rows,
    SourceError,
    Table,
    Together,
    Updated,
)
from monitor.api.scalars import one_scan, read_scalar, scans
from monitor.sources.sql import Sql
from tests.often import often

ASKING = Asking(datetime(2026, 11, 24, 3, 30, tzinfo=UTC), timedelta(seconds=5))

cells = st.one_of(
    st.none(),
    st.integers(-(2**40), 2**40),
    st.floats(allow_nan=False, min_value=-1e9, max_value=1e9),
    st.sampled_from(["ctr", "cvr", "10:30", ""]),
)
columns = st.sampled_from(["n", "m", "model"])
aggregates = st.one_of(
    st.just("count(*)"),
    st.builds("{}({})".format, st.sampled_from(["count", "sum", "avg", "min", "max"]), columns),
    st.builds("count(distinct {})".format, columns),
    st.builds("coalesce(sum({}), 0) / count(*)".format, columns),
    st.builds("n + max({})".format, columns),
)
values = st.sampled_from(["'ctr'", "'cvr'", "'10:30'", "0", "7", "2.5"])
conditions = st.one_of(
    st.builds("{} {} {}".format, columns, st.sampled_from(["=", "<", ">=", "<>", "is"]), values),
    st.builds("{} in ({}, {})".format, columns, values, values),
    st.builds("({} = {} or n > 3)".format, columns, values),
    st.just("m is null or n = 7"),
)
wheres = st.lists(conditions, max_size=2).map(
    lambda parts: f" where {' and '.join(parts)}" if parts else ""
)
rows_of = st.builds(
    "select {} as value from {}{}".format, aggregates, st.sampled_from(["kpi", "other"]), wheres
).map(Rows)
questions = st.lists(
    st.one_of(
        rows_of,
        st.builds(LastUpdate, st.sampled_from(["kpi", "other"]), st.just("hour")),
        st.just(Rows("select model, count(*) as value from kpi group by 1")),
    ),
    min_size=2,
    max_size=12,
    unique=True,
)


def fill(path: Path, rows: Sequence[tuple[object, ...]], *, is_indexed: bool) -> None:
    with sqlite3.connect(path) as connection:
        for table in ("kpi", "other"):
            connection.execute(f"drop table if exists {table}")
            connection.execute(f"create table {table} (hour text, model text, n, m)")
            connection.executemany(f"insert into {table} values (?, ?, ?, ?)", rows)  # noqa: S608
            rows = rows[::2]
            if is_indexed:
                connection.execute(f"create index {table}_n on {table} (n)")
    connection.close()


async def alone(source: Sql, query: Query) -> object:
    try:
        return said(await source.ask(query, ASKING))
    except SourceError as error:
        return error.fault


def said(answer: Answer) -> object:
    """Return all that an answer says, with the types of its cells."""
    if isinstance(answer, Table):
        return {name: [(type(c), c) for c in cells] for name, cells in answer.columns.items()}
    assert isinstance(answer, Updated)
    return answer.data_at


@settings(
    max_examples=often(12, 150),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([None, "2026-11-23 10:00:00", "2026-11-24 03:00:00"]),
            st.sampled_from([None, "ctr", "cvr", "10:30"]),
            cells,
            cells,
        ),
        max_size=20,
    ),
    st.booleans(),
    questions,
)
def test_each_part_of_a_merged_statement_is_bit_for_bit_what_it_is_alone(
    tmp_path: Path,
    rows: list[tuple[object, ...]],
    is_indexed: bool,
    questions: list[Query],
) -> None:
    path = tmp_path / "kpi.db"
    # Where floating-point numbers are added in the order of an index, so they are alone.
    fill(path, rows, is_indexed=is_indexed)

    async def story() -> None:
        source = Sql(name="kpi", url=f"sqlite:///{path}")
        for places in source.merge(questions):
            mine = [questions[place] for place in places]
            want = [await alone(source, one) for one in mine]
            if "query" in want:  # a sum that overflows; the engine finds out whose
                continue
            answer = await source.ask(Together(tuple(mine)), ASKING)
            assert isinstance(answer, Answers)
            assert [said(part) for part in answer.parts] == want
        await source.close()

    asyncio.run(story())


@settings(max_examples=often(15, 100))
@given(st.lists(st.tuples(columns, cells, st.integers(0, 9)), max_size=30), st.data())
def test_with_filters_one_scan_counts_and_adds_what_each_would(
    rows: list[tuple[object, object, int]], data: st.DataObject
) -> None:
    connection = sqlite3.connect(":memory:")
    connection.execute("create table kpi (model text, m, n integer)")
    connection.executemany("insert into kpi values (?, ?, ?)", rows)
    texts = data.draw(
        st.lists(
            st.builds(
                "select {} as value from kpi where model = {} and n = {}".format,
                st.sampled_from(["count(*)", "sum(n)", "coalesce(sum(n), 0) / count(m)"]),
                st.sampled_from(["'n'", "'m'", "'model'"]),
                st.sampled_from(["1", "2", "3.0"]),
            ),
            min_size=2,
            max_size=8,
            unique=True,
        )
    )
    scalars = [one for text in texts if (one := read_scalar(text))]
    assert len(scalars) == len(texts)
    for places in scans(dict(enumerate(scalars)), filters=True):
        mine = [scalars[place] for place in places]
        want = [connection.execute(one.statement).fetchone()[0] for one in mine]
        assert list(connection.execute(one_scan(mine)).fetchone()) == want
    connection.close()


@pytest.fixture
def url(tmp_path: Path) -> str:
    fill(tmp_path / "kpi.db", [("2026-11-24 03:00:00", "ctr", 1, 2)], is_indexed=False)
    return f"sqlite:///{tmp_path}/kpi.db"


def test_what_is_about_the_same_rows_is_one_scan_and_the_rest_one_statement(url: str) -> None:
    mine = [
        Rows("select count(*) as value from kpi"),
        Rows("select count(n) as total from kpi"),
        Rows("select count(*) as value from other"),
        LastUpdate("kpi", "hour"),
        Rows("select model, n as value from kpi"),
        Rows("select count(*) as value from kpi where hour > {{ since }}", ASKING.now),
    ]
    assert Sql(name="kpi", url=url).merge(mine) == [[0, 1], [2, 3], [4, 5]]
    postgres = Sql(name="kpi", url=url)
    postgres._engine.dialect.name = "postgresql"  # type: ignore[union-attr]  # as if it was one
    assert postgres.merge(mine) == [[0, 1], [2, 3]]


def test_what_sqlite_answers_in_turn_shares_one_deadline(url: str) -> None:
    async def story() -> None:
        source = Sql(name="kpi", url=url)
        slow = "select n as value from kpi where n < (with recursive c(x) as (select 1 union all select x + 1 from c) select max(x) from c)"  # noqa: E501
        mine = (Rows("select model, n as value from kpi"), Rows(slow), Rows("select n from other"))
        with pytest.raises(SourceError) as caught:
            await source.ask(Together(mine), replace(ASKING, timeout=timedelta(seconds=0.2)))
        assert caught.value.fault == "timeout"
        fast = await source.ask(Together((mine[0], mine[2])), ASKING)
        assert isinstance(fast, Answers)
        assert [said(part) for part in fast.parts] == [await alone(source, mine[n]) for n in (0, 2)]
        assert fast.cost.queries == 2
        await source.close()

    asyncio.run(story())


def test_a_database_for_which_it_is_not_proven_merges_nothing() -> None:
    mine = [Rows("select count(*) as value from kpi"), Rows("select sum(n) as total from kpi")]
    source = Sql(name="kpi", url="sqlite:///x.db")
    source._engine.dialect.name = "other"  # type: ignore[union-attr]  # as if of another driver
    assert list(source.merge(mine)) == []


def test_a_merged_statement_is_guarded_like_any_other(url: str) -> None:
    async def story() -> None:
        source = Sql(name="kpi", url=url)
        mine = (Rows("select count(*) as value from kpi"), Rows("delete from kpi"))
        with pytest.raises(SourceError, match="only a single SELECT"):
            await source.ask(Together(mine), ASKING)
        await source.close()

    asyncio.run(story())
