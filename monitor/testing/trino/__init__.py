"""A scripted Trino coordinator on loopback: the statement protocol and the REST beside it.

The caller supplies the state of the cluster as a callable, so that it works on a virtual clock.
A state may hold a fault; what was submitted, cancelled and is still alive is counted. For pytest
there is a fixture in `monitor.testing.pytest_trino`.
"""

from monitor.testing.trino.cluster import ClusterState
from monitor.testing.trino.faults import BROKEN, NOT_FOUND, QUEUE_FULL, Fault, trino_error
from monitor.testing.trino.rest import NEW_NAME, OLD_NAME, POOL
from monitor.testing.trino.server import ScriptedTrino
from monitor.testing.trino.types import signature

__all__ = [
    "BROKEN",
    "NEW_NAME",
    "NOT_FOUND",
    "OLD_NAME",
    "POOL",
    "QUEUE_FULL",
    "ClusterState",
    "Fault",
    "ScriptedTrino",
    "signature",
    "trino_error",
]
