"""``monitor schema``: JSON Schema of files of checks."""

import json

import click

from monitor.config.json_schema import check_schema
from monitor.config.plugins import load_plugins


@click.command()
def schema() -> None:
    """Print the JSON Schema of files of checks, for editors that complete and check.

    With the YAML plugin of an editor: `# yaml-language-server: $schema=checks.schema.json`.
    """
    load_plugins()
    click.echo(json.dumps(check_schema(), indent=2))
