"""Many rows at once are what each row would be by itself."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from monitor.core.model import Outcome
from monitor.store import Store
from monitor.store.columns import Moment, metadata
from monitor.store.tables import check_state, outbox, told
from monitor.store.upsert import upsert_many

AT = datetime(2026, 11, 24, 3, 10, tzinfo=UTC)
INDIA = timezone(timedelta(hours=5, minutes=30))


def written(path: Path, table: sa.Table, key: tuple[str, ...], *many: list[dict[str, Any]]) -> Any:
    """Write batches of rows; return all as they are read, and as they are in the file."""
    engine = sa.create_engine(f"sqlite:///{path}")
    metadata.create_all(engine, [table])
    with engine.begin() as connection:
        for rows in many:
            upsert_many(connection, table, key, rows)
    with engine.connect() as connection:
        read = [tuple(row) for row in connection.execute(sa.select(table))]
        raw = [tuple(row) for row in connection.exec_driver_sql(f"select * from {table.name}")]  # noqa: S608  # our own
    engine.dispose()
    return read, raw


ENTRIES: list[dict[str, Any]] = [
    {
        "incident": f"i{n}",
        "receiver": "slack",
        "revision": n,
        "fingerprint": "x",
        "at": at,
        "is_page": bool(n % 2),
        "quiet": "",
    }
    for n, at in enumerate([AT, None, AT.astimezone(INDIA), AT + timedelta(microseconds=1)])
]


def test_moments_missing_ones_and_truths_are_written_alike(tmp_path: Path) -> None:
    key = ("incident", "receiver")
    many = written(tmp_path / "many.db", told, key, ENTRIES)
    ones = written(tmp_path / "ones.db", told, key, *([one] for one in ENTRIES))
    assert many == ones
    assert many[0][0][4] == many[0][2][4] == AT
    assert many[0][1][4] is None
    assert [row[5] for row in many[0]] == [False, True, False, True]


def test_the_later_one_replaces_and_a_column_may_keep_its_value(tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path}/x.db")
    metadata.create_all(engine, [check_state])
    outcomes = (Outcome.OK, Outcome.OK, Outcome.WARN)
    with engine.begin() as connection:
        for n, outcome in enumerate(outcomes):
            rows = [
                {
                    "check": check,
                    "slice": "{}",
                    "since": AT + n * timedelta(minutes=1),
                    "outcome": outcome,
                    "verdict": str(n),
                }
                for check in ("a", "b")
            ]
            same = ("since", "outcome")
            upsert_many(connection, check_state, ("check", "slice"), rows, unless_same=same)
            found = connection.execute(sa.select(check_state.c.since, check_state.c.verdict)).all()
            minutes = 2 if outcome is Outcome.WARN else 0
            assert found == [(AT + minutes * timedelta(minutes=1), str(n))] * 2
    engine.dispose()


ODD = ("it's", 'a "name"', "back\\slash", "\\u0041 {} $1 %s :x", "ärger\n\t", "", "null")


def test_on_each_database_many_rows_are_what_each_would_be(store: Store) -> None:
    rows = [
        {**ENTRIES[n % 4], "incident": f"{n}", "quiet": text, "fingerprint": text}
        for n, text in enumerate(ODD)
    ]
    read = []
    for batches in ([rows], [[row] for row in rows]):
        with store._engine.begin() as connection:
            connection.execute(told.delete())
            for some in batches:
                upsert_many(connection, told, ("incident", "receiver"), some)
            read.append(connection.execute(sa.select(told).order_by(told.c.incident)).all())
    assert read[0] == read[1]
    assert [row.quiet for row in read[0]] == [*ODD]


def test_of_two_rows_with_one_key_the_later_one_stays(store: Store) -> None:
    later = {**ENTRIES[0], "revision": 9}
    with store._engine.begin() as connection:
        upsert_many(connection, told, ("incident", "receiver"), [*ENTRIES, later])
        found = {row.incident: row.revision for row in connection.execute(sa.select(told))}
    assert found == {"i0": 9, "i1": 1, "i2": 2, "i3": 3}


def test_columns_with_a_default_get_it(tmp_path: Path) -> None:
    rows = [
        {"key": f"k{n}", "subject": "i1", "receiver": "slack", "due_at": AT, "notification": "{}"}
        for n in range(3)
    ]
    read, _ = written(tmp_path / "x.db", outbox, ("key",), rows)
    state = [column.name for column in outbox.columns].index("state")
    assert [row[state] for row in read] == ["pending"] * 3


def sample(column: sa.Column[Any], number: int) -> Any:
    """Return a value that the column takes, another for each number."""
    kind = column.type
    if isinstance(kind, Moment):
        return AT + timedelta(seconds=number)
    if isinstance(kind, sa.LargeBinary):
        return bytes([number, 0, 92, 255])
    if isinstance(kind, sa.Boolean):
        return bool(number % 2)
    if isinstance(kind, sa.Numeric):
        return number + 0.125
    return number if isinstance(kind, sa.Integer) else f'"{number}\\ é'


@pytest.mark.long
@pytest.mark.parametrize("table", metadata.sorted_tables, ids=str)
def test_many_rows_of_every_table_are_written_and_replaced(store: Store, table: sa.Table) -> None:
    key = tuple(column.name for column in table.primary_key)
    rows = [
        {column.name: sample(column, number) for column in table.c if not column.foreign_keys}
        for number in range(1, 4)
    ]
    with store._engine.begin() as connection:
        upsert_many(connection, table, key, rows[:2])
        upsert_many(connection, table, key, rows)
        read = [dict(row._mapping) for row in connection.execute(sa.select(table))]
        connection.execute(table.delete())
    assert sorted(read, key=str) == sorted(rows, key=str)
