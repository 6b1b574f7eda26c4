"""``monitor``: one command with many verbs."""

import importlib
import sys

import click

from monitor import __version__
from monitor.api.errors import MonitorError

COMMANDS = (
    *("run", "demo", "status", "digest", "ack", "silence"),
    *("lint", "plan", "check", "test", "backtest", "explain", "route", "suggest", "schema"),
    *("history", "db"),
)
"""The commands in the order of the help; each is named like its module."""


class Verbs(click.Group):
    """Imports a command when it is used: the daemon need not hold what backtests need."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return all names, the daemon's first."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command; None for one that does not exist."""
        if cmd_name not in COMMANDS:
            return None
        command = getattr(importlib.import_module(f"monitor.cli.{cmd_name}"), cmd_name)
        assert isinstance(command, click.Command)
        return command


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def cli() -> None:
    """Watch a data platform: checks in YAML, one incident per cause, an honest digest."""


def main() -> None:
    """Run a command; what goes wrong on purpose is one line that says what to do."""
    try:
        cli()
    except MonitorError as error:
        click.echo(f"monitor: {error}", err=True)
        sys.exit(2)
