"""``monitor run``: the daemon."""

import asyncio
import logging
from pathlib import Path

import click

from monitor.app import run_daemon

CONFIG = click.option(
    "--config",
    type=click.Path(path_type=Path),
    default=Path("config.yaml"),
    show_default=True,
    help="The configuration file.",
)


@click.command()
@CONFIG
@click.option("--verbose", is_flag=True, help="Log every step.")
def run(config: Path, *, verbose: bool) -> None:
    """Run the daemon until SIGTERM; SIGHUP reads the configuration again."""
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    for name in ("httpx", "alembic", "apscheduler", "uvicorn"):  # their everyday is no news
        logging.getLogger(name).setLevel(logging.WARNING)
    asyncio.run(run_daemon(config))
