"""``monitor db``: the schema of the store."""

import os
from pathlib import Path

import click

from monitor.config.load import load
from monitor.store import open_store
from monitor.store.migrate import head


@click.group()
def db() -> None:
    """Look after the store."""


@db.command()
@click.option("--config", type=click.Path(path_type=Path), default=Path("config.yaml"))
def upgrade(config: Path) -> None:
    """Bring the schema up to date; `monitor run` does so, too."""
    store = open_store(load(config, os.environ).store)
    store.close()
    click.echo(f"the store is at revision {head()}")
