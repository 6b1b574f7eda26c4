"""Statements on which the scripted coordinator is held against the real one, page for page."""

from collections.abc import Iterator

LITERALS = (
    "1",
    "-9223372036854775808",
    "tinyint '7'",
    "smallint '-7'",
    "bigint '9007199254740993'",
    "1.5",
    "decimal '12345678901234567890.123456789'",
    "cast(1.25 as decimal(38, 2))",
    "1.5e0",
    "nan()",
    "infinity()",
    "-infinity()",
    "cast(1.1 as real)",
    "true",
    "'text'",
    "'é, 日本, \"quotes\", back\\slash'",
    "''",
    "cast('a' as varchar)",
    "cast('a' as varchar(20))",
    "cast('ab' as char(5))",
    "X'00ff'",
    "date '2026-11-24'",
    "time '01:02:03'",
    "time '01:02:03.123456'",
    "time '01:02:03.123 +05:30'",
    "timestamp '2026-11-24 09:00:00'",
    "timestamp '2026-11-24 09:00:00.123'",
    "timestamp '2026-11-24 09:00:00.123456789'",
    "timestamp '2026-11-24 09:00:00 UTC'",
    "timestamp '2026-11-24 09:00:00.123456 Asia/Kolkata'",
    "interval '1' day",
    "interval '90' minute",
    "interval '14' month",
    "json '{\"a\": [1, null]}'",
    "uuid '12151fd2-7586-11e9-8f9e-2a86e4085a59'",
    "ipaddress '10.0.0.1'",
    "null",
    "cast(null as timestamp(3) with time zone)",
)

FORMS = (
    "select {it} as value",
    "select array[{it}] as value",
    "select map(array['k'], array[{it}]) as value",
    "select row({it}, 'x') as value",
    "select value from (values ({it}), (null)) as t (value)",
)

WHOLE = (
    "select * from tpch.tiny.region order by regionkey",
    "select * from tpch.tiny.nation order by nationkey",
    "select * from tpch.tiny.nation where false",
    "select orderkey, orderdate, totalprice from tpch.tiny.orders order by orderkey limit 50",
    "select count(*) from tpch.tiny.lineitem",
    "select orderstatus, sum(totalprice) from tpch.tiny.orders group by 1 order by 1",
    'select cast(row(1, array[2e0]) as row(a integer, "B c" array(double))) as value',
    "select array[array[1], array[null]] as value, map() as empty",
    "select catalog_name from system.metadata.catalogs where catalog_name = 'tpch'",
    "select 1 as a, 2 as a",
    "select nope",
    "select * from tpch.tiny.nowhere",
    "select * from nowhere.tiny.nation",
    "select 1 / 0",
    "select cast('x' as integer)",
    "selec 1",
    "select from where",
    "select array[1, 2][5]",
    "select fail('on purpose')",
)


def statements() -> Iterator[str]:
    """Yield every statement once."""
    yield from WHOLE
    for literal in LITERALS:
        for form in FORMS:
            yield form.format(it=literal)
