"""``monitor demo``: a day of a data platform in half a minute."""

import asyncio
import logging
from zoneinfo import ZoneInfo

import click

from monitor.core.notification import Notification
from monitor.core.whole import write_json
from monitor.demo import day
from monitor.demo.site import serve
from monitor.demo.story import Stage, play, report, stage
from monitor.render.digest import as_text
from monitor.render.summary import headline

PAUSE_SECONDS = 0.02
COLOURS = {"page": "red", "warn": "yellow"}


@click.command()
@click.option("--once", is_flag=True, help="Play the day, then end; serve no pages.")
@click.option("--json", "as_json", is_flag=True, help="Print what happened as JSON.")
def demo(*, once: bool, as_json: bool) -> None:
    """Play a scripted day on an embedded platform: alerts with owners, Slack, the digest."""
    logging.basicConfig(level=logging.ERROR)
    try:
        asyncio.run(_demo(once=once, as_json=as_json))
    except KeyboardInterrupt:
        click.echo()  # the way to end it, as it says itself


async def _demo(*, once: bool, as_json: bool) -> None:
    with stage() as on:
        if once:
            await play(on, _nothing if as_json else _tell)
            await on.app.engine.stop()
            _show(on, as_json=as_json)
            return
        async with serve(on) as address:
            click.echo(f"What Slack shows:   {address}/slack\nStatus of the day:  {address}/\n")
            await play(on, _tell, PAUSE_SECONDS)
            _show(on, as_json=as_json)
            click.echo(f"\nThe pages stay at {address} until Ctrl-C.")
            await asyncio.Event().wait()


def _nothing(_note: Notification) -> None:
    pass


def _tell(note: Notification) -> None:
    if note.view is None:
        return
    local = note.at.astimezone(ZoneInfo(day.TIMEZONE))
    incident = note.view.incident
    word = "resolved" if incident.resolved_at else str(incident.tier)
    tag = click.style(f"{word:>8}", fg=COLOURS.get(word, "green"), bold=True)
    click.echo(f"{local:%a %H:%M} {tag}  {headline(note.view)}  -> {note.receiver}")


def _show(on: Stage, *, as_json: bool) -> None:
    if as_json:
        click.echo(write_json(report(on), indent=2))
        return
    digest = on.store.journal.digest("morning")
    if digest is not None:
        click.echo("\n" + as_text(digest))
