from collections.abc import Iterator

import pytest

from tests.sources.trino.rig import Rig, rig


@pytest.fixture
def on() -> Iterator[Rig]:
    with rig() as it:
        yield it
