"""The store's contract suite, on a real PostgreSQL."""

import os
import subprocess
import sys
from pathlib import Path

from tests.platform.stack.postgres import PostgresServer

ROOT = Path(__file__).parent.parent.parent


def test_postgresql_keeps_the_contract_of_the_store(postgres_server: PostgresServer) -> None:
    command = [sys.executable, "-m", "pytest", "tests/store", "-q", "-k", "postgresql"]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "MONITOR_TEST_POSTGRES": postgres_server.url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "passed" in done.stdout
