"""``monitor suggest``: checks for what a source holds."""

import asyncio
import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from monitor.api.errors import SourceError
from monitor.cli.options import CONFIG, JSON
from monitor.config.load import ConfigError, Loader
from monitor.config.plan import Plan, PlannedCheck
from monitor.config.report import nearest
from monitor.core.whole import write_json
from monitor.engine.backtest import plain_past
from monitor.engine.clock import SystemClock
from monitor.engine.proposals import Proposal
from monitor.engine.suggest import Suggesting, Suggestion, told


@click.command()
@click.argument("name", metavar="SOURCE")
@CONFIG
@JSON
@click.option(
    "--days",
    type=click.FloatRange(min=1, max=400),
    default=30,
    show_default=True,
    help="How far back each proposal is replayed.",
)
def suggest(name: str, config: Path, days: float, *, as_json: bool) -> None:
    """Propose checks for the tables or metrics of a source, each with its backtest.

    The output is a file of checks: read it, take what fits, and give it a maintainer.
    """
    loader = Loader(config, os.environ)
    try:
        plan = loader.load()
    except ConfigError as error:
        raise click.ClickException(f"{config} cannot be used:\n{error}") from error
    if name not in plan.sources:
        hint = nearest(name, plan.sources)
        more = f"; did you mean '{hint}'?" if hint else ""
        raise click.UsageError(f"there is no source '{name}'{more}")

    def build(proposal: Proposal) -> PlannedCheck | None:
        text = f"defaults: {{source: {name}}}\nchecks:\n{proposal.yaml()}\n"
        return loader.build_text(text, "suggested.yaml")

    try:
        found = asyncio.run(_all(plan, name, build, timedelta(days=days)))
    except SourceError as error:
        raise click.ClickException(f"{name} could not be asked: {error}") from error
    new = [one for one in found if one.proposal.id not in plan.checks]
    click.echo(write_json(_plain(new), indent=2) if as_json else _yaml(name, new, days))


async def _all(plan: Plan, name: str, build: Any, back: timedelta) -> list[Suggestion]:
    source = plan.sources[name]
    try:
        asked = Suggesting(source, build, SystemClock().now(), back)
        found = []
        async for one in asked.all():
            found.append(one)
            if sys.stderr.isatty():
                click.echo(f"replayed {one.proposal.id}", err=True)
        return found
    finally:
        await source.close()


def _yaml(name: str, found: list[Suggestion], days: float) -> str:
    if not found:
        return f"# {name}: nothing with enough history was found"
    lines = [f"defaults: {{source: {name}, maintainer: CHANGE-ME, every: 15m}}", "checks:"]
    for one in found:
        lines.append(f"  # {one.proposal.why}; {told(one.past, days) if one.past else one.note}")
        lines.append(one.proposal.yaml())
    return "\n".join(lines)


def _plain(found: list[Suggestion]) -> dict[str, Any]:
    return {
        "suggestions": [
            {
                "check": one.proposal.id,
                "yaml": one.proposal.yaml(),
                "why": one.proposal.why,
                "backtest": plain_past(one.past) if one.past else None,
            }
            for one in found
        ]
    }
