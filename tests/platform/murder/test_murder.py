"""`kill -9` at random moments: at least 200 times in CI, a few times here."""

import os
import threading
from collections import Counter, defaultdict
from pathlib import Path

import pytest
import sqlalchemy as sa

from monitor.store import open_store
from monitor.store.tables import incident, ping
from tests.often import IN_CI
from tests.platform.murder.victim import Ear, Victim
from tests.platform.stack.postgres import PostgresServer

MORE = int(os.environ.get("MURDER_KILLS", "0"))
KILLS = {"sqlite": MORE or (120 if IN_CI else 4), "postgresql": MORE or (80 if IN_CI else 3)}


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/monitor.db"
    server = request.getfixturevalue("postgres_server")
    assert isinstance(server, PostgresServer)
    return server.new_database()


def test_nothing_that_was_acknowledged_is_lost_and_every_firing_has_one_end(
    store: str, tmp_path: Path
) -> None:
    with Ear() as ear, Victim(tmp_path, store, ear, seed=len(store)) as victim:
        for _ in range(KILLS[store.partition(":")[0].partition("+")[0]]):
            pid = victim.start()
            # The knife falls while the work goes on, not between two pieces of it.
            moment = victim.random.uniform(0.0, 0.8)
            knife = threading.Timer(moment, lambda pid=pid: victim.kill(pid))
            knife.start()
            while knife.is_alive():
                victim.work()
            knife.join()
        pid = victim.start()
        victim.heal()
        victim.wait_until_quiet()
        assert victim.promises.silences <= victim.silences()
        victim.kill(pid)
        check(store, ear, victim)


def check(store: str, ear: Ear, victim: Victim) -> None:
    told = {one.alertname.rpartition("/")[2] for one in ear.heard}
    assert victim.promises.fired <= told, "an alert that was answered with 2xx was never told"
    opened = open_store(store)
    with opened._engine.connect() as connection:
        pings = connection.scalar(sa.select(sa.func.count()).select_from(ping)) or 0
        incidents = set(connection.scalars(sa.select(incident.c.id)))
    opened.close()
    assert pings >= victim.promises.pings
    assert {one.incident for one in ear.heard} == incidents, "an incident was never told"
    copies = Counter(one.key for one in ear.heard)
    doubles = sum(count - 1 for count in copies.values())
    assert doubles <= victim.kills, "more than one duplicate for a kill"
    by_incident = defaultdict(list)
    for one in ear.heard:
        by_incident[one.incident].append(one)
    for name, heard in by_incident.items():
        ends = {one.key for one in heard if one.status == "resolved"}
        assert len(ends) == 1, f"{name} has {len(ends)} ends"
        assert heard[-1].status == "resolved", f"{name} was told after its end"
    assert len(by_incident) > 0
