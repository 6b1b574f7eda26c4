"""Start the whole platform for people to look at, until Ctrl-C or SIGTERM."""

import argparse
import json
import signal
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import TextIO

from tests.platform.stack.alertmanager import AlertmanagerServer
from tests.platform.stack.available import SERVERS, must_have_all
from tests.platform.stack.errors import StackError, UnavailableError
from tests.platform.stack.hourly_job import HOUR, TABLE, HourlyJob
from tests.platform.stack.postgres import PostgresServer
from tests.platform.stack.prediction import PredictionServer
from tests.platform.stack.prometheus import PrometheusServer, scrape_job
from tests.platform.stack.server import Server
from tests.platform.stack.slack import SlackServer
from tests.platform.stack.trino import TrinoServer

HISTORY = timedelta(hours=48)
GAP_HOURS_AGO = (3, 4, 9)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 when all of it ran or was fetched, 1 when something was left out."""
    parser = argparse.ArgumentParser(prog="python -m tests.platform.stack", description=__doc__)
    parser.add_argument("--fetch", action="store_true", help="fill the cache of downloads and end")
    parser.add_argument("--json", action="store_true", help="print one JSON object, not lines")
    options = parser.parse_args(arguments)
    # SIGTERM shall unwind like Ctrl-C, so that every server is stopped.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return _fetch() if options.fetch else _run(as_json=options.json)
    except KeyboardInterrupt:
        return 0


def _fetch() -> int:
    complete = True
    for kind in SERVERS:
        try:
            kind.fetch()
        except UnavailableError as error:
            complete = False
            _say(sys.stderr, f"{kind.name}: {error}")
    return 0 if complete else 1


def _run(*, as_json: bool) -> int:
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="monitor-platform-")))
        running, missing = _launch(stack, work)
        for server in running:
            server.wait_ready()
        facts = {server.name: server.facts() for server in running}
        for server in running:
            if isinstance(server, TrinoServer):
                facts["hourly job"] = {"table": TABLE, "gaps": _write_history(server)}
        _report(facts, missing, as_json=as_json)
        if missing and must_have_all():
            return 1
        signal.pause()
    return 0


def _launch(stack: ExitStack, work: Path) -> tuple[list[Server], dict[str, str]]:
    # All are launched before any is waited for: Trino takes seconds, the others start meanwhile.
    prediction = PredictionServer(work / "prediction")
    jobs = [scrape_job("prediction", prediction.url, prediction.labels)]
    servers: list[Server] = [
        TrinoServer(work / "trino"),
        PostgresServer(work / "postgres"),
        SlackServer(work / "slack"),
        prediction,
        PrometheusServer(work / "prometheus", jobs),
        AlertmanagerServer(work / "alertmanager"),
    ]
    running: list[Server] = []
    missing: dict[str, str] = {}
    for server in servers:
        stack.callback(server.stop)
        try:
            server.launch()
            running.append(server)
        except UnavailableError as error:
            missing[server.name] = str(error)
    return running, missing


def _write_history(server: TrinoServer) -> str:
    """Write two days of hours with gaps up to the server's now; gives the gaps."""
    sql = "SELECT CAST(date_trunc('hour', current_timestamp AT TIME ZONE 'UTC') AS timestamp(0))"
    this_hour = server.rows(sql)[0][0]
    gaps = [this_hour - ago * HOUR for ago in GAP_HOURS_AGO]
    job = HourlyJob(server.url)
    job.create()
    job.run(this_hour - HISTORY, HISTORY // HOUR, gaps)
    return ", ".join(sorted(gap.isoformat(timespec="minutes") for gap in gaps))


def _report(facts: dict[str, dict[str, str]], missing: dict[str, str], *, as_json: bool) -> None:
    if as_json:
        _say(sys.stdout, json.dumps({"running": facts, "missing": missing}))
        return
    for name, values in facts.items():
        rest = "  ".join(f"{key}={value}" for key, value in values.items() if key != "url")
        _say(sys.stdout, f"{name:<11} {values.get('url', '')}  {rest}".rstrip())
    for name, reason in missing.items():
        _say(sys.stdout, f"{name:<11} NOT RUNNING: {reason}")
    _say(sys.stdout, "Ctrl-C stops all of it.")


def _say(stream: TextIO, line: str) -> None:
    stream.write(f"{line}\n")
    stream.flush()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except StackError as error:
        sys.exit(str(error))
