"""A real Trino 476: coordinator and worker in one JVM, and a second worker on request.

Catalogs `tpch`, `memory` and `jmx` are there from the start; `lake()` adds Iceberg and Hive on a
folder, `postgres()` a PostgreSQL. 821 MB to download once, 480 MB in the cache.

REST as measured: `/v1/info` and `/v1/status` are open; `/v1/query`, `/v1/resourceGroupState/{id}`,
`/v1/jmx/mbean/{name}` and `/metrics` answer 401 until a user is named, by `X-Trino-User` or by
Basic with an *empty* password.
"""

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import httpx
import trino.dbapi
import trino.exceptions

from tests.platform.stack.java import OLDEST, find_java
from tests.platform.stack.server import Program, Server
from tests.platform.stack.trino_files import (
    distribution,
    is_cached,
    java_command,
    write_settings,
    write_worker_settings,
)


class TrinoServer(Server):
    """Trino on loopback without passwords; any user name is believed."""

    name: ClassVar[str] = "trino"
    remedy: ClassVar[str] = "It needs about 1.5 GiB of free memory and a JDK that runs Trino 476."
    ready_limit: ClassVar[timedelta] = timedelta(minutes=3)

    @classmethod
    def lacks(cls) -> str | None:
        if find_java() is None:
            return f"no JDK of version {OLDEST} or newer; set JAVA_HOME to one"
        if not is_cached() and shutil.which("mvn") is None:
            return "Trino is not cached and Maven is not installed (apt-get install maven)"
        return None

    @classmethod
    def fetch(cls) -> None:
        distribution()

    def prepare(self) -> Program:
        java = find_java()
        assert java is not None, "launch() asks lacks() first"
        trino_home = distribution()
        write_settings(self.work / "etc", self.port, trino_home / "plugin")
        return Program(java_command(java, trino_home, self.work / "data"))

    def facts(self) -> dict[str, str]:
        return {"url": self.url, "sqlalchemy": self.sqlalchemy_url()}

    def is_ready(self) -> bool:
        # "starting": false comes before queries can be scheduled
        # (testcontainers/testcontainers-java#6310), so a scan decides.
        return self._has_started() and self._can_scan()

    def connect(self, user: str = "tests", source: str = "tests", **options: Any) -> Any:
        """Open a DBAPI connection; `options` go to `trino.dbapi.connect`."""
        return trino.dbapi.connect(  # type: ignore[no-untyped-call]  # ships half its types
            host="127.0.0.1",
            port=self.port,
            user=user,
            source=source,
            legacy_prepared_statements=False,
            **options,
        )

    def rows(self, sql: str, user: str = "tests", source: str = "tests") -> list[list[Any]]:
        """Run one statement and fetch everything."""
        connection = self.connect(user, source)
        cursor = connection.cursor()
        try:
            cursor.execute(sql)
            rows: list[list[Any]] = cursor.fetchall()
            return rows
        finally:
            cursor.close()
            connection.close()

    def lake(self) -> None:
        """Add the catalogs `iceberg` and `hive`, with files below the work folder."""
        root = self.work / "lake"
        root.mkdir(exist_ok=True)
        local = f"\"fs.native-local.enabled\" = 'true', \"local.location\" = '{root}'"
        metastore = "\"hive.metastore.catalog.dir\" = 'local:///%s'"
        self.rows(
            "CREATE CATALOG IF NOT EXISTS iceberg USING iceberg WITH "
            f"(\"iceberg.catalog.type\" = 'TESTING_FILE_METASTORE', {metastore % 'ice'}, {local})"
        )
        self.rows(
            "CREATE CATALOG IF NOT EXISTS hive USING hive WITH "
            f"(\"hive.metastore\" = 'file', {metastore % 'hive'}, {local})"
        )
        for catalog in ("iceberg", "hive"):
            self.rows(f"CREATE SCHEMA IF NOT EXISTS {catalog}.events")

    def postgres(self, host: str, port: int, database: str, user: str) -> None:
        """Add the catalog `pg`, a PostgreSQL database."""
        self.rows(
            'CREATE CATALOG pg USING postgresql WITH ("connection-url" = '
            f"'jdbc:postgresql://{host}:{port}/{database}', \"connection-user\" = '{user}')"
        )

    def sqlalchemy_url(self, user: str = "monitor", path: str = "memory/events") -> str:
        """Give the URL for SQLAlchemy; user `crowded` shares the queue with the heavy queries."""
        return f"trino://{user}@127.0.0.1:{self.port}/{path}"

    def get(self, path: str, user: str | None = "tests") -> httpx.Response:
        """Ask a REST endpoint; `user=None` names nobody."""
        headers = {} if user is None else {"X-Trino-User": user}
        return httpx.get(f"{self.url}{path}", headers=headers, timeout=10)

    def _has_started(self) -> bool:
        try:
            info = httpx.get(f"{self.url}/v1/info", timeout=5).raise_for_status().json()
        except httpx.HTTPError:
            return False
        return info.get("starting") is False

    def _can_scan(self) -> bool:
        try:
            return self.rows("SELECT count(*) FROM tpch.tiny.nation") == [[25]]
        except (trino.exceptions.Error, trino.exceptions.HttpError):
            return False


class TrinoWorker(Server):
    """A second node of a cluster, to be lost in a test."""

    name: ClassVar[str] = "trino-worker"
    remedy: ClassVar[str] = TrinoServer.remedy
    ready_limit: ClassVar[timedelta] = TrinoServer.ready_limit

    def __init__(self, work: Path, coordinator: TrinoServer) -> None:
        super().__init__(work)
        self._coordinator = coordinator

    def prepare(self) -> Program:
        java = find_java()
        assert java is not None, "the coordinator runs already"
        home = distribution()
        write_worker_settings(self.work / "etc", self.port, self._coordinator.url, home / "plugin")
        return Program(java_command(java, home, self.work / "data", "worker", "600m"))

    def is_ready(self) -> bool:
        nodes = "SELECT count(*) FROM system.runtime.nodes WHERE state = 'active'"
        return self._coordinator.rows(nodes) == [[2]]
