import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.store import Store, open_store
from monitor.store.columns import metadata

POSTGRES = os.environ.get("MONITOR_TEST_POSTGRES")
"""Given by the platform tests, which run this suite on a real PostgreSQL."""


@pytest.fixture(params=["sqlite", "postgresql"] if POSTGRES else ["sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/monitor.db"
    assert POSTGRES is not None
    return POSTGRES


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    opened = open_store(url)
    yield opened
    with opened._engine.begin() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())
    opened.close()
