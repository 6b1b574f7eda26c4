"""``monitor backtest ID``: what a check of the configuration would have done."""

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeAlias
from zoneinfo import ZoneInfo

import click

from monitor.api.query import Partitions
from monitor.api.source import Source
from monitor.app import with_pings
from monitor.cli.site import find_check, read_plan
from monitor.cli.verdicts import breach_text
from monitor.config.plan import Plan, PlannedCheck
from monitor.core.labels import text_of
from monitor.core.model import Tier, Unit
from monitor.core.whole import write_json
from monitor.engine.backtest import Past, PastAlert, look_back, plain_past
from monitor.engine.clock import SystemClock
from monitor.render.units import number
from monitor.sources.pings import PINGS
from monitor.store import open_store
from monitor.store.arrivals import Arrived, partition_key

MOST_LINES = 50


@dataclass(frozen=True, slots=True)
class CheckBacktest:
    """What to replay, and how to write it."""

    name: str
    config: Path
    days: float
    as_json: bool


def run_check(wanted: CheckBacktest) -> None:
    """Replay, and write what would have been told; exit 2 when the past cannot be asked."""
    plan = read_plan(wanted.config)
    planned = find_check(plan, wanted.name)
    if planned.source == PINGS:
        with closing(open_store(plan.store)) as store:
            past = _replay(planned, with_pings(plan, store).sources[PINGS], wanted)
    else:
        with _arrivals(plan, planned) as arrivals:
            past = _replay(planned, plan.sources[planned.source], wanted, arrivals)
    if past.error:
        raise click.ClickException(f"check '{wanted.name}' cannot be replayed: {past.error}")
    if wanted.as_json:
        click.echo(write_json({"check": wanted.name, **plain_past(past)}, indent=2))
    else:
        click.echo("\n".join(_lines(past, planned, plan)))
    sys.exit(0)


Arrivals: TypeAlias = Callable[[Partitions], Arrived | None]


@contextmanager
def _arrivals(plan: Plan, planned: PlannedCheck) -> Iterator[Arrivals | None]:
    """Give what the daemon saw of partitions; None where there is no daemon's store."""
    asked = planned.check.ask(SystemClock().now())
    file = plan.store.removeprefix("sqlite:///")
    is_missing = file != plan.store and not Path(file).is_file()
    if is_missing or not any(isinstance(query, Partitions) for query in asked):
        yield None
        return
    with closing(open_store(plan.store)) as store:
        yield lambda query: store.arrivals.load(partition_key(planned.source, query))


def _replay(
    planned: PlannedCheck, source: Source, wanted: CheckBacktest, arrivals: Arrivals | None = None
) -> Past:
    now = SystemClock().now()
    bar = _bar(sys.stderr.isatty() and not wanted.as_json)

    async def run() -> Past:
        try:
            days = timedelta(days=wanted.days)
            return await look_back(planned, source, now, days, bar, arrivals=arrivals)
        finally:
            await source.close()

    return asyncio.run(run())


def _bar(is_shown: bool) -> Callable[[int, int], None]:  # of one caller, above
    width = 40

    def tick(done: int, total: int) -> None:
        filled = width * done // max(total, 1)
        if is_shown and (done == total or done % max(1, total // 200) == 0):
            line = f"\r[{'#' * filled}{'.' * (width - filled)}] {done}/{total} looks"
            click.echo(line, nl=done == total, err=True)

    return tick


def _lines(past: Past, planned: PlannedCheck, plan: Plan) -> list[str]:
    zone = ZoneInfo(plan.timezone)
    days = f"{past.since.astimezone(zone):%Y-%m-%d} to {past.until.astimezone(zone):%Y-%m-%d}"
    paged, warned = past.count(Tier.PAGE), past.count(Tier.WARN)
    head = f"{planned.id}: would have paged {paged}, warned {warned} ({days}, {past.looks} looks)"
    lines = [click.style(head, bold=True)]
    lines += [_line(one, zone) for one in past.alerts[:MOST_LINES]]
    if len(past.alerts) > MOST_LINES:
        lines.append(f"and {len(past.alerts) - MOST_LINES} more, see --json")
    seen = ", ".join(f"{outcome} {count}" for outcome, count in past.outcomes.items())
    lines.append(f"outcomes of all slices: {seen or 'none'}")
    if past.stride > 1:
        lines.append(f"note: one look in {past.stride} was taken")
    return [*lines, *(f"note: {note}" for note in past.notes)]


def _line(one: PastAlert, zone: ZoneInfo) -> str:
    colour = "red" if one.tier is Tier.PAGE else "yellow"
    tier = click.style(f"{one.tier:>5}", fg=colour, bold=True)
    if one.resolved_at is None:
        lasted = "still open"
    else:
        lasted = f"for {number((one.resolved_at - one.fired_at).total_seconds(), Unit.SECONDS)}"
    what = breach_text(one.verdict) or one.verdict.reason
    parts = [text_of(one.slice), what]
    shown = ": ".join(part for part in parts if part)
    return f"{tier}  {one.fired_at.astimezone(zone):%a %Y-%m-%d %H:%M}  {shown}, {lasted}"
