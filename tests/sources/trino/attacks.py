"""Statements that write, and the disguises in which a SELECT may carry them."""

# ruff: noqa: S608  # building bad SQL is what this is for
from collections.abc import Callable, Iterator, Mapping

WRITES = (
    "insert into t select 1",
    "insert into t (a, b) values (1, 2)",
    "update t set a = 1",
    "update t set a = (select max(b) from s) where c in (1, 2)",
    "delete from t",
    "delete from hive.events.t where dt < date '2026-01-01'",
    "merge into t using s on t.a = s.a when matched then delete",
    "merge into t using s on t.a = s.a when not matched then insert values (1)",
    "create table x as select 1 as a",
    "create or replace table x as select 1 as a",
    "create table if not exists x (a integer)",
    "create view v as select 1 as a",
    "create or replace view v security definer as select 1 as a",
    "create materialized view m as select 1 as a",
    "create schema s",
    "create catalog c using memory",
    "create function f(x bigint) returns bigint return x + 1",
    "create role r",
    "drop table t",
    "drop table if exists t",
    "drop view v",
    "drop materialized view m",
    "drop schema s cascade",
    "drop catalog c",
    "drop function f(bigint)",
    "drop role r",
    "truncate table t",
    "alter table t add column b integer",
    "alter table t drop column b",
    "alter table t rename to u",
    "alter table t execute optimize",
    "alter table t execute expire_snapshots(retention_threshold => '0s')",
    "alter table t set properties partitioning = array['a']",
    "alter view v rename to w",
    "alter schema s rename to z",
    "alter materialized view m rename to n",
    "call system.runtime.kill_query('q', 'because')",
    "call iceberg.system.rollback_to_snapshot('s', 't', 1)",
    "call hive.system.sync_partition_metadata('s', 't', 'FULL')",
    "grant select on t to u",
    "grant insert on t to role public",
    "revoke select on t from u",
    "deny select on t to u",
    "refresh materialized view m",
    "comment on table t is 'gone'",
    "analyze t",
    "set session a = 1",
    "set session authorization 'admin'",
    "reset session a",
    "set role admin",
    "set path a.b",
    "set time zone 'UTC'",
    "use a.b",
    "start transaction",
    "commit",
    "rollback",
    "prepare p from delete from t",
    "execute p",
    "deallocate prepare p",
    "execute immediate 'delete from t'",
)

SESSION = {"analyze", "set", "reset", "use", "start", "commit", "rollback", "prepare", "execute"}
SESSION |= {"deallocate"}
"""These stand in brackets only as names: ``from (start transaction)`` reads the table ``start``."""

DISGUISES: Mapping[str, Callable[[str], str]] = {
    "plain": lambda it: it,
    "capitals": str.upper,
    "spaces": lambda it: "\n\t" + it.replace(" ", "  \n"),
    "comments between": lambda it: it.replace(" ", " /* select 1 */ "),
    "comment before": lambda it: f"/* select 1 */ {it}",
    "line comment before": lambda it: f"-- select 1\n{it}",
    "line comment that ends at a return": lambda it: f"-- select 1\r{it}",
    "comments that seem to nest": lambda it: f"/* /* */ {it} -- */ select 1",
    "comments that seem to nest, after": lambda it: f"select 1 /* /* */; {it} -- */",
    "template comment": lambda it: f"{{# x #}} {it}",
    "in brackets": lambda it: f"({it})",
    "as a CTE": lambda it: f"with a as ({it}) select * from a",
    "as a table": lambda it: f"select * from ({it}) as t",
    "as a value": lambda it: f"select ({it})",
    "as a condition": lambda it: f"select 1 where exists ({it})",
    "in a union": lambda it: f"select 1 union all {it}",
    "after a SELECT": lambda it: f"select 1; {it}",
    "before a SELECT": lambda it: f"{it}; select 1",
    "after an empty one": lambda it: f"; {it}",
    "after two signs": lambda it: f"select 1;; {it};",
    "after a text with a comment": lambda it: f"select '/*'; {it} -- */'",
    "after a quoted name": lambda it: f'select 1 as "a""; --"; {it}',
    "after an escape that is none": lambda it: f"select '\\'; {it} --'",
    "after a comment in dollars": lambda it: f"select $$ -- $$; {it}",
    "explained": lambda it: f"explain analyze {it}",
    "with a mark before": lambda it: f"\ufeff{it}",
}

PASSING = (
    "pg.system.query(query => '{}')",
    "pg.system.query('{}')",
    '"pg"."system"."query"(query => \'{}\')',
    "PG.SYSTEM.QUERY(QUERY => '{}')",
    "system.query(query => '{}')",
    "query(query => '{}')",
    "pg.system.execute(query => '{}')",
    "bq.system.query(query => '{}')",
    "es.system.raw_query(schema => 's', index => 'i', query => '{}')",
    "mongo.system.query(database => 'd', collection => 'c', filter => '{}')",
    "sqlserver.system.procedure(query => '{}')",
    "mine.anything.at_all('{}')",
    "pg /* x */ . system . /* y */ query /* z */ (query => '{}')",
    "pg.system.query(query => $$ {} $$)",
)

PLACES: Mapping[str, Callable[[str], str]] = {
    "from": lambda it: f"select * from table({it})",
    "capitals": lambda it: f"SELECT * FROM TABLE ( {it} )",
    "a comment before the bracket": lambda it: f"select * from table /* ( */ ({it})",
    "a line comment before the bracket": lambda it: f"select * from table -- (\n({it})",
    "joined": lambda it: f"select * from t cross join table({it}) as q",
    "second table": lambda it: f"select * from t, table({it}) as q",
    "lateral": lambda it: f"select * from t cross join lateral (select * from table({it}))",
    "subquery": lambda it: f"select (select max(a) from table({it}))",
    "condition": lambda it: f"select 1 where exists (select 1 from table({it}))",
    "CTE": lambda it: f"with q as (select * from table({it})) select * from q",
    "union": lambda it: f"select 1 union all select * from table({it})",
    "argument": lambda it: (
        f"select * from table(exclude_columns(input => table(select * from table({it})), "
        "columns => descriptor(a)))"
    ),
    "argument by name": lambda it: f"select * from table(exclude_columns(input => table({it})))",
    "brackets": lambda it: f"((select * from table({it})))",
    "comments that seem to nest": lambda it: f"select * from t /* /* */, table({it}) -- */",
    "after a text": lambda it: f"select '\\' from table({it}) --'",
    "after a template comment": lambda it: f"select 1 {{# x #}} from table({it})",
    "after dollars": lambda it: f"select $$ ' $$ from table({it}) -- '",
    "alias and sample": lambda it: f"select * from table({it}) as q (a) tablesample system (10)",
    "ordered": lambda it: f"select * from table({it}) order by 1 limit 1",
}


def attacks() -> Iterator[tuple[str, str]]:
    """Yield every attack with its name; each once."""
    seen: set[str] = set()
    for name, disguise in DISGUISES.items():
        for write in WRITES:
            if name.startswith("as a ") and write.split()[0] in SESSION:
                continue
            yield from _new(f"{name}: {write}", disguise(write), seen)
    for place, put in PLACES.items():
        for call in PASSING:
            text = put(call.format("delete from t"))
            yield from _new(f"{place}: {call}", text, seen)


def _new(name: str, text: str, seen: set[str]) -> Iterator[tuple[str, str]]:
    if text not in seen:
        seen.add(text)
        yield name, text
