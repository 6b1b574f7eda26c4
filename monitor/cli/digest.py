"""``monitor digest``: what a digest would say; nothing is sent and nothing is stored."""

import os
from datetime import datetime
from pathlib import Path

import click

from monitor.api.fields import parse_duration
from monitor.config.grammar import parse_local
from monitor.config.load import load
from monitor.config.plan import DigestPlan, Plan
from monitor.core.digest import Digest, Edition
from monitor.core.fold import ON_CALL_AUDIENCE
from monitor.core.whole import write_json
from monitor.engine.clock import SystemClock
from monitor.engine.digests import Digests
from monitor.engine.world import world_of
from monitor.render.digest import as_html, as_json, as_text
from monitor.render.slack import digest_messages
from monitor.render.templates import Templates
from monitor.store import open_store

FORMATS = ("text", "slack", "html", "json")


@click.command()
@click.option("--config", type=click.Path(path_type=Path), default=Path("config.yaml"))
@click.option("--for", "reader", default="oncall", show_default=True, help="oncall, or who.")
@click.option("--since", default=None, help="16h ago, or 2026-11-24T18:00; else the last digest.")
@click.option("--until", default="0s", help="As --since; now without it.")
@click.option("--only", type=click.Choice(["changes", "review"]), help="The evening, the week.")
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True)
@click.option("--json", "as_json_too", is_flag=True, help="As --format json.")
def digest(
    *,
    config: Path,
    reader: str,
    since: str | None,
    until: str,
    only: str | None,
    form: str,
    as_json_too: bool,
) -> None:
    """Print the digest of the on-call or of a maintainer."""
    plan = load(config, os.environ)
    audience = _audience(plan, reader)
    now = SystemClock().now()
    end = _moment(until, now, plan.timezone, "--until")
    start = _moment(since, now, plan.timezone, "--since") if since else None
    if start is not None and start >= end:
        raise click.BadParameter(f"{start:%Y-%m-%d %H:%M} is not before the end of the window")
    to = "on_call" if audience == ON_CALL_AUDIENCE else "maintainers"
    wanted = DigestPlan("on demand", 9, 0, frozenset(), to, Edition(only or "full"))
    store = open_store(plan.store)
    try:
        made = Digests(plan, world_of(plan), store).make(wanted, end, start, audience)
    finally:
        store.close()
    click.echo(_written(made, "json" if as_json_too else form, Templates(own=plan.templates)))


def _audience(plan: Plan, reader: str) -> str:
    if reader in {"oncall", "on-call", ON_CALL_AUDIENCE}:
        return ON_CALL_AUDIENCE
    if reader not in plan.maintainers:
        known = ", ".join(["oncall", *sorted(plan.maintainers)])
        raise click.BadParameter(f"there is no maintainer '{reader}', only {known}")
    return reader


def _moment(text: str, now: datetime, timezone: str, option: str) -> datetime:
    """Read a moment: so long ago, or local time in the zone of the configuration."""
    try:
        return now - parse_duration(text) if text != "0s" else now
    except ValueError:
        pass
    try:
        return parse_local(text, timezone)
    except ValueError as error:
        hint = "write it as 16h or 2026-11-24T18:00"
        raise click.BadParameter(f"{option} {text}: {error}; {hint}") from error


def _written(made: Digest, form: str, templates: Templates) -> str:
    if form == "json":
        return write_json(as_json(made), indent=2)
    if form == "slack":
        return write_json(digest_messages(made, templates), indent=2, ensure_ascii=False)
    return as_html(made, templates) if form == "html" else as_text(made, templates)
