"""``monitor schema``: JSON Schema of files of checks, and of config.yaml."""

import click

from monitor.config.json_schema import check_schema
from monitor.config.platform_reference import platform_page
from monitor.config.platform_schema import platform_schema
from monitor.config.plugins import load_plugins
from monitor.config.reference import reference_page
from monitor.core.whole import write_json


@click.command()
@click.option("--reference", is_flag=True, help="Print the reference page instead, as Markdown.")
@click.option(
    "--of",
    "what",
    type=click.Choice(["checks", "config"]),
    default="checks",
    show_default=True,
    help="Files of checks, or config.yaml.",
)
def schema(what: str, *, reference: bool) -> None:
    """Print the JSON Schema of a file, for editors that complete and check.

    With the YAML plugin of an editor: `# yaml-language-server: $schema=checks.schema.json`.
    """
    load_plugins()
    if reference:
        click.echo(reference_page() if what == "checks" else platform_page(), nl=False)
        return
    click.echo(write_json(check_schema() if what == "checks" else platform_schema(), indent=2))
