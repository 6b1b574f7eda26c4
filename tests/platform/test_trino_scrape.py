"""What a look at the load of a real Trino 476 reads, by the system's own count, and what it knows.

Measured with 60 queries that run and 200 that wait, each with a text of its own.
"""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from monitor.api import Asking, Load, LoadSnapshot
from monitor.sources.trino import Trino
from tests.platform.stack.crowd import crowd, multitude
from tests.platform.stack.trino import TrinoServer
from tests.platform.stack.trino_files import BUSY_RUNNING
from tests.platform.test_trino import WAIT, load_of, now
from tests.sources.trino.relay import relay

MOST = 20_000
RUN, WAITING = BUSY_RUNNING, 200
LIST, NUMBERS, SQL, UI = "/v1/query", "/metrics", "/v1/statement", "/ui/"
LOOKS = [timedelta(seconds=15 * number) for number in range(5)]


def test_a_scrape_is_small_and_asks_few_statements(trino_server: TrinoServer) -> None:
    """With more queries than one look may read: first, quiet, and with a full queue."""
    for number in range(160):
        trino_server.rows(f"select {number}", user=f"user{number % 7}", source="Apache Superset")
    with relay(trino_server.port) as between:
        source = Trino(name="real", url=f"trino://monitor@127.0.0.1:{between.port}/tpch/tiny")
        first = load_of(source)
        before = between.passed
        quiet = load_of(source)
        assert quiet.scraped_bytes == between.since(before)
        with crowd(trino_server) as crowded:
            busy = load_of(source)
    assert first.is_partial
    assert first.silent == quiet.silent == busy.silent == {}
    assert 10_000 < first.scraped_bytes <= 20_000
    assert quiet.scraped_bytes <= 3_000
    assert busy.scraped_bytes <= 20_000
    assert (busy.running, busy.queued) == (1, len(crowded.queued))
    assert busy.queries is not None
    assert {crowded.running, *crowded.queued} <= {one.id for one in busy.queries}
    assert "global.crowded" in {one.name for one in busy.groups}
    assert (first.cost.queries, quiet.cost.queries, busy.cost.queries) == (1, 0, 0)


@pytest.fixture(scope="module")
def busy(trino_server: TrinoServer) -> Iterator[TrinoServer]:
    with multitude(trino_server, queued=WAITING):
        yield trino_server


def looks(server: TrinoServer, *denied: str, user: str = "monitor") -> list[LoadSnapshot]:
    """Look for a minute, with ways that are denied; every look is small on the wire."""
    found: list[LoadSnapshot] = []
    with relay(server.port, *denied) as between:
        source = Trino(name="real", url=f"trino://{user}@127.0.0.1:{between.port}/tpch/tiny")
        began = now()
        for later in LOOKS:
            before = between.taken
            load = source.ask_blocking(Load(), Asking(began + later, WAIT, "platform", "tests"))
            assert isinstance(load, LoadSnapshot)
            # What the machine took in and had not confirmed yet counts for the source only.
            assert between.taken - before <= load.scraped_bytes + 20
            found.append(load)
    told = " ".join(f"{one.scraped_bytes} ({len(one.queries or ())})" for one in found)
    print(f"{user} without {denied}: {told} bytes (queries)")  # noqa: T201  # the figures of the documentation
    assert max(one.scraped_bytes for one in found) <= MOST
    assert sum(one.cost.queries for one in found[:4]) <= 4
    return found


def was_listed(load: LoadSnapshot) -> bool:
    """Say whether SQL named the queries."""
    return "system.runtime.queries" in load.collectors


@pytest.mark.parametrize("denied", [(), (LIST,), (NUMBERS,), (LIST, NUMBERS)])
def test_a_crowded_cluster_is_counted_and_named_within_20_kb(
    busy: TrinoServer, denied: tuple[str, ...]
) -> None:
    # On a busy machine a statement may take so long that it is given up, and a minute has two.
    minutes = (looks(busy, *denied) for _ in range(4))
    found = next((some for some in minutes if any(map(was_listed, some))), None)
    assert found is not None
    for load in found:
        assert (load.queued, load.running) == (WAITING, RUN)
        assert load.is_partial
        assert load.queries is not None
        assert {("busy", "Apache Superset")} <= {(one.user, one.source) for one in load.queries}
        (group,) = (one for one in load.groups if one.name == "busy")
        assert (group.queued, group.max_queued) == (WAITING, 1000)


@pytest.mark.parametrize(
    ("user", "denied"),
    [("monitor", (LIST, NUMBERS, SQL)), ("monitor", (NUMBERS, SQL)), ("blind", ()), ("narrow", ())],
)
def test_where_queries_are_not_shown_they_are_counted_all_the_same(
    busy: TrinoServer, user: str, denied: tuple[str, ...]
) -> None:
    for load in looks(busy, *denied, user=user):
        assert (load.queued, load.running) == (WAITING, RUN)
        if user != "monitor":
            assert load.queries is None
            assert "right to view" in load.silent[LIST]


def test_what_nobody_tells_is_unknown(busy: TrinoServer) -> None:
    for load in looks(busy, LIST, NUMBERS, SQL, UI):
        assert (load.queued, load.running, load.workers) == (None, None, None)
