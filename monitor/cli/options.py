"""Options that many commands share."""

from pathlib import Path

import click

CONFIG = click.option(
    "--config",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    default=Path("config.yaml"),
    show_default=True,
    help="The configuration file.",
)
JSON = click.option("--json", "as_json", is_flag=True, help="Write one JSON object.")
ASK = click.option(
    "--ask",
    "asks",
    is_flag=True,
    help="Ask the queries of for_each, too: up to 10 s for a source that does not answer.",
)
