"""The access control that `docs/how-to/watch-trino.md` gives, on a real Trino.

The server of the tests runs with those rules for the user `monitor`; others may do everything.
"""

import pytest
from trino.exceptions import TrinoQueryError, TrinoUserError

from monitor.api import Rows, Table
from tests.platform.stack.crowd import crowd
from tests.platform.stack.trino import TrinoServer
from tests.platform.test_trino import ask, load_of, source_of

WRITES = (
    "create table memory.default.rights as select 1 as a",
    "insert into memory.default.kept values 2",
    "delete from memory.default.kept",
    "drop table memory.default.kept",
    "create schema memory.rights",
    "drop catalog memory",
)


@pytest.mark.parametrize("text", WRITES)
def test_the_monitors_user_may_not_write(trino_server: TrinoServer, text: str) -> None:
    trino_server.rows("create table if not exists memory.default.kept as select 1 as a")
    with pytest.raises(TrinoQueryError, match="Access Denied"):
        trino_server.rows(text, user="monitor")
    assert trino_server.rows("select a from memory.default.kept") == [[1]]


def test_the_monitors_user_may_not_end_the_queries_of_others(trino_server: TrinoServer) -> None:
    call = "call system.runtime.kill_query('{}', 'x')"
    # One that runs: one that has ended may be killed by nobody, which says nothing about rights.
    with (
        crowd(trino_server, queued=1) as crowded,
        pytest.raises((TrinoQueryError, TrinoUserError), match=r"Access Denied|Cannot kill"),
    ):
        trino_server.rows(call.format(crowded.running), user="monitor")


def test_the_monitors_user_reads_all_that_it_needs(trino_server: TrinoServer) -> None:
    source = source_of(trino_server)
    trino_server.rows("select 'of somebody else'", user="asha", source="superset")
    load = load_of(source)
    assert load.silent == {}
    assert {"/v1/info", "/v1/status", "/metrics", "/v1/query"} <= set(load.collectors)
    assert trino_server.get("/v1/resourceGroupState/global", "monitor").status_code == 200
    text = "select count(*) as n from system.runtime.queries where source = 'superset'"
    seen = ask(source, Rows(text))
    assert isinstance(seen, Table)
    assert int(str(seen.columns["n"][0])) >= 1
