"""``monitor plan``: what a change adds, alters and silences."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError

from monitor.cli.options import ASK, CONFIG, JSON
from monitor.cli.remote import Daemon, RemoteError
from monitor.cli.revision import at_revision
from monitor.config.compare import VERSIONS, Difference, compare, versions_of
from monitor.config.finding import Ask
from monitor.config.load import ConfigError, load
from monitor.config.plan import Plan, PlannedCheck
from monitor.config.settings import tier_text
from monitor.core.whole import write_json
from monitor.engine.finding import ask_once


@click.command()
@CONFIG
@JSON
@ASK
@click.option("--against", metavar="REVISION", help="A git revision; default HEAD.")
@click.option("--url", help="The address of a running daemon, to compare with what it runs.")
def plan(config: Path, against: str | None, url: str | None, *, as_json: bool, asks: bool) -> None:
    """Say what the configuration would change; exit 1 when it has problems.

    It is compared with a git revision, or with a running daemon.
    """
    if against is not None and url is not None:
        raise click.UsageError("give --against or --url, not both")
    ask = ask_once if asks else None
    new = _load(config, ask)
    if url:
        shown = _beside_daemon(new, config, url)
    else:
        shown = _beside(new, config, against or "HEAD", ask)
    shown["problems"] = [str(problem) for problem in new.problems]
    click.echo(write_json(shown, indent=2) if as_json else "\n".join(_lines(shown)))
    sys.exit(1 if new.problems else 0)


def _load(config: Path, ask: Ask | None) -> Plan:
    try:
        return load(config, os.environ, ask)
    except ConfigError as error:
        raise click.ClickException(f"{config} cannot be used:\n{error}") from error


def _beside(new: Plan, config: Path, revision: str, ask: Ask | None) -> dict[str, Any]:
    with at_revision(config, revision) as path:
        old = _load(path, ask)
    shown = _plain(compare(versions_of(old), new), new)
    return {"against": revision, **shown, "unasked": sorted(old.unasked | new.unasked)}


def _plain(difference: Difference, new: Plan) -> dict[str, Any]:
    return {
        "added": [_added(planned, new) for planned in difference.added],
        "altered": [
            {"check": one.id, "changes": {k: list(pair) for k, pair in one.changes.items()}}
            for one in difference.altered
        ],
        "removed": list(difference.removed),
        "silences": list(difference.silences),
        "unasked": sorted(new.unasked),
    }


def _added(planned: PlannedCheck, plan: Plan) -> dict[str, Any]:
    owner = plan.maintainers.get(planned.maintainer or "")
    told = owner.receivers if owner else plan.on_call.receivers
    return {
        "check": planned.id,
        "kind": planned.kind,
        "maintainer": planned.maintainer,
        "tiers": {rule.tier: tier_text(rule) for rule in planned.tiers},
        "receivers": [*told, *(owner.page if owner else ())],
    }


def _beside_daemon(new: Plan, config: Path, url: str) -> dict[str, Any]:
    try:
        running = VERSIONS.validate_python(Daemon(url, config).ask("GET", "settings")["checks"])
    except (RemoteError, KeyError, TypeError, ValidationError) as error:
        raise click.ClickException(f"{url} does not say what it runs: {error}") from error
    return {"against": url, **_plain(compare(running, new), new)}


def _lines(shown: Mapping[str, Any]) -> list[str]:
    lines = [*shown["problems"]]
    for one in shown["added"]:
        tiers = "; ".join(f"{tier}: {text}" for tier, text in one["tiers"].items())
        told = ", ".join(one["receivers"])
        sign = click.style("+", fg="green", bold=True)
        lines.append(f"{sign} {one['check']} ({one['kind']}): {tiers}; told: {told}")
    for one in shown["altered"]:
        lines.append(f"{click.style('~', fg='yellow', bold=True)} {one['check']}")
        lines += [
            f"    {k}: {a or '(none)'} -> {b or '(none)'}" for k, (a, b) in one["changes"].items()
        ]
    lines += [f"{click.style('-', fg='red', bold=True)} {name}" for name in shown["removed"]]
    lines += [f"silences {line}" for line in shown["silences"]]
    lines += [f"not compared: {name} (a query finds it: --ask)" for name in shown["unasked"]]
    count = [len(shown[key]) for key in ("added", "altered", "removed")]
    words = f"{count[0]} added, {count[1]} altered, {count[2]} removed"
    return [*lines, f"{words}, against {shown['against']}"]
