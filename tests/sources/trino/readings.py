"""SELECTs that checks of a data platform ask; all of them only read."""

# ruff: noqa: E501  # a statement a line
from collections.abc import Iterator
from itertools import product

BASES = (
    "select {what} from {table}",
    "select {what} from {table} where dt >= {since}",
    "select dt, {what} from {table} where dt >= {since} group by 1",
    "select dt, variant, {what} from {table} where dt between {since} and now() group by dt, 2",
    "with recent as (select * from {table} where dt >= {since}) select {what} from recent",
    "select {what} from (select * from {table} where dt >= {since}) as t",
    "select {what} from {table} as t join hive.dim.model as m on t.model_id = m.id",
    "select {what} from {table} as t left join hive.dim.model as m using (model_id)",
    "select {what} from {table} having count(*) > 0",
    "select {what} from {table} where dt >= {since} and not is_bot order by 1 desc limit 10",
    "select {what} from {table} tablesample bernoulli (10)",
    "select model, {what} from {table} group by grouping sets ((model), ())",
    "select model, {what} from {table} group by rollup (model)",
    "select {what} from {table} where dt >= {since} union all select 0",
    "select 1 from {table} where exists (select {what} from {table} where dt >= {since})",
)
WHATS = (
    "count(*) as value",
    "count(distinct user_id) as value",
    "sum(impressions) as value",
    "1.0 * sum(if(opted_out, 1, 0)) / nullif(count(*), 0) as value",
    "approx_percentile(latency_ms, 0.99) as value",
    "avg(duration) filter (where duration > 0) as value",
    "max(try_cast(payload as bigint)) as value",
    "coalesce(sum(revenue), 0) as value",
    "approx_distinct(user_id) as value",
    "max_by(model, score) as value",
)
TABLES = (
    "events",
    "events.impressions_hourly",
    "hive.events.impressions_hourly",
    'iceberg.events."impressions$partitions"',
    '"hive"."events"."delete"',
)
SINCES = (
    "TIMESTAMP '2026-11-24 00:00:00'",
    "date_add('day', -1, current_date)",
    "current_timestamp - interval '2' hour",
)

