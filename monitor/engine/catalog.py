"""What a source holds, tables or histograms, found by the questions that checks ask, too."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from monitor.api.answer import Table
from monitor.api.errors import SourceError
from monitor.api.query import Rows
from monitor.api.source import Asking, Source
from monitor.engine.found import ANY, FoundMetric, FoundTable, metric_of

MOST_TABLES = 50
MOST_METRICS = 30
MOST_NAMED = 12
"""Gauges and counters: each is replayed look by look, and their names are only a guess."""

TIMEOUT = timedelta(seconds=30)

_STANDARD = """\
select table_schema as s, table_name as t, column_name as c, data_type as d
from information_schema.columns
where table_schema not in ('information_schema', 'pg_catalog', 'sys')
order by table_schema, table_name, ordinal_position"""
_SQLITE = """\
select '' as s, m.name as t, p.name as c, p.type as d
from sqlite_master as m join pragma_table_info(m.name) as p
where m.type in ('table', 'view') and m.name not like 'sqlite_%'
order by m.name, p.cid"""
_HISTOGRAMS = 'count by (__name__) ({__name__=~".+_seconds_bucket"})'


_METRICS = f'count by (__name__) ({{__name__=~"{ANY}"}})'


async def tables_of(source: Source, now: datetime) -> list[FoundTable]:
    """Return the tables that can be seen. Raise SourceError when the source has none to tell."""
    try:
        rows = await _ask(source, _STANDARD, now)
    except SourceError as error:
        if not error.blames_check:
            raise
        rows = await _ask(source, _SQLITE, now)
    found: dict[str, list[tuple[str, str]]] = {}
    for schema, table, column, kind in rows:
        name = f"{schema}.{table}" if schema and schema != "public" else str(table)
        found.setdefault(name, []).append((str(column), str(kind).lower()))
    return [FoundTable(name, tuple(columns)) for name, columns in found.items()][:MOST_TABLES]


async def histograms_of(source: Source, now: datetime) -> list[str]:
    """Return the names of the histograms of durations, without ``_bucket``."""
    rows = await _ask(source, _HISTOGRAMS, now)
    names = {str(cell) for row in rows for cell in row if str(cell).endswith("_seconds_bucket")}
    return sorted(name.removesuffix("_bucket") for name in names)[:MOST_METRICS]


async def metrics_of(source: Source, now: datetime) -> list[FoundMetric]:
    """Return the metrics whose names say that they are bad when they grow, and ``up``."""
    rows = await _ask(source, _METRICS, now)
    found = [metric_of(str(cell)) for row in rows for cell in row]
    return sorted((one for one in found if one is not None), key=_up_first)[:MOST_NAMED]


def _up_first(metric: FoundMetric) -> tuple[bool, str]:
    return metric.type != "up", metric.name


async def column_of(
    source: Source, text: str, now: datetime, since: datetime | None
) -> list[object]:
    """Return the first column of a query."""
    return [row[0] for row in await _ask(source, text, now, since)]


async def _ask(
    source: Source, text: str, now: datetime, since: datetime | None = None
) -> Sequence[tuple[object, ...]]:
    answer = await source.ask(Rows(text, since), Asking(now, TIMEOUT, "suggest"))
    assert isinstance(answer, Table)
    return list(zip(*answer.columns.values(), strict=True))
