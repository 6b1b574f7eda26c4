"""``monitor ack``: take care of an incident."""

from getpass import getuser
from pathlib import Path
from urllib.parse import quote

import click

from monitor.cli.options import JSON
from monitor.cli.remote import Daemon, remote
from monitor.core.whole import write_json


@click.command()
@click.argument("incident")
@click.option("--by", help="Who takes care; without it, the user of this machine.")
@click.option("--until", help="For how long (2h) or until when (2026-11-25T18:00+05:30).")
@click.option("--comment", default="", help="What is being done.")
@JSON
@remote
def ack(
    *,
    incident: str,
    by: str | None,
    until: str | None,
    comment: str,
    url: str | None,
    config: Path,
    as_json: bool,
) -> None:
    """Acknowledge an incident: nobody is reminded of it, its end is still told."""
    body = {"by": by or getuser(), "until": until, "comment": comment}
    said = Daemon(url, config).ask("POST", f"incidents/{quote(incident, safe='')}/ack", json=body)
    click.echo(write_json(said) if as_json else f"{incident} is acknowledged by {body['by']}")
