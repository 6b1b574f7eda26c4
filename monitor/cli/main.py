"""``monitor``: one command with many verbs."""

import sys

import click

from monitor import __version__
from monitor.api.errors import MonitorError
from monitor.cli.ack import ack
from monitor.cli.backtest import backtest
from monitor.cli.db import db
from monitor.cli.demo import demo
from monitor.cli.digest import digest
from monitor.cli.explain import explain
from monitor.cli.lint import lint
from monitor.cli.route import route
from monitor.cli.run import run
from monitor.cli.silence import silence
from monitor.cli.status import status


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def cli() -> None:
    """Watch a data platform: checks in YAML, one incident per cause, an honest digest."""


for command in (run, demo, lint, digest, backtest, route, explain, status, ack, silence, db):
    cli.add_command(command)


def main() -> None:
    """Run a command; what goes wrong on purpose is one line that says what to do."""
    try:
        cli()
    except MonitorError as error:
        click.echo(f"monitor: {error}", err=True)
        sys.exit(2)
