from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from monitor.api import ClusterQuery
from monitor.testing.trino import ClusterState, ScriptedTrino, trino_error
from tests.contract.trino_contract import SLOW, Cluster, TrinoContract

NO_COLUMN = trino_error("no column 'nope'", 47, "COLUMN_NOT_FOUND", "USER_ERROR")
ONE = {"one": "integer", "name": "varchar(1)"}
TABLES: dict[str, Any] = {
    "where false": (ONE, []),
    "1 as one": (ONE, [[1, "a"]]),
    "timestamp '2026-01-02": ({"at": "timestamp(0)"}, [["2026-01-02 03:04:05"]]),
    r"max\(orderdate\)": ({"_col0": "date"}, [["1998-08-02"]]),
    r">= TIMESTAMP '1995-01-01 00:00:00' and orderdate < TIMESTAMP '1995-01-04 00:00:00'": (
        {"orderdate": "date", "_col1": "bigint"},
        [["1995-01-01", 6], ["1995-01-02", 7], ["1995-01-03", 4]],
    ),
    "nope": NO_COLUMN,
}


class TestScriptedTrino(TrinoContract):
    @pytest.fixture
    def cluster(self) -> Iterator[Cluster]:
        def state() -> ClusterState:
            ours = [
                ClusterQuery(str(number), "monitor", source, "FINISHED", "g", timedelta(0))
                for number, source in enumerate(server.sources)
            ]
            is_stuck = server.statements[-1:] == [SLOW]
            return ClusterState(tables=TABLES, queries=ours, is_stuck=is_stuck)

        with ScriptedTrino(state) as server:
            address = server.url.removeprefix("http://")
            yield Cluster(f"trino://monitor@{address}/tpch/tiny", lambda: len(server.alive))
