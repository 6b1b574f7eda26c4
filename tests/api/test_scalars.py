"""What is read as one number of one table, held against a parser that knows all of SQL."""

import pytest
import sqlglot
from hypothesis import given
from hypothesis import strategies as st
from sqlglot import exp

from monitor.api.scalars import one_row, one_scan, read_scalar, scans
from monitor.api.sql_text import Equal

CERTAIN = [
    "select count(*) as value from kpi",
    "SELECT Count(*) AS value FROM events.kpi",
    "select sum(n) as value from hive.events.kpi where model = 'ctr'",
    "select coalesce(sum(n), 0) / count(*) as share from kpi where day >= '2026-11-01' and n > 3",
    "select count(distinct model) as models from kpi where model in ('a', 'b') or n < 2",
    'select avg("Weird Name") as value from "My Table" where x is not null',
    "select max(n) - min(n) as spread from kpi where note = 'from; where -- it''s'".replace(
        "--", "-"
    ),
]
DOUBTFUL = [
    "select count(*) from kpi",  # a name of the database's own
    "select count(*) as Value from kpi",  # another name on another database
    "select n as value from kpi",
    "select max(n, m) as value from kpi",  # no aggregate in SQLite
    "select count(*) as value, model from kpi",
    "select count(*) as value from kpi group by model",
    "select count(*) as value from kpi having count(*) > 3",
    "select count(*) as value from kpi limit 0",
    "select count(*) over () as value from kpi",
    "select count(*) as value from kpi, other",
    "select count(*) as value from kpi k",
    "select count(*) as value from kpi join other on kpi.n = other.n",
    "select count(*) as value from (select 1)",
    "select count(*) as value from kpi where n in (select n from other)",
    "select count(*) as value from kpi union all select 2",
    "select count(*) as value from kpi -- where n > 3",
    "select count(*) as value from kpi /* all */",
    "select count(*) as value from kpi;",
    "select count(*) as value from kpi where hour >= {{ since }}",
    "select count(*) as value from kpi where note = 'it\\'s'",
    "select count(*) as value from kpi where",
    "select count(*) as value from kpi where n > 3 and",
    "select count(*) as value from kpi where (n > 3",
    "select count(*) as value from kpi where n > 3)",
    "select count() as value from kpi",
    "select my.count(n) as value from kpi",
    "with kpi as (select 1) select count(*) as value from kpi",
    "select 'count(*)' as value from kpi",
    "select count(*) as value",
    "",
]


@pytest.mark.parametrize("text", CERTAIN)
def test_one_number_of_one_table_is_read(text: str) -> None:
    read = read_scalar(text)
    assert read is not None
    assert read.statement == text
    parsed = sqlglot.parse_one(text, dialect="postgres")
    assert isinstance(parsed, exp.Select)
    assert parsed.expressions[0].alias == read.name
    assert parsed.expressions[0].this == sqlglot.parse_one(read.expression, dialect="postgres")


@pytest.mark.parametrize("text", DOUBTFUL)
def test_what_may_be_something_else_is_not_read(text: str) -> None:
    assert read_scalar(text) is None


WORDS = (
    "select count(*) sum(n) max( n , m ) as value from kpi where model = 'ctr' and or not ( ) , "
    "group by limit 1 over union n > 3 -- ; distinct \" ' join in between case end filter"
)


@given(
    st.lists(st.sampled_from(WORDS.split()), max_size=12),
    st.lists(st.sampled_from(WORDS.split()), max_size=8),
)
def test_whatever_is_read_is_one_aggregate_over_one_table_to_a_parser_of_sql(
    item: list[str], end: list[str]
) -> None:
    text = " ".join(["select count(*)", *item, "as value from kpi", *end])
    read = read_scalar(text)
    if read is None:
        return
    try:
        parsed = sqlglot.parse_one(text, dialect="sqlite")
    except sqlglot.ParseError:
        return  # alone and merged, it is the database that refuses it
    assert isinstance(parsed, exp.Select)
    kept = {name for name, value in parsed.args.items() if value}
    assert kept <= {"expressions", "from", "from_", "where", "kind"}, kept
    assert len(parsed.expressions) == 1
    assert parsed.find(exp.AggFunc) is not None
    assert not list(parsed.find_all(exp.Window, exp.Subquery, exp.Join))


COMMON = "from kpi where day = '2026-11-30'"


def test_questions_about_the_same_rows_are_one_scan() -> None:
    texts = [f"select {what} as v {COMMON}" for what in ("count(*)", "sum(n)", "avg(m) / count(*)")]
    scalars = [one for text in texts if (one := read_scalar(text))]
    assert scans(dict(enumerate(scalars)), filters=True) == [[0, 1, 2]]
    assert scans(dict(enumerate(scalars))) == []  # where an index may give another order to add in
    assert one_scan(scalars) == (
        "select count(*) as monitor_0, sum(n) as monitor_1, avg(m) / count(*) as monitor_2 "
        "from kpi where day = '2026-11-30'"
    )


def test_the_least_and_the_greatest_share_no_scan_because_an_index_knows_them() -> None:
    texts = [f"select {what} as v {COMMON}" for what in ("min(n)", "count(*)", "n + count(*)")]
    scalars = [one for text in texts if (one := read_scalar(text))]
    assert scans(dict(enumerate(scalars))) == []
    assert one_row(scalars[:2]) == (
        f"select (select min(n) as v {COMMON}) as monitor_0, "
        f"(select count(*) as v {COMMON}) as monitor_1"
    )


def test_with_filters_conditions_may_differ_in_what_a_column_equals() -> None:
    texts = [
        "select count(*) as rows from kpi where model = 'ctr' and day = '2026-11-30'",
        "select coalesce(sum(n), 0) / count(n) as v from kpi where model = 'cvr' and day = '2026-11-30'",  # noqa: E501
        "select count(*) as rows from kpi where model = 3 and day = '2026-11-30'",
        "select count(*) as rows from kpi where model > 'ctr' and day = '2026-11-30'",
    ]
    scalars = [one for text in texts if (one := read_scalar(text))]
    assert scalars[0].conditions == (Equal("model", "'ctr'"), Equal("day", "'2026-11-30'"))
    assert scans(dict(enumerate(scalars))) == []
    assert scans(dict(enumerate(scalars)), filters=True) == [[0, 1]]
    assert one_scan(scalars[:2]) == (
        "select count(*) filter (where model = 'ctr') as monitor_0, "
        "coalesce(sum(n) filter (where model = 'cvr'), 0) / count(n) filter (where model = 'cvr') "
        "as monitor_1 from kpi where model in ('ctr', 'cvr') and day = '2026-11-30'"
    )


@pytest.mark.parametrize("dialect", ["sqlite", "postgres", "trino"])
def test_what_is_written_is_a_statement_of_each_dialect(dialect: str) -> None:
    texts = [f"select count(*) as v from kpi where model = {model}" for model in ("'a'", "'b''c'")]  # noqa: S608  # our own
    scalars = [one for text in texts if (one := read_scalar(text))]
    for text in (one_row(scalars), one_scan(scalars)):
        parsed = sqlglot.parse_one(text, dialect=dialect)
        assert [one.alias for one in parsed.expressions] == ["monitor_0", "monitor_1"]
