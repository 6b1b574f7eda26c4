"""A PostgreSQL that goes away under a running daemon, as at a restart or a failover."""

import os
import re
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from monitor.store import HeldError, open_store
from monitor.store.lock import KEY
from tests.cli.daemon import Home, daemons, read_until
from tests.platform.stack.postgres import PostgresServer

HELD = "the lock of the store is held again"
# A session that hangs, or a new one that was not let in.
NOT_READY = re.compile("has not answered since|cannot be written: connection timeout expired")
LONGEST = timedelta(seconds=40)


@pytest.fixture
def url(postgres_server: PostgresServer) -> str:
    return postgres_server.new_database()


@pytest.fixture
def home(tmp_path: Path, url: str) -> Home:
    made = Home(tmp_path)
    text = made.config.read_text().replace(f"sqlite:///{tmp_path}/monitor.db", url)
    made.config.write_text(text)
    return made


def cut(url: str) -> None:
    """End every session of a database."""
    name = url.rsplit("/", 1)[1]
    plain = url.replace("+psycopg", "").removesuffix(name) + "postgres"
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [name]
        )


def is_ready(home: Home) -> bool:
    return home.get("/readyz").status_code == 200


def until(what: str, ask: Callable[[], bool]) -> None:
    end = time.monotonic() + LONGEST.total_seconds()
    while not ask():
        assert time.monotonic() < end, what
        time.sleep(0.2)


def rows(home: Home, count: int) -> None:
    with sqlite3.connect(home.folder / "kpi.db") as connection:
        connection.execute("delete from kpi")
        connection.executemany("insert into kpi values (?)", [(n,) for n in range(count)])
    connection.close()


def test_after_every_session_was_cut_alerts_are_told_and_the_lock_is_held(
    home: Home, url: str
) -> None:
    rows(home, 2)
    with daemons() as begin:
        daemon = begin(home.config)
        read_until(daemon, "checks, pages on")
        until("it was never ready", lambda: is_ready(home))
        for count, told in ((0, "WARN rows"), (2, "all alerts resolved")):
            cut(url)
            rows(home, count)
            if HELD not in read_until(daemon, told):
                read_until(daemon, HELD)
        until("it is not ready again", lambda: is_ready(home))
        other = open_store(url)
        with pytest.raises(HeldError):
            other.lock.acquire("pid 1")
        other.close()


def taken(url: str) -> psycopg.Connection[tuple[bool]] | None:
    """Cut every session, and be faster than the daemon."""
    cut(url)
    other = psycopg.connect(url.replace("+psycopg", ""), autocommit=True)
    row = other.execute("select pg_try_advisory_lock(%s)", [KEY]).fetchone()
    if row is not None and row[0]:
        return other
    other.close()
    return None


def test_a_daemon_whose_store_was_taken_over_ends(home: Home, url: str) -> None:
    rows(home, 2)
    with daemons() as begin:
        daemon = begin(home.config)
        read_until(daemon, "checks, pages on")
        holders: list[psycopg.Connection[tuple[bool]]] = []

        def is_taken() -> bool:
            found = taken(url)
            holders.extend([found] if found is not None else [])
            return bool(holders)

        until("the daemon was always faster", is_taken)
        assert daemon.wait(LONGEST.total_seconds()) == 2
        assert daemon.stdout is not None
        assert "another monitor is running" in daemon.stdout.read()
        holders[0].close()


@contextmanager
def deaf(server: PostgresServer, url: str) -> Iterator[None]:
    """Stop a server as a whole: it takes connections, and answers nobody."""
    stopped = [server.pid]
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as mine:
        os.kill(server.pid, signal.SIGSTOP)  # first, so that no session is begun after the list
        try:
            sessions = "select pid from pg_stat_activity where datname = current_database()"
            stopped += [pid for (pid,) in mine.execute(sessions) if pid != mine.info.backend_pid]
            assert len(stopped) > 1
            for pid in stopped[1:]:
                os.kill(pid, signal.SIGSTOP)
            yield
        finally:
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)


def test_of_a_store_that_does_not_answer_people_hear_past_it_and_after_it_of_all(
    home: Home, url: str, postgres_server: PostgresServer
) -> None:
    rows(home, 2)
    with daemons() as begin:
        daemon = begin(home.config)
        read_until(daemon, "checks, pages on")
        until("it was never ready", lambda: is_ready(home))
        with deaf(postgres_server, url):
            rows(home, 0)
            until("it says that it is ready", lambda: not is_ready(home))
            assert NOT_READY.search(home.get("/readyz").text)
            read_until(daemon, "the monitor cannot write its store since")
        read_until(daemon, "WARN rows")
        until("it is not ready again", lambda: is_ready(home))
