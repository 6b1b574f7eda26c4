"""``monitor route``: what the routing makes of alerts, without sending anything."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from monitor.cli.snapshot import Snapshot
from monitor.config.route_file import read_route_file
from monitor.core.routing import Ruling, rule_on
from monitor.core.whole import write_json
from monitor.engine.clock import SystemClock


@click.command()
@click.option(
    "--config",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    default=Path("config.yaml"),
    show_default=True,
    help="The configuration file; it may hold nothing but the routing.",
)
def route(config: Path) -> None:
    """Read alerts and silences of a moment on stdin, print what becomes of each alert.

    The input is JSON: {"at": time, "alerts": [{"labels": {"team": "a"}}], "silences": [{"matchers":
    ["team=a"], "startsAt": time, "endsAt": time}]}. Without "at" it is now. Nothing is sent.
    """
    read = read_route_file(config, os.environ)
    for problem in read.problems:
        click.echo(str(problem), err=True)
    snapshot = Snapshot(sys.stdin.read(), read.people.timezone, SystemClock().now())
    rulings = rule_on(
        snapshot.alerts,
        snapshot.silences,
        read.routing,
        snapshot.at,
        people=read.people,
        resolved=snapshot.resolved,
    )
    click.echo(write_json(as_json(snapshot.alerts, rulings)))


def as_json(alerts: Sequence[Mapping[str, str]], rulings: Sequence[Ruling]) -> dict[str, Any]:
    """Make the output from the alerts as they were given and what was decided."""
    return {
        "alerts": [
            {
                "labels": labels,
                "receivers": [group.receiver for group in ruling.groups],
                "inhibited_by": [dict(source) for source in ruling.inhibited_by],
                "silenced_by": list(ruling.silenced_by),
                "muted_by": list(ruling.muted_by),
                "groups": [
                    {"receiver": group.receiver, "key": group.key} for group in ruling.groups
                ],
            }
            for labels, ruling in zip(alerts, rulings, strict=True)
        ]
    }
