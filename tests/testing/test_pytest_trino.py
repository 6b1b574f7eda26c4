from monitor.sources.trino.address import read_address
from monitor.testing.pytest_trino import TrinoStage, trino

__all__ = ["trino"]


def test_the_fixture_gives_a_cluster_that_a_test_changes(
    trino: TrinoStage,
) -> None:  # that is how fixtures are used
    trino.becomes(workers=7)
    assert trino.state.workers == 7
    assert read_address(trino.url).base == trino.server.url
    assert trino.server.alive == set()
