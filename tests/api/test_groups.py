"""What is read as groups of one table, held against a parser that knows all of SQL."""

import pytest
import sqlglot
from hypothesis import given
from hypothesis import strategies as st
from sqlglot import exp

from monitor.api.groups import MOST_KEYS, Groups, groups, read_grouped
from monitor.api.scalars import read_scalar

CERTAIN = [
    "select model, count(*) as value from kpi group by model",
    "SELECT model, Count(*) AS value FROM events.kpi GROUP BY 1",
    "select count(*) as value, model as m, variant from kpi where day = '2026-11-01' group by 3, 2",
    "select model, coalesce(max(x), 0) / count(*) as y from kpi where n > 3 or n = 2 group by 1",
    "select model from kpi group by model",
]
DOUBTFUL = [
    "select count(*) as value from kpi",
    "select model, count(*) as value from kpi",
    "select model, count(*) as value from kpi group by variant",
    "select model, variant, count(*) as value from kpi group by model",
    "select count(*) as value from kpi group by model",  # rows that nothing tells apart
    "select model, count(*) from kpi group by model",  # a name of the database's own
    "select Model, count(*) as value from kpi group by Model",
    "select k.model, count(*) as value from kpi group by k.model",
    "select lower(model) as model, count(*) as value from kpi group by 1",
    "select model as m, count(*) as value from kpi group by m",
    "select null as model, count(*) as value from kpi group by 1",
    "select current_date as day, count(*) as value from kpi group by 1",
    "select model, model as m, count(*) as value from kpi group by 1",
    "select model, count(*) as model from kpi group by 1",
    "select model, n + max(x) as value from kpi group by model",
    "select distinct model, count(*) as value from kpi group by model",
    "select model, count(*) as value from kpi group by rollup(model)",
    "select model, count(*) as value from kpi group by grouping sets ((model), ())",
    "select model, count(*) as value from kpi group by all",
    "select model, count(*) as value from kpi group by model having count(*) > 3",
    "select model, count(*) as value from kpi group by model order by 2",
    "select model, count(*) as value from kpi group by 2",
    "select model, count(*) as value from kpi group by 0",
    "select model, count(*) as value from kpi where group by model",
    "select model, count(*) as value from kpi k group by model",
    "select model, count(*) as value from kpi, other group by model",
    "select model, count(*) as value from kpi group by model;",
    "select model, count(*) as value from kpi group by",
    "select model, count(*) as value from kpi where hour >= {{ since }} group by model",
    "select , count(*) as value from kpi group by model",
    "group by",
    "",
]


@pytest.mark.parametrize("text", CERTAIN)
def test_groups_of_one_table_are_read(text: str) -> None:
    read = read_grouped(text)
    assert read is not None
    assert read.statement == text
    assert read_scalar(text) is None
    parsed = sqlglot.parse_one(text, dialect="postgres")
    assert [one.name for one in read.columns] == [one.alias_or_name for one in parsed.expressions]


@pytest.mark.parametrize("text", DOUBTFUL)
def test_what_may_group_otherwise_is_not_read(text: str) -> None:
    assert read_grouped(text) is None


WORDS = (
    "select count(*) sum(n) as value , model variant m from kpi where = 'ctr' and or ( ) 1 2 "
    'group by having order rollup null distinct over ; " case end cast filter'
)


@given(
    st.lists(st.sampled_from(WORDS.split()), max_size=6),
    st.lists(st.sampled_from(WORDS.split()), max_size=5),
    st.lists(st.sampled_from(WORDS.split()), max_size=4),
)
def test_whatever_is_read_is_grouped_by_its_plain_columns_to_a_parser_of_sql(
    item: list[str], where: list[str], by: list[str]
) -> None:
    text = " ".join(["select model", *item, "from kpi", *where, "group by model", *by])
    read = read_grouped(text)
    if read is None:
        return
    try:
        parsed = sqlglot.parse_one(text, dialect="trino")
    except sqlglot.ParseError:
        return  # alone and merged, it is the database that refuses it
    assert isinstance(parsed, exp.Select)
    kept = {name for name, value in parsed.args.items() if value}
    assert kept <= {"expressions", "from", "from_", "where", "group"}, kept
    kept = {name for name, value in parsed.args["group"].args.items() if value}
    assert kept == {"expressions"}
    plain = [one.unalias() for one in parsed.expressions]
    keys = {one.name for one in plain if isinstance(one, exp.Column)}
    assert keys == set(read.keys)
    assert all(isinstance(one, exp.Column) or one.find(exp.AggFunc) for one in plain)
    assert len(parsed.expressions) == len(read.columns)


BY_MODEL = "select model, count(*) as value from kpi where day = '2026-11-24' group by 1"
BY_BOTH = (
    "select variant as arm, max(n) as worst, model, count(*) as value from kpi"
    " where day = '2026-11-24' group by variant, model"
)


def merged(*texts: str) -> Groups:
    return Groups(tuple(one for text in texts if (one := read_grouped(text))))


def test_groups_of_one_table_and_condition_are_one_statement_of_grouping_sets() -> None:
    found = merged(BY_MODEL, BY_BOTH)
    assert groups(dict(enumerate(found.questions))) == [[0, 1]]
    assert found.text == (
        "select model as monitor_0, variant as monitor_1, count(*) as monitor_2, "
        "max(n) as monitor_3, grouping(model, variant) as monitor_set from kpi "
        "where day = '2026-11-24' group by grouping sets ((model), (model, variant))"
    )
    rows = [("ctr", None, 5, 9, 1), ("ctr", None, 2, 9, 0), ("ctr", "B", 3, 8, 0)]
    assert found.tables(rows) == [
        {"model": ("ctr",), "value": (5,)},
        {"arm": (None, "B"), "worst": (9, 8), "model": ("ctr", "ctr"), "value": (2, 3)},
    ]
    assert [set(one.values()) for one in found.tables([])] == [{()}, {()}]


def test_what_adds_only_where_rows_come_in_no_order_and_other_conditions_never() -> None:
    texts = [
        BY_MODEL,
        BY_MODEL.replace("24", "25"),
        BY_MODEL.replace("kpi", "other"),
        BY_MODEL.replace("count(*)", "sum(n)"),
        BY_MODEL.replace("count(*)", "min(n)"),
    ]
    read = dict(enumerate(merged(*texts).questions))
    assert groups(read) == [[0, 4]]
    assert groups(read, adds=True) == [[0, 3, 4]]


def test_no_more_is_grouped_by_at_once_than_databases_take() -> None:
    form = "select c{0}, count(*) as value from kpi group by c{0}"
    read = dict(enumerate(merged(*map(form.format, range(MOST_KEYS + 5))).questions))
    assert groups(read) == [list(range(MOST_KEYS))]
