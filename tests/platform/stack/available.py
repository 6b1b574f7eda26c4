"""What this machine can start, and why not the rest."""

import os

from tests.platform.stack.alertmanager import AlertmanagerServer
from tests.platform.stack.postgres import PostgresServer
from tests.platform.stack.prediction import PredictionServer
from tests.platform.stack.prometheus import PrometheusServer
from tests.platform.stack.server import Server
from tests.platform.stack.slack import SlackServer
from tests.platform.stack.trino import TrinoServer

SERVERS: tuple[type[Server], ...] = (
    TrinoServer,
    PostgresServer,
    SlackServer,
    PredictionServer,
    PrometheusServer,
    AlertmanagerServer,
)


def missing() -> dict[str, str]:
    """Say for each server that cannot start here what it lacks; asks no network."""
    return {kind.name: reason for kind in SERVERS if (reason := kind.lacks()) is not None}


def must_have_all() -> bool:
    """Tell whether leaving a real system out is a failure: `CI=true` in the environment."""
    return os.environ.get("CI", "").lower() in {"true", "1"}
