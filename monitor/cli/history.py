"""``monitor history``: what the monitor remembers of metrics."""

import asyncio
from contextlib import closing
from datetime import datetime
from getpass import getuser
from pathlib import Path

import click

from monitor.api.buckets import Buckets
from monitor.api.errors import SourceError
from monitor.api.source import Asking
from monitor.cli.options import CONFIG, JSON
from monitor.cli.site import find_check, read_plan
from monitor.config.plan import Plan, PlannedCheck
from monitor.core.labels import Labels, labels_of, text_of
from monitor.core.state import Rebase
from monitor.core.whole import write_json
from monitor.engine.clock import SystemClock
from monitor.engine.histories import Done, Histories
from monitor.engine.threads import Writer
from monitor.store import Store, open_store

STEPS = 100
"""Of the progress bar, for each check."""


@click.group()
def history() -> None:
    """Look after the buckets of metrics that are remembered."""


@history.command()
@click.argument("name", metavar="[ID]", required=False)
@CONFIG
def backfill(name: str | None, config: Path) -> None:
    """Ask for the whole season of one check, or of all, so that the first look is a quick one.

    The daemon does the same at its first look. What is there already is not asked again.
    """
    plan = read_plan(config)
    now = SystemClock().now()
    checks = [find_check(plan, name)] if name else list(plan.checks.values())
    remembering = [one for one in checks if one.check.remembers(now) is not None]
    if name and not remembering:
        raise click.UsageError(f"{name} is no check that remembers its buckets")
    with closing(open_store(plan.store)) as store:
        said = asyncio.run(_backfill(plan, store, remembering, now))
    click.echo("\n".join(said) or "no check remembers its buckets")


async def _backfill(
    plan: Plan, store: Store, checks: list[PlannedCheck], now: datetime
) -> list[str]:
    writer = Writer(store)
    histories = Histories(store.metrics, writer)
    said = []
    with click.progressbar(length=STEPS * len(checks), label="asking", item_show_func=_name) as bar:
        for number, planned in enumerate(checks):

            def done(share: float, planned: PlannedCheck = planned, at: int = number) -> None:
                bar.update(round(STEPS * (at + share)) - bar.pos, planned)

            done(0.0)
            said.append(await _ask(plan, histories, planned, now, done))
            done(1.0)
    for source in plan.sources.values():
        await source.close()
    writer.close()
    return said


def _name(planned: PlannedCheck | None) -> str:
    return planned.id if planned else ""


async def _ask(
    plan: Plan, histories: Histories, planned: PlannedCheck, now: datetime, done: Done
) -> str:
    what = planned.check.remembers(now)
    assert what is not None
    source = plan.sources[planned.source]
    asking = Asking(now, planned.check.timeout, planned.id, planned.team)
    try:
        found = await histories.ask(planned, what, lambda rows: source.ask(rows, asking), now, done)
    except SourceError as error:
        return f"{planned.id}: {planned.source} could not be asked ({error.fault}): {error}"
    except ValueError as error:
        return f"{planned.id}: the answer cannot be read: {error}"
    return f"{planned.id}: {_told(planned, found, now)}"


def _told(planned: PlannedCheck, found: Buckets, now: datetime) -> str:
    for _ in planned.check.measure([found], now):
        pass
    counts = f"{len(found.labels)} slices, {found.values.shape[1]} buckets"
    says = found.memory.get("says", "")
    return f"{counts}; {says}" if says else counts


@history.command()
@click.argument("name", metavar="ID")
@click.option("--slice", "pairs", multiple=True, help="Label of the slice: model=ctr; repeatable.")
@click.option("--by", help="Who accepts; without it, the user of this machine.")
@CONFIG
@JSON
def accept(
    name: str, pairs: tuple[str, ...], by: str | None, config: Path, *, as_json: bool
) -> None:
    """Accept the present level of a slice as the new normal; without labels, the total.

    The next look judges by it, and all slices below move with it.
    """
    plan = read_plan(config)
    planned = find_check(plan, name)
    now = SystemClock().now()
    if planned.check.remembers(now) is None:
        raise click.UsageError(f"{name} is no check that remembers its buckets")
    rebase = Rebase(name, _labels(pairs), now, by or getuser())
    with closing(open_store(plan.store)) as store:
        store.metrics.accept(rebase)
    where = text_of(rebase.slice) or "the total"
    said = {"check": name, "slice": dict(rebase.slice), "at": now.isoformat(), "by": rebase.by}
    text = f"{name}: the level of {where} is the new normal, accepted by {rebase.by}"
    click.echo(write_json(said) if as_json else text)


def _labels(pairs: tuple[str, ...]) -> Labels:
    split = [pair.partition("=") for pair in pairs]
    for (label, equals, _), pair in zip(split, pairs, strict=True):
        if not equals or not label:
            raise click.BadParameter(f"'{pair}' is no label; write it as model=ctr")
    return labels_of((label, value) for label, _, value in split)
