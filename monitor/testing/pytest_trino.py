"""A scripted Trino for the tests of plugins: ``from monitor.testing.pytest_trino import trino``.

It is no plugin of pytest that loads itself: whoever installs the monitor pays nothing for it.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from monitor.testing.trino import ClusterState, ScriptedTrino


class TrinoStage:
    """A scripted cluster whose state a test changes as it goes on."""

    def __init__(self) -> None:
        """Begin with four workers and nothing to do."""
        self.state = ClusterState()
        self.server = ScriptedTrino(lambda: self.state)

    def becomes(self, **changes: Any) -> None:
        """Change fields of the state: ``becomes(tables=..., fault=Fault.SLOW_GET)``."""
        self.state = replace(self.state, **changes)

    @property
    def url(self) -> str:
        """The address as a source of type ``trino`` wants it, without catalog."""
        return f"trino://monitor@{self.server.url.partition('//')[2]}"


@pytest.fixture
def trino() -> Iterator[TrinoStage]:
    """Give a scripted cluster; it is taken down when the test ends."""
    stage = TrinoStage()
    with stage.server:
        yield stage