ALONE = (
    "select 1",
    "select 1;",
    "SELECT 1 AS one, 'x' AS text",
    "(select 1)",
    "(select 1) union (select 2)",
    "select 1 except select 2 intersect select 3",
    "values 1, 2, 3",
    "values (1, 'a'), (2, 'b')",
    "table events",
    "with a as (select 1 as x), b as (select x + 1 as y from a) select * from b",
    "with recursive t(n) as (values 1 union all select n + 1 from t where n < 9) select n from t",
    "select 'delete from t; drop table t' as text",
    "select 'it''s' as text",
    'select "delete", "update", "insert" from t',
    'select "a""b" from "select"',
    "select * from t -- delete from t",
    "select * from t /* ; drop table t */",
    "select * from t for version as of 4711",
    "select * from t for timestamp as of timestamp '2026-11-24 00:00:00 UTC'",
    "select committed_at, operation from \"t$snapshots\" where summary['added-records'] <> '0'",
    'select * from "t$history" order by made_current_at desc limit 1',
    "select * from system.runtime.queries where state = 'RUNNING'",
    "select * from system.metadata.materialized_views where catalog_name = 'iceberg'",
    'select * from jmx.current."trino.execution:name=querymanager"',
    "select table_name from information_schema.tables where table_schema = 'events'",
    "select * from table(sequence(start => 1, stop => 10))",
    "select * from table(exclude_columns(input => table(t), columns => descriptor(a, b)))",
    "select * from table(exclude_columns(input => table(select * from t), columns => descriptor(a)))",
    "select * from table(iceberg.system.table_changes('s', 't', 1, 2))",
    "select * from unnest(array[1, 2], array['a', 'b']) with ordinality as u (x, y, n)",
    "select t.a, u.x from t cross join unnest(t.tags) as u (x)",
    "select t.a, l.n from t cross join lateral (select count(*) as n from s where s.a = t.a) as l",
    "select transform(array[1, 2], x -> x * 2), reduce(a, 0, (s, x) -> s + x, s -> s) from t",
    "select filter(a, x -> x is not null), map_filter(m, (k, v) -> v > 1), zip(a, b) from t",
    "select row_number() over (partition by a order by b desc) as n from t",
    "select lag(x, 1) over w as before from t window w as (partition by a order by b)",
    "select sum(x) over (order by t range between interval '1' day preceding and current row) from s",
    "select first_value(x) ignore nulls over (order by t) from s",
    "select ntile(4) over (order by x), percent_rank() over (order by x) from t",
    "select a, b, count(*) from t group by cube (a, b)",
    "select grouping(a), count(*) from t group by grouping sets ((a), ())",
    "select listagg(name, ', ') within group (order by name) from t",
    "select array_agg(x order by y desc) filter (where x > 1) from t",
    "select count(*) filter (where status >= 500) * 1e0 / count(*) from t",
    "select cast(row(1, 'a') as row(x integer, y varchar)).x",
    "select map(array['a'], array[1])['a'], element_at(m, 'b'), array[1, 2][1] from t",
    "select json_extract_scalar(payload, '$.user.id') from t",
    "select json_value(payload, 'lax $.a' returning integer default 0 on empty) from t",
    "select json_query(payload, 'lax $.a[*]' with array wrapper) from t",
    "select json_exists(payload, 'strict $.a') from t",
    "select json_object('a': 1, 'b': x null on null) from t",
    "select * from json_table(p, 'lax $' columns (a integer path 'lax $.a'))",
    "select date_trunc('hour', at at time zone 'Asia/Kolkata') from t",
    "select from_unixtime(ts), to_unixtime(now()), date_diff('minute', a, b) from t",
    "select extract(hour from at), year(at), day_of_week(at) from t",
    "select timestamp '2026-01-01 00:00:00.123 Europe/Berlin', date '2026-01-01', time '01:02:03'",
    "select interval '1' day, interval '2-3' year to month, interval '1 02:03' day to minute",
    "select current_date, current_timestamp(6), localtimestamp, current_user, now()",
    "select case when a > 1 then 'x' when a is null then 'y' else 'z' end from t",
    "select case a when 1 then 'x' else 'y' end, if(a > 1, 2), nullif(a, 0), try(1 / a) from t",
    "select a like 'x%' escape '!', a not in (1, 2), a between 1 and 2, a is distinct from b from t",
    "select x from t where (a, b) in (select a, b from s)",
    "select x from t where a > all (select b from s) or a = any (values 1, 2)",
    "select x from t offset 10 rows fetch first 5 rows with ties",
    "select x from t order by a asc nulls last limit all",
    "select distinct on_time from t",
    "select t.* from t natural join s",
    "select a.x from a full outer join b on a.id = b.id and b.dt = date '2026-01-01'",
    "select regexp_like(a, '^x+$'), regexp_replace(a, '(\\d)', '$1') from t",
    "select format('%s has %d', a, b), concat_ws(',', a, b), a || b from t",
    "select approx_percentile(x, array[0.5, 0.99]), histogram(y), checksum(z) from t",
    "select bool_and(a), every(b), any_value(c), arbitrary(d), geometric_mean(e) from t",
    "select cast(x as decimal(38, 2)), cast(y as timestamp(3) with time zone), x'00ff' from t",
    "select cardinality(a), contains(a, 1), array_sort(a, (x, y) -> if(x < y, -1, 1)) from t",
    "select hive.udf.normal(x) from t",
    "select max(dt) from events.t where dt >= cast(current_date - interval '3' day as varchar)",
    'select "$path", "$file_modified_time" from t where "$partition" = \'dt=2026-01-01\'',
    "select count(*) from (select 1 from t limit 1) having count(*) = 0",
    "select 1 where (select count(*) from t) > 10 and not exists (select 1 from s)",
    "with function twice(x bigint) returns bigint return x * 2 select twice(21)",
    (
        "select * from t match_recognize (partition by a order by at measures last(b.x) as x "
        "one row per match after match skip past last row pattern (a b+) define b as b.x > 1)"
    ),
    (
        "select n_name, sum(l_extendedprice * (1 - l_discount)) as revenue from customer, orders, "
        "lineitem, supplier, nation where c_custkey = o_custkey and l_orderkey = o_orderkey and "
        "o_orderdate >= date '1994-01-01' and o_orderdate < date '1994-01-01' + interval '1' year "
        "group by n_name order by revenue desc"
    ),
    (
        "select o_orderpriority, count(*) from orders where exists (select * from lineitem where "
        "l_orderkey = o_orderkey and l_commitdate < l_receiptdate) group by o_orderpriority"
    ),
    (
        "with daily as (select date_trunc('day', at) as d, variant, count(*) as n from e group by "
        "1, 2), both as (select d, max(if(variant = 'A', n)) as a, max(if(variant = 'B', n)) as b "
        "from daily group by 1) select d, 1e0 * a / nullif(b, 0) - 1 as lift from both order by d"
    ),
)


def readings() -> Iterator[str]:
    """Yield every reading once."""
    yield from ALONE
    for base, what, table, since in product(BASES, WHATS, TABLES, SINCES):
        if "{since}" in base or since == SINCES[0]:
            yield base.format(what=what, table=table, since=since)
