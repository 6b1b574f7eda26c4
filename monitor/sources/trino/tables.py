# ruff: noqa: S608  # every name is checked, and every literal is written by its type
"""Freshness and volume of tables, from what Trino knows about them, without reading their data.

Iceberg counts rows in its manifests. Hive's metastore knows which partitions there are, and their
rows where somebody analysed them; where nobody did, the footers of each new partition's files are
read once (hive.py). A format without footers (text, JSON, CSV, Avro) would have to be scanned, and
so would one that only the owner may see, for all that is known: there nobody can tell whether a
partition is empty, and its rows are unknown. An empty partition, an empty append and a compaction
are no data.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from monitor.api import (
    Cost,
    LastUpdate,
    LastWrite,
    Partition,
    PartitionList,
    Partitions,
    SourceError,
    Updated,
)
from monitor.sources.trino import names
from monitor.sources.trino.address import Address
from monitor.sources.trino.hive import (
    Ask,
    Name,
    has_footers,
    rows_by_footers,
    rows_by_metastore,
)
from monitor.sources.trino.names import COLUMN, TABLE, checked, meta
from monitor.sources.trino.statement import Result

MOST_LOOKED_INTO = 8
"""New partitions of Hive whose rows are asked for in one look, newest first; the next looks go on
with the others, which until then count as data."""

MOST_REMEMBERED = 10_000
CATALOGS = "select catalog_name, connector_name from system.metadata.catalogs"


@dataclass(frozen=True, slots=True)
class Shape:
    """What is known of a table: its connector, and what its ``$partitions`` have.

    ``partition`` maps the columns that cut it to their types, ``bounds`` are the columns whose
    greatest value is known. ``has_footers`` says that rows can be counted without reading data;
    None is not known yet.
    """

    connector: str
    partition: Mapping[str, str] = field(default_factory=dict)
    bounds: frozenset[str] = frozenset()
    has_footers: bool | None = False


@dataclass
class Known:
    """What was found out about tables, so that it is asked once; lives as long as the source."""

    connectors: dict[str, str] = field(default_factory=dict)
    shapes: dict[Name, Shape] = field(default_factory=dict)
    rows: dict[tuple[Name, str], int] = field(default_factory=dict)


class Tables:
    """Answers about tables within one turn; counts what that costs."""

    def __init__(
        self, address: Address, known: Known, run: Ask, *, tries_footers: bool = False
    ) -> None:
        """Ask by ``run``; with ``tries_footers`` a format that nobody tells is taken for one."""
        self._address, self._known, self._run = address, known, run
        self._tries_footers = tries_footers
        self._costs: list[Cost] = []

    def _ask(self, text: str, most: str | None = None) -> Result:
        found = self._run(text, most)
        self._costs.append(found.cost)
        return found

    @property
    def _cost(self) -> Cost:
        return Cost(
            sum(one.queries for one in self._costs),
            sum(one.bytes for one in self._costs),
            sum((one.cpu for one in self._costs), timedelta(0)),
        )

    def last_update(self, query: LastUpdate, now: datetime) -> Updated:
        """Find the newest row: by bounds of files, by partitions that hold rows, or by a scan."""
        column, table = checked(query.column, COLUMN), self._name(query.table)
        shape = self._shape(table)
        plain = column.strip('"').lower()
        newest: datetime | None
        if shape.connector == "iceberg" and plain in shape.bounds:
            newest = self._newest(
                f'data."{plain}".max', meta(table, "partitions"), "record_count > 0"
            )
        elif shape.connector == "iceberg" and plain in shape.partition:
            newest = self._newest(
                f'partition."{plain}"', meta(table, "partitions"), "record_count > 0"
            )
        elif shape.connector == "hive" and plain in shape.partition:
            newest = self._newest_of_hive(table, plain, shape)
        else:
            newest = self._newest(column, query.table, "true")
        return Updated(observed_at=now, data_at=newest, cost=self._cost)

    def _newest(self, expression: str, table: str, where: str) -> datetime | None:
        where = "" if where == "true" else f" where {where}"
        found = self._ask(f"select max({expression}) from {table}{where}")
        return names.moment(found.rows[0][0])

    def _newest_of_hive(self, table: Name, column: str, shape: Shape) -> datetime | None:
        found = self._ask(
            f'select distinct "{column}" from {meta(table, "partitions")} '
            f"order by 1 desc limit {MOST_LOOKED_INTO}"
        )
        cells = [row[0] for row in found.rows if row[0] is not None]
        rows = self._rows_of_hive(table, column, shape.partition[column], cells)
        return next((names.moment(cell) for cell in cells if rows.get(str(cell)) != 0), None)

    def last_write(self, query: LastWrite, now: datetime) -> Updated:
        """Find when rows were last written. Raise SourceError where nobody writes that down."""
        table = self._name(query.table)
        catalog, schema, name = (one.replace("'", "''") for one in table)
        view = self._ask(
            "select last_fresh_time, freshness from system.metadata.materialized_views "
            f"where catalog_name = '{catalog}' and schema_name = '{schema}' and name = '{name}'"
        )
        if view.rows:
            fresh_at, freshness = view.rows[0]
            at = now if freshness == "FRESH" else names.moment(fresh_at)
            return Updated(observed_at=now, data_at=at, written_at=at, cost=self._cost)
        if self._connector(table[0]) != "iceberg":
            told = f"'{query.table}' has no list of writes: give `column` or `partition`"
            raise SourceError("query", told)
        added = "coalesce(try_cast(element_at(summary, 'added-records') as bigint), 0)"
        found = self._ask(
            f"select committed_at, {added} from {meta(table, 'snapshots')} "
            f"where operation in ('append', 'overwrite') and {added} > 0 and snapshot_id in "
            f"(select snapshot_id from {meta(table, 'history')} where is_current_ancestor) "
            "order by committed_at desc limit 1"
        )
        at, rows = found.rows[0] if found.rows else (None, None)
        written = names.moment(at)
        return Updated(
            observed_at=now, data_at=written, written_at=written, rows=rows, cost=self._cost
        )

    def partitions(self, query: Partitions, now: datetime) -> PartitionList:
        """List the partitions of a window with their rows."""
        column, table = checked(query.column, COLUMN), self._name(query.table)
        plain = column.strip('"').lower()
        shape = self._shape(table)
        found = None
        if shape.connector == "iceberg":
            found = self._of_iceberg(table, plain, shape, query)
        elif shape.connector == "hive" and plain in shape.partition:
            found = self._of_hive(table, plain, shape.partition[plain], query)
        if found is None:
            found = self._by_scan(column, query)
        kept = [one for one in found if query.since - _DAY < one.start < query.until + _DAY]
        return PartitionList(observed_at=now, partitions=tuple(kept), cost=self._cost)

    def _of_iceberg(
        self, table: Name, column: str, shape: Shape, query: Partitions
    ) -> Sequence[Partition] | None:
        """Read ``$partitions``; None where neither the column nor its day or hour cuts it."""
        by_hour = f"{column}_hour"
        names_of = (column, f"{column}_day", by_hour)
        name = next((it for it in names_of if it in shape.partition), None)
        if name is None:
            return None
        is_hours = name == by_hour and shape.partition[name] == "integer"
        floor = names.floor_literal(query.since, shape.partition[name], query.grain)
        if is_hours:
            floor = str((query.since - names.EPOCH) // timedelta(hours=1))
        if floor is None:
            return None
        found = self._ask(
            f'select partition."{name}", sum(record_count), sum(total_size) '
            f'from {meta(table, "partitions")} where partition."{name}" >= {floor} group by 1'
        )
        read = names.hours if is_hours else names.moment
        return [
            Partition(start, str(cell), rows=int(rows), bytes=int(size))
            for cell, rows, size in found.rows
            if (start := read(cell)) is not None
        ]

    def _of_hive(
        self, table: Name, column: str, kind: str, query: Partitions
    ) -> Sequence[Partition] | None:
        floor = names.floor_literal(query.since, kind, query.grain)
        if floor is None:
            return None
        found = self._ask(
            f'select distinct "{column}" from {meta(table, "partitions")} '
            f'where "{column}" >= {floor} order by 1 desc'
        )
        cells = [row[0] for row in found.rows if row[0] is not None]
        rows = self._rows_of_hive(table, column, kind, cells)
        return [
            Partition(start, str(cell), rows=rows.get(str(cell)))
            for cell in cells
            if (start := names.moment(cell)) is not None
        ]

    def _rows_of_hive(
        self, table: Name, column: str, kind: str, cells: Sequence[Any]
    ) -> dict[str, int]:
        """Return the rows of partitions by name; what held some once is not asked again."""
        remembered = self._known.rows
        if len(remembered) > MOST_REMEMBERED:
            remembered.clear()
        rows = {
            str(it): remembered[table, str(it)] for it in cells if (table, str(it)) in remembered
        }
        new = [cell for cell in cells if str(cell) not in rows][:MOST_LOOKED_INTO]
        unknown: list[Any] = []
        for cell in new:
            count = rows_by_metastore(self._ask, table, column, names.exact_literal(cell, kind))
            if count is None:
                unknown.append(cell)
            else:
                rows[str(cell)] = count
        if unknown:
            rows |= self._rows_by_footers(table, column, kind, unknown)
        remembered.update({(table, cell): count for cell, count in rows.items() if count > 0})
        return rows

    def _rows_by_footers(
        self, table: Name, column: str, kind: str, cells: Sequence[Any]
    ) -> dict[str, int]:
        shape = self._shape(table)
        if not (self._tries_footers if shape.has_footers is None else shape.has_footers):
            return {}
        is_sure = shape.has_footers is True
        rows = rows_by_footers(self._ask, table, column, kind, cells, is_sure=is_sure)
        if rows is None:
            self._known.shapes[table] = replace(shape, has_footers=False)
        return rows or {}

    def _by_scan(self, column: str, query: Partitions) -> Sequence[Partition]:
        table = checked(query.table, TABLE)
        since, until = names.timestamp(query.since), names.timestamp(query.until)
        found = self._ask(
            f"select {column}, count(*) from {table} "
            f"where {column} >= {since} and {column} < {until} group by 1"
        )
        return [
            Partition(start, str(cell), rows=int(count))
            for cell, count in found.rows
            if (start := names.moment(cell)) is not None
        ]

    def _name(self, table: str) -> Name:
        return names.parts_of(table, self._address.catalog, self._address.schema)

    def _connector(self, catalog: str) -> str:
        known = self._known.connectors
        if catalog not in known:
            known |= dict(map(tuple, self._ask(CATALOGS).rows))
            known.setdefault(catalog, "")
        return known[catalog]

    def _shape(self, table: Name) -> Shape:
        """Find out how a table is cut; a view, or one that is not cut, has no such metadata."""
        shape = self._known.shapes.get(table)
        if shape is None:
            shape = self._find_shape(table, self._connector(table[0]))
            self._known.shapes[table] = shape
        return shape

    def _find_shape(self, table: Name, connector: str) -> Shape:
        if connector not in {"iceberg", "hive"}:
            return Shape(connector)
        try:
            found = self._ask(f"select * from {meta(table, 'partitions')} limit 0")
        except SourceError as error:
            if error.blames_check:
                return Shape("")
            raise
        types = dict(zip(found.columns, found.types, strict=True))
        if connector == "hive":
            return Shape(connector, types, has_footers=has_footers(self._ask, table))
        bounds = names.fields_of(types.get("data", ""))
        return Shape(connector, names.fields_of(types.get("partition", "")), frozenset(bounds))


_DAY = timedelta(days=1)
