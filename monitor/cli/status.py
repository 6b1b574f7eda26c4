"""``monitor status``: how the running daemon is, and what is open."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from monitor.cli.options import JSON
from monitor.cli.remote import Daemon, remote
from monitor.cli.verdicts import COLOURS
from monitor.core.model import Outcome, Tier
from monitor.core.whole import write_json
from monitor.engine.clock import SystemClock
from monitor.render.units import since


@click.command()
@click.option("--matcher", "matchers", multiple=True, help='Only what matches, as maintainer="a".')
@JSON
@remote
def status(matchers: tuple[str, ...], url: str | None, config: Path, *, as_json: bool) -> None:
    """Tell what is open; exit 1 when something is, or when the daemon is in trouble."""
    daemon = Daemon(url, config)
    about = daemon.ask("GET", "status")
    found = daemon.all("incidents", ("state", "open"), *(("matcher", one) for one in matchers))
    incidents = [one for one in found if one["incident"]["resolved_at"] is None]
    if as_json:
        click.echo(write_json({**about, "incidents": incidents}, indent=2))
    else:
        click.echo("\n".join(_lines(about, incidents, SystemClock().now())))
    sys.exit(1 if incidents or about["trouble"] else 0)


def _lines(
    about: Mapping[str, Any], incidents: Sequence[Mapping[str, Any]], now: datetime
) -> Iterator[str]:
    # A daemon of before says nothing of how its checks are.
    counts = sorted((about.get("outcomes") or {}).items(), key=lambda one: (-one[1], one[0]))
    each = f" ({', '.join(f'{count} {outcome}' for outcome, count in counts)})" if counts else ""
    checks = "1 check" if about["checks"] == 1 else f"{about['checks']} checks"
    yield f"{len(incidents)} open, {checks}{each}, revision {about['revision']}"
    if about["trouble"]:
        yield f"TROUBLE: {about['trouble']}"
    for problem in about["problems"]:
        yield f"CONFIGURATION: {problem}"
    for one in sorted(incidents, key=lambda one: one["incident"]["tier"] != Tier.PAGE):
        incident, tier = one["incident"], one["incident"]["tier"]
        word = click.style(f"{tier.upper():5}", fg=COLOURS[Outcome(tier)], bold=True)
        yield f"{word} {one.get('headline') or incident['check']}"
        owner = incident["assignee"] or incident["maintainer"]
        age = since(datetime.fromisoformat(incident["opened_at"]), now)
        ack = f", {_ack(incident['ack'])}" if incident["ack"] else ""
        yield f"      {incident['id']}  {owner}, {age}{ack}"
        folded = {m["resource"] or m["check"]: None for m in one["members"] if m["is_folded"]}
        if folded:
            yield f"      because of it: {', '.join(folded)}"
        for command in one.get("commands", ()):
            yield f"      $ {command}"


def _ack(ack: Mapping[str, Any]) -> str:
    # A daemon of before says nothing of new normals.
    done = "accepted as the new normal" if ack.get("is_new_normal") else "acknowledged"
    return f"{done} by {ack['by']}"
