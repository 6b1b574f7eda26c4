"""Fixtures of the real platform: started when first asked for, once a session, stopped at its end.

Where this machine cannot run a system its tests are left out, loudly; with `CI=true` they fail.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from tests.platform.stack.alertmanager import AlertmanagerServer
from tests.platform.stack.available import must_have_all
from tests.platform.stack.errors import UnavailableError
from tests.platform.stack.hourly_job import HourlyJob
from tests.platform.stack.postgres import PostgresServer
from tests.platform.stack.prediction import MODELS, PredictionServer
from tests.platform.stack.prometheus import PrometheusServer, scrape_job
from tests.platform.stack.server import Server
from tests.platform.stack.slack import SlackServer
from tests.platform.stack.trino import TrinoServer

HERE = Path(__file__).parent
S = TypeVar("S", bound=Server)
LEFT_OUT = pytest.StashKey[dict[str, str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[LEFT_OUT] = {}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker("platform")


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    left_out = config.stash[LEFT_OUT]
    if not left_out:
        return
    names = ", ".join(sorted(left_out))
    terminalreporter.section(f"NOT TESTED ON THE REAL PLATFORM: {names}", red=True, bold=True)
    for name, reason in sorted(left_out.items()):
        terminalreporter.line(f"{name}: {reason}")


@pytest.fixture(scope="session")
def trino_server(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TrinoServer]:
    """Give a Trino with catalogs tpch and memory, and the resource groups of `trino_files`."""
    yield from _run(TrinoServer(tmp_path_factory.mktemp("trino")), pytestconfig)


@pytest.fixture(scope="session")
def postgres_server(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PostgresServer]:
    """Give a PostgreSQL; take `new_database()` for each test."""
    yield from _run(PostgresServer(tmp_path_factory.mktemp("postgres")), pytestconfig)


@pytest.fixture(scope="session")
def slack_server(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SlackServer]:
    """Give a Slack; its messages stay for the whole session, so tests look for their own."""
    yield from _run(SlackServer(tmp_path_factory.mktemp("slack")), pytestconfig)


@pytest.fixture(scope="session")
def alertmanager_server(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AlertmanagerServer]:
    """Give an Alertmanager; its alerts stay for the session, so tests begin with `end_all()`."""
    work = tmp_path_factory.mktemp("alertmanager")
    yield from _run(AlertmanagerServer(work), pytestconfig)


@pytest.fixture(scope="session")
def prediction_server(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PredictionServer]:
    """Give the process behind `prediction_service`; tests ask for that one."""
    yield from _run(PredictionServer(tmp_path_factory.mktemp("prediction")), pytestconfig)


@pytest.fixture(scope="session")
def prometheus_server(
    pytestconfig: pytest.Config,
    tmp_path_factory: pytest.TempPathFactory,
    prediction_server: PredictionServer,
) -> Iterator[PrometheusServer]:
    """Give a Prometheus that scrapes the prediction service every second; more by `add_job`."""
    jobs = [scrape_job("prediction", prediction_server.url, prediction_server.labels)]
    yield from _run(PrometheusServer(tmp_path_factory.mktemp("prometheus"), jobs), pytestconfig)


@pytest.fixture
def prediction_service(prediction_server: PredictionServer) -> Iterator[PredictionServer]:
    """Give the prediction service; whatever a test does to it is undone afterwards."""
    yield prediction_server
    for model in MODELS:
        prediction_server.behave(model)


@pytest.fixture
def hourly_job(trino_server: TrinoServer) -> HourlyJob:
    """Give the pipeline with an empty table."""
    job = HourlyJob(trino_server.url)
    job.create()
    return job


def _run(server: S, config: pytest.Config) -> Iterator[S]:
    reason = _start(server)
    if reason is not None and must_have_all():
        pytest.fail(f"CI must test on the real platform: {reason}", pytrace=False)
    if reason is not None:
        config.stash[LEFT_OUT][server.name] = reason
        pytest.skip(reason)
    yield server
    server.stop()


def _start(server: Server) -> str | None:
    """Start it; gives the reason why this machine cannot. A server that breaks is an error."""
    try:
        server.start()
    except UnavailableError as error:
        return str(error)
    return None
