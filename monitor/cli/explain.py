"""``monitor explain``: why somebody is told, or not."""

import os
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from monitor.cli.explain_check import CheckExplanation
from monitor.cli.explain_labels import Explanation
from monitor.cli.options import CONFIG, JSON
from monitor.cli.silence import stored
from monitor.cli.site import find_check, read_plan
from monitor.config.route_file import read_route_file
from monitor.core.moments import bounded
from monitor.core.whole import write_json
from monitor.engine.clock import SystemClock


@click.command()
@click.argument("name", metavar="[ID]", required=False)
@click.option("--label", "labels", multiple=True, help="A label, as team=recsys.")
@click.option("--at", "at", help="The moment, as 2026-11-25T23:00; without it, now.")
@click.option("--url", help="With --label: address of the daemon whose silences count, too.")
@CONFIG
@JSON
def explain(
    *,
    name: str | None,
    labels: tuple[str, ...],
    at: str | None,
    url: str | None,
    config: Path,
    as_json: bool,
) -> None:
    """Tell in words what a check does, or what becomes of an alert with some labels.

    With the ID of a check: every setting with the place that it comes from, the next looks, and
    who would be told now. With --label: who is told of such an alert, when, and why.
    """
    if (name is None) == (not labels):
        raise click.UsageError("give either the ID of a check, or --label name=value")
    if name is not None and url is not None:
        raise click.UsageError("--url goes with --label")
    if name is not None:
        plan = read_plan(config)
        about = CheckExplanation(plan, find_check(plan, name), _moment(at, plan.timezone))
        click.echo(write_json(about.as_json(), indent=2) if as_json else "\n".join(about.lines()))
        return
    read = read_route_file(config, os.environ)
    for problem in read.problems:
        click.echo(str(problem), err=True)
    given = dict(_label(text) for text in labels)
    moment = _moment(at, read.people.timezone)
    known = {name: value for name, value in given.items() if value}
    silences = None if url is None else stored(url, config)
    found = Explanation(known, moment, read, silences)
    click.echo(write_json(found.as_json(), indent=2) if as_json else "\n".join(found.lines()))


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
    return bounded(local)
