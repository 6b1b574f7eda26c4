"""``monitor``: one command with many verbs."""

import importlib
import sys

import click

from monitor import __version__
from monitor.api.errors import MonitorError

COMMANDS = {
    "run": "Run the daemon",
    "demo": "Play a day of an embedded platform, with all that goes wrong",
    "status": "Tell what is open, whose it is and what to backfill",
    "digest": "Print the digest of the on-call or of a maintainer",
    "ack": "Acknowledge an incident",
    "silence": "Silence alerts, list silences, end one",
    "lint": "Check config.yaml and all checks",
    "plan": "Say what a changed configuration would do",
    "check": "Ask now, judge, and show the evidence",
    "test": "Run the `tests:` of checks",
    "backtest": "Replay history: what would have been told",
    "explain": "Tell in words what a check does, or whom an alert reaches",
    "route": "Say what becomes of each alert of a snapshot",
    "suggest": "Propose checks for the tables or metrics of a source",
    "schema": "Print the JSON Schema of a file, for editors",
    "history": "Look after the remembered buckets of metrics",
    "db": "Look after the store",
}
"""The commands in the order of the help, each named like its module, with their line there."""


class Verbs(click.Group):
    """Imports a command when it is used: the daemon need not hold what backtests need."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return all names, the daemon's first."""
        return list(COMMANDS)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list without an import of what it lists, which takes a second."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

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
