"""``monitor digest``: what the next digest would say, now."""

import os
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import click

from monitor.api.fields import parse_duration
from monitor.config.load import load
from monitor.config.plan import DigestPlan
from monitor.engine.clock import SystemClock
from monitor.engine.digests import Digests
from monitor.engine.world import world_of
from monitor.render.digest import as_text
from monitor.store import open_store
from monitor.store.codec import DIGEST

EVERY_DAY = DigestPlan("on demand", 9, 0, frozenset(range(7)))


@click.command()
@click.option("--config", type=click.Path(path_type=Path), default=Path("config.yaml"))
@click.option(
    "--since", "ago", default="16h", show_default=True, help="How far back, as 16h or 2d."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def digest(config: Path, ago: str, *, as_json: bool) -> None:
    """Print the digest of the last hours; nothing is sent and nothing is stored."""
    plan = load(config, os.environ)
    store = open_store(plan.store)
    now: datetime = SystemClock().now()
    try:
        back: timedelta = parse_duration(ago)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
    made = Digests(plan, world_of(plan), store).make(EVERY_DAY, now, now - back)
    made = replace(made, next_at=None)
    store.close()
    click.echo(DIGEST.dump_json(made, indent=2).decode() if as_json else as_text(made))
