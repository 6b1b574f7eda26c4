"""A throw-away PostgreSQL cluster in a folder of its own.

Measured with 15.18: 0.7 s with initdb, resident memory of the first process 28 MiB. No fsync: it
survives a kill of any process, not of the machine.
"""

import os
import shutil
import subprocess
import tempfile
from datetime import timedelta
from itertools import count
from pathlib import Path
from signal import SIGINT
from typing import ClassVar

import psycopg

from tests.platform.stack.errors import StackError
from tests.platform.stack.server import Program, Server

USER = "monitor"
# PostgreSQL refuses to run as root; Debian's package brings this account.
ACCOUNT = "postgres"


class PostgresServer(Server):
    """PostgreSQL on loopback over TCP only; superuser `monitor` without a password."""

    name: ClassVar[str] = "postgres"
    remedy: ClassVar[str] = "It needs 100 MB in the folder for temporary files."
    ready_limit: ClassVar[timedelta] = timedelta(seconds=60)

    def __init__(self, work: Path) -> None:
        super().__init__(work)
        self._home: Path | None = None
        self._numbers = count(1)

    @classmethod
    def lacks(cls) -> str | None:
        if not _installations():
            return "PostgreSQL is not installed (apt-get install postgresql)"
        if _is_root() and shutil.which("setpriv") is None:
            return "PostgreSQL refuses root and there is no setpriv (apt-get install util-linux)"
        return None

    def prepare(self) -> Program:
        programs = _installations()[-1]
        # Not in the work folder: a test run's temporary folders are closed to the other account.
        self._home = Path(tempfile.mkdtemp(prefix="monitor-postgres-"))
        if _is_root():
            shutil.chown(self._home, ACCOUNT, ACCOUNT)
        data = str(self._home / "data")
        self._run_initdb(programs, data)
        settings = {
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "fsync": "off",
        }
        options = [f"--{key}={value}" for key, value in settings.items()]
        command = [*_as_account(), str(programs / "postgres"), "-D", data, *options]
        # SIGTERM would wait until every client has left; SIGINT disconnects them.
        return Program(command, cwd=self._home, stop_signal=SIGINT)

    def is_ready(self) -> bool:
        try:
            psycopg.connect(self._dsn("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    @property
    def url(self) -> str:
        """SQLAlchemy URL of the database that is always there."""
        return self._url("postgres")

    def new_database(self) -> str:
        """Create an empty database and give its SQLAlchemy URL."""
        name = f"monitor_{next(self._numbers)}"
        with psycopg.connect(self._dsn("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self._url(name)

    def stop(self) -> None:
        super().stop()
        if self._home is not None:
            shutil.rmtree(self._home, ignore_errors=True)
            self._home = None

    def _url(self, database: str) -> str:
        return f"postgresql+psycopg://{USER}@127.0.0.1:{self.port}/{database}"

    def _dsn(self, database: str) -> str:
        return f"host=127.0.0.1 port={self.port} user={USER} dbname={database}"

    def _run_initdb(self, programs: Path, data: str) -> None:
        initdb = [str(programs / "initdb"), "-D", data, "-U", USER, "-A", "trust"]
        options = ["--no-sync", "--encoding=UTF8", "--locale=C.UTF-8"]
        done = subprocess.run(
            [*_as_account(), *initdb, *options],
            capture_output=True,
            text=True,
            cwd=self._home,
            check=False,
        )
        if done.returncode != 0:
            raise StackError(f"initdb failed. {self.remedy}\n{done.stdout}{done.stderr}")


def _installations() -> list[Path]:
    """Find folders with `initdb` and `postgres`; the last is the newest of Debian's."""
    initdb = shutil.which("initdb")
    on_path = [Path(initdb).resolve().parent] if initdb else []
    debian = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    return [*on_path, *sorted(debian, key=lambda path: float(path.parent.name))]


def _is_root() -> bool:
    return os.geteuid() == 0


def _as_account() -> list[str]:
    # The signal is for the case that the test run itself is killed, see server.py.
    if not _is_root():
        return []
    account = [f"--reuid={ACCOUNT}", f"--regid={ACCOUNT}", "--init-groups"]
    return ["setpriv", *account, "--pdeathsig", "INT", "--"]
