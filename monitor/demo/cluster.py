"""The demo's Trino cluster: quiet but for the storm of dashboard queries."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.api.load import ClusterQuery
from monitor.demo import day
from monitor.testing.trino import ClusterState


@dataclass(frozen=True)
class Cluster:
    """The state of the cluster at the clock's moment."""

    now: Callable[[], datetime]

    def state(self) -> ClusterState:
        """Return workers, queries and memory."""
        now = self.now()
        storm = day.STORM[0] <= now < day.STORM[1]
        held = now - day.STORM[0] if storm else timedelta(seconds=20)
        queries = [
            _query(1, "etl", "airflow", "RUNNING", held),
            _query(2, "asha", "trino-cli", "RUNNING", timedelta(seconds=40)),
        ]
        if storm:
            grown = min(140, 30 + int(held / timedelta(minutes=1)) * 6)
            queries += [
                _query(100 + n, "superset", "Apache Superset", "RUNNING", held) for n in range(18)
            ]
            queries += [
                _query(200 + n, "superset", "Apache Superset", "QUEUED", held) for n in range(grown)
            ]
        share = 0.93 if storm else 0.35
        return ClusterState(
            queries=queries,
            memory_share=share,
            heap_share=share * 0.9,
            tables={"(?i)^select 1$": ({"_col0": "integer"}, [[1]])},
        )


def _query(number: int, user: str, source: str, state: str, held: timedelta) -> ClusterQuery:
    is_running = state == "RUNNING"
    return ClusterQuery(
        id=f"20261124_000000_{number:05d}_demo",
        user=user,
        source=source,
        state=state,
        group="global",
        queued=timedelta(0) if is_running else held,
        elapsed=held,
        cpu=held * 3 if is_running else timedelta(0),
        memory_bytes=2**30 if is_running else 0,
    )
