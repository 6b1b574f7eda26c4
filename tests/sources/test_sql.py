import asyncio
import shutil
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from monitor.api import (
    Answer,
    Asking,
    LastUpdate,
    PartitionList,
    Partitions,
    Query,
    Rows,
    SourceError,
    Table,
    Updated,
)
from monitor.sources.sql import Sql
from tests.calls import calls_of

NOW = datetime(2026, 11, 24, 3, 30, tzinfo=UTC)
ASKING = Asking(NOW, timedelta(seconds=5))


@pytest.fixture
def url(tmp_path: Path) -> str:
    with sqlite3.connect(tmp_path / "kpi.db") as connection:
        connection.execute("create table kpi (hour text, model text, n integer)")
        rows = [(f"2026-11-24 0{hour}:00:00", "ctr", hour * 10) for hour in range(3)]
        connection.executemany("insert into kpi values (?, ?, ?)", rows)
    connection.close()
    return f"sqlite:///{tmp_path}/kpi.db"


def ask(url: str, query: Query, asking: Asking = ASKING) -> Answer:
    async def story() -> Answer:
        source = Sql(name="kpi", url=url)
        try:
            return await source.ask(query, asking)
        finally:
            await source.close()

    return asyncio.run(story())


def fault(url: str, query: Query, asking: Asking = ASKING) -> str:
    with pytest.raises(SourceError) as caught:
        ask(url, query, asking)
    return caught.value.fault


def test_rows_are_columns_and_since_is_the_window(url: str) -> None:
    since = datetime(2026, 11, 24, 1, tzinfo=UTC)
    text = "select model, n as value from kpi where hour >= {{since}} order by hour"
    table = ask(url, Rows(text, since))
    assert isinstance(table, Table)
    assert table.columns == {"model": ("ctr", "ctr"), "value": (10, 20)}


def test_an_empty_answer_keeps_its_columns(url: str) -> None:
    table = ask(url, Rows("select n as value from kpi where n < 0"))
    assert isinstance(table, Table)
    assert (list(table.columns), len(table)) == (["value"], 0)


def test_the_newest_moment_is_read_as_utc(url: str) -> None:
    found = ask(url, LastUpdate("kpi", "hour"))
    assert isinstance(found, Updated)
    assert found.data_at == datetime(2026, 11, 24, 2, tzinfo=UTC)


def test_partitions_lie_in_the_window_and_have_rows(url: str) -> None:
    since, until = NOW - timedelta(hours=3), NOW
    found = ask(url, Partitions("kpi", "hour", "hour", since, until))
    assert isinstance(found, PartitionList)
    assert [(one.start.hour, one.rows) for one in found.partitions] == [(1, 1), (2, 1)]


@pytest.mark.parametrize(
    "text",
    [
        "delete from kpi",
        "select 1; drop table kpi",
        "insert into kpi select * from kpi",
        "with x as (select 1) delete from kpi",
        "update kpi set n = 0",
        "pragma journal_mode = wal",
        "attach database 'x' as y",
        "vacuum",
    ],
)
def test_only_a_single_select_may_be_asked(url: str, text: str) -> None:
    assert fault(url, Rows(text)) == "query"


def test_what_is_wrong_is_told_apart(url: str, tmp_path: Path) -> None:
    assert fault(url, Rows("select * from nowhere")) == "missing"
    assert fault(url, Rows("select nothing from kpi")) == "query"
    assert fault(f"sqlite:///{tmp_path}/none.db", Rows("select 1")) == "unreachable"
    assert not (tmp_path / "none.db").exists()


def test_a_query_that_never_ends_is_stopped_at_the_deadline(url: str) -> None:
    text = "with recursive n(i) as (select 1 union all select i + 1 from n) select max(i) from n"
    assert fault(url, Rows(text), Asking(NOW, timedelta(milliseconds=200))) == "timeout"


def test_a_sum_that_overflows_is_the_fault_of_the_check(url: str) -> None:
    assert fault(url, Rows("select sum(9223372036854775807) as value from kpi")) == "query"


def test_a_small_question_to_sqlite_is_asked_past_sqlalchemy(url: str) -> None:
    source, question = Sql(name="kpi", url=url), Rows("select count(*) as value from kpi")
    answer = source.ask_blocking(question, ASKING)
    assert isinstance(answer, Table)
    assert answer.columns == {"value": (3,)}
    count = calls_of(lambda: source.ask_blocking(question, ASKING))
    assert count < 30  # 89 with a connection of SQLAlchemy's pool, twice as many through it
    asyncio.run(source.close())


def test_only_a_file_of_sqlite_is_local(url: str) -> None:
    assert Sql(name="kpi", url=url).is_local
    assert not Sql(name="kpi", url="sqlite://").is_local


def test_a_connection_to_sqlite_is_read_on_until_reading_fails(url: str) -> None:
    source = Sql(name="kpi", url=url)
    assert source._engine is not None
    made: list[sqlite3.Connection] = []
    sa.event.listen(source._engine, "connect", lambda connection, _: made.append(connection))
    for _ in range(3):
        source.ask_blocking(Rows("select n from kpi"), ASKING)
    with pytest.raises(SourceError):
        source.ask_blocking(Rows("select nothing from kpi"), ASKING)
    source.ask_blocking(Rows("select n from kpi"), ASKING)
    asyncio.run(source.close())
    assert len(made) == 2
    for connection in made:
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            connection.execute("select 1")


@pytest.mark.parametrize("question", [Rows("select n from kpi"), LastUpdate("kpi", "hour")])
def test_a_file_that_another_one_replaced_is_read_no_more(
    url: str, tmp_path: Path, question: Query
) -> None:
    source, path = Sql(name="kpi", url=url), Path(url.removeprefix("sqlite:///"))
    before = source.ask_blocking(question, ASKING)
    shutil.copy(path, tmp_path / "new.db")
    with sqlite3.connect(tmp_path / "new.db") as new:
        new.execute("delete from kpi")
    new.close()
    (tmp_path / "new.db").replace(path)
    assert source.ask_blocking(question, ASKING) != before
    path.unlink()
    with pytest.raises(SourceError, match=f"there is no file {path}"):
        source.ask_blocking(question, ASKING)
    asyncio.run(source.close())
