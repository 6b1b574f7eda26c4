import pytest

from monitor.api import SourceError
from monitor.sources.trino.guard import guard

READING = [
    "select 1",
    "select 1;",
    "select count(*) as value from t where dt >= TIMESTAMP '2026-11-24 00:00:00'",
    "with a as (select 1 as x) select * from a union all select 2",
    "(select 1) union (select 2)",
    'select * from events."t$partitions"',
    "select * from t for version as of 3",
    "select * from table(sequence(1, 3))",
    "select * from table(exclude_columns(input => table(t), columns => descriptor(a)))",
    "select * from table(iceberg.system.table_changes('s', 't', 1, 2))",
    "select * from unnest(array[1, 2]) as u (x)",
    "select hive.udf.normal(x) from t",
    "select transform(array[1], x -> x + 1)",
    "select 'delete from t' as text",
    'select "delete", "update" from t',
    "select approx_percentile(x, 0.95) filter (where y) over () from t tablesample system (10)",
    "with function f(x integer) returns integer return x + 1 select f(1)",
]

REFUSED = [
    "",
    "-- nothing",
    "insert into t select 1",
    "update t set a = 1",
    "delete from t",
    "merge into t using s on t.a = s.a when matched then delete",
    "create table t as select 1",
    "create view v as select 1",
    "drop table t",
    "truncate table t",
    "alter table t execute optimize",
    "call system.runtime.kill_query('x', 'y')",
    "grant select on t to u",
    "refresh materialized view v",
    "prepare p from select 1",
    "execute immediate 'delete from t'",
    "set session a = 1",
    "with session query_max_run_time = '10d' select 1",
    "use a.b",
    "start transaction",
    "explain analyze delete from t",
    "show tables",
    "select 1; select 2",
    "select 1; delete from t",
    "with a as (insert into t select 1) select 1",
    "select * into z from t",
    "select * from table(pg.system.query(query => 'delete from t'))",
    "SELECT * FROM TABLE ( pg.system.query ( query => 'delete from t' ) )",
    'select * from table("pg"."system"."query"(\'delete from t\'))',
    "select * from t, table(/* x */ pg.system.execute(query => 'x')) as q",
    "select * from t cross join lateral table(es.system.raw_query(query => 'x'))",
    "select (select max(a) from table(pg.system.procedure(query => 'x')))",
    "with q as (select * from table(pg.system.query(query => 'x'))) select * from q",
    "select * from table(mine.anything.at_all('x'))",
    "select * from table(query('x'))",
    "select * from",
    "select a, from t where",
    "select count(*) from (select 1",
    "select 1 +",
]


@pytest.mark.parametrize("text", READING)
def test_what_only_reads_passes(text: str) -> None:
    guard(text)


@pytest.mark.parametrize("text", REFUSED)
def test_what_may_write_or_is_no_single_select_is_refused(text: str) -> None:
    with pytest.raises(SourceError) as caught:
        guard(text)
    assert caught.value.fault == "query"


def test_the_refusal_names_the_table_function() -> None:
    with pytest.raises(SourceError, match="'query'"):
        guard("select * from table(pg.system.query(query => 'x'))")
