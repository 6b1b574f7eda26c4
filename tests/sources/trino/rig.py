"""A scripted cluster whose state a test may change, and a source that asks it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from monitor.api import Answer, Asking, LoadSnapshot, Query, Rows, SourceError, Table
from monitor.sources.trino import Trino
from monitor.testing.trino import ClusterState, ScriptedTrino

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
ENOUGH = timedelta(seconds=20)
SHORT = timedelta(milliseconds=600)
TABLES = {"select 1": ({"one": "integer"}, [[1]])}


@dataclass
class Rig:
    """The cluster's state, its server, and a source of it."""

    state: ClusterState
    server: ScriptedTrino
    source: Trino

    def becomes(self, **changes: Any) -> None:
        self.state = replace(self.state, **changes)

    def ask(self, query: Query, timeout: timedelta = ENOUGH) -> Answer:
        return asyncio.run(self.source.ask(query, Asking(NOW, timeout, "fresh", "recsys")))

    def rows(self, text: str = "select 1", since: datetime | None = None) -> Table:
        answer = self.ask(Rows(text, since))
        assert isinstance(answer, Table)
        return answer

    def load(self, query: Query, timeout: timedelta = ENOUGH) -> LoadSnapshot:
        answer = self.ask(query, timeout)
        assert isinstance(answer, LoadSnapshot)
        return answer

    def error(self, query: Query, timeout: timedelta = ENOUGH) -> SourceError:
        with pytest.raises(SourceError) as caught:
            self.ask(query, timeout)
        return caught.value


@contextmanager
def rig() -> Iterator[Rig]:
    def state() -> ClusterState:
        return it.state

    with ScriptedTrino(state) as server:
        url = f"trino://monitor@{server.url.removeprefix('http://')}/hive/events"
        it = Rig(ClusterState(tables=TABLES), server, Trino(name="adhoc", url=url, canary=False))
        yield it
        asyncio.run(it.source.close())
