"""``monitor status``: how the running daemon is, and what is open."""

import sys
from pathlib import Path
from typing import Any

import click

from monitor.cli.options import JSON
from monitor.cli.remote import Daemon, remote
from monitor.core.whole import write_json


@click.command()
@click.option("--matcher", "matchers", multiple=True, help='Only what matches, as maintainer="a".')
@JSON
@remote
def status(matchers: tuple[str, ...], url: str | None, config: Path, *, as_json: bool) -> None:
    """Tell what is open; exit 1 when something is, or when the daemon is in trouble."""
    daemon = Daemon(url, config)
    about = daemon.ask("GET", "status")
    found = daemon.ask("GET", "incidents", params=[("matcher", one) for one in matchers])
    incidents = [one for one in found if one["incident"]["resolved_at"] is None]
    if as_json:
        click.echo(write_json({**about, "incidents": incidents}, indent=2))
    else:
        click.echo(_text(about, incidents))
    sys.exit(1 if incidents or about["trouble"] else 0)


def _text(about: dict[str, Any], incidents: list[dict[str, Any]]) -> str:
    lines = [f"{len(incidents)} open, {about['checks']} checks, revision {about['revision']}"]
    if about["trouble"]:
        lines.append(f"TROUBLE: {about['trouble']}")
    lines.extend(f"CONFIGURATION: {problem}" for problem in about["problems"])
    for one in incidents:
        incident = one["incident"]
        owner = incident["assignee"] or incident["maintainer"]
        ack = f", {_ack(incident['ack'])}" if incident["ack"] else ""
        lines.append(f"{incident['tier'].upper():5} {incident['id']}  {owner}{ack}")
        alerts = [m for m in one["members"] if not m["is_folded"]]
        folded = len(one["members"]) - len(alerts)
        lines.append(f"      {len(alerts)} alerts, {folded} because of it, {incident['opened_at']}")
    return "\n".join(lines)


def _ack(ack: dict[str, Any]) -> str:
    # A daemon of before says nothing of new normals.
    done = "accepted as the new normal" if ack.get("is_new_normal") else "acknowledged"
    return f"{done} by {ack['by']}"
