"""``monitor check``: look once, now; nothing is stored and nobody is told."""

import asyncio
import sys
from contextlib import closing
from pathlib import Path

import click

from monitor.api.source import Source
from monitor.app import with_pings
from monitor.cli.options import CONFIG, JSON
from monitor.cli.site import find_check, read_plan
from monitor.cli.verdicts import plain_verdict, verdict_lines
from monitor.config.plan import PlannedCheck
from monitor.core.judge import worst
from monitor.core.model import Outcome, Verdict
from monitor.core.whole import write_json
from monitor.engine.clock import SystemClock
from monitor.engine.replay import replay
from monitor.sources.pings import PINGS
from monitor.store import open_store


@click.command()
@click.argument("name", metavar="ID")
@CONFIG
@JSON
def check(name: str, config: Path, *, as_json: bool) -> None:
    """Ask now, judge, and show the evidence; exit 1 unless every slice is fine.

    No alert changes by it, and `for` is not waited for: the limits alone count.
    """
    plan = read_plan(config)
    planned = find_check(plan, name)
    if planned.source == PINGS:
        with closing(open_store(plan.store)) as store:
            verdicts = asyncio.run(_look(planned, with_pings(plan, store).sources[PINGS]))
    else:
        verdicts = asyncio.run(_look(planned, plan.sources[planned.source]))
    if as_json:
        found = {"check": name, "kind": planned.kind, "outcome": worst(verdicts).outcome}
        shown = {**found, "slices": [plain_verdict(one) for one in verdicts]}
        click.echo(write_json(shown, indent=2, default=str))
    else:
        click.echo(f"{name} ({planned.kind}, source {planned.source})")
        for verdict in sorted(verdicts, key=lambda one: one.outcome is Outcome.OK):
            click.echo("\n".join(verdict_lines(verdict)))
    sys.exit(0 if worst(verdicts).outcome in {Outcome.OK, Outcome.PENDING} else 1)


async def _look(planned: PlannedCheck, source: Source) -> tuple[Verdict, ...]:
    try:
        async for looked in replay(planned, source, [SystemClock().now()]):
            return looked.verdicts
    finally:
        await source.close()
    raise AssertionError("a replay of one moment has one look")
