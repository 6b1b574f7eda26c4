"""``monitor explain``: why somebody is told, or not."""

import os
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from monitor.cli.explain_labels import Explanation
from monitor.cli.options import CONFIG
from monitor.config.route_file import read_route_file
from monitor.engine.clock import SystemClock


@click.command()
@click.option("--label", "labels", multiple=True, required=True, help="A label, as team=recsys.")
@click.option("--at", "at", help="The moment, as 2026-11-25T23:00; without it, now.")
@CONFIG
def explain(labels: tuple[str, ...], at: str | None, config: Path) -> None:
    """Tell in words what becomes of an alert with these labels: who is told, when, and why."""
    read = read_route_file(config, os.environ)
    for problem in read.problems:
        click.echo(str(problem), err=True)
    given = dict(_label(text) for text in labels)
    moment = _moment(at, read.people.timezone)
    known = {name: value for name, value in given.items() if value}
    click.echo("\n".join(Explanation(known, moment, read).lines()))


def _label(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise click.BadParameter(f"'{text}' is no label; write it as team=recsys")
    is_quoted = len(value) > 1 and value[0] == value[-1] == '"'
    return name.strip(), value[1:-1] if is_quoted else value


def _moment(text: str | None, timezone: str) -> datetime:
    if text is None:
        return SystemClock().now()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"'{text}' is no moment; write it as 2026-11-25T23:00") from None
    local = moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(timezone))
    return local.astimezone(UTC)
