"""``monitor schema``: JSON Schema of files of checks."""

import json

import click

from monitor.config.json_schema import check_schema
from monitor.config.plugins import load_plugins
from monitor.config.reference import reference_page


@click.command()
@click.option("--reference", is_flag=True, help="Print the reference page instead, as Markdown.")
def schema(*, reference: bool) -> None:
    """Print the JSON Schema of files of checks, for editors that complete and check.

    With the YAML plugin of an editor: `# yaml-language-server: $schema=checks.schema.json`.
    """
    load_plugins()
    if reference:
        click.echo(reference_page(), nl=False)
        return
    click.echo(json.dumps(check_schema(), indent=2))
