"""``monitor silence``: not to hear of something for a while."""

import sys
from collections.abc import Mapping
from datetime import datetime
from getpass import getuser
from pathlib import Path
from urllib.parse import quote

import click

from monitor.api.fields import parse_duration
from monitor.cli.options import JSON
from monitor.cli.remote import Daemon, remote
from monitor.core.matcher import parse_matcher
from monitor.core.silence import Silence
from monitor.core.whole import write_json
from monitor.engine.clock import SystemClock


@click.group()
def silence() -> None:
    """Silence what matches labels, list silences, end one."""


@silence.command()
@click.argument("matchers", nargs=-1, required=True)
@click.option("--for", "duration", default="2h", show_default=True, help="How long, as 30m or 2d.")
@click.option("--from", "start", help="When it starts, as 2026-11-25T18:00+05:30; else now.")
@click.option("--by", help="Who; without it, the user of this machine.")
@click.option("--comment", required=True, help="Why: others will ask.")
@JSON
@remote
def add(
    *,
    matchers: tuple[str, ...],
    duration: str,
    start: str | None,
    by: str | None,
    comment: str,
    url: str | None,
    config: Path,
    as_json: bool,
) -> None:
    """Silence what fulfils all MATCHERS, as `check="rows"` or `model=~"ctr|cvr"`."""
    try:
        begins = datetime.fromisoformat(start) if start else SystemClock().now()
        ends = begins + parse_duration(duration)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
    body = {
        "matchers": list(matchers),
        "startsAt": begins.isoformat(),
        "endsAt": ends.isoformat(),
        "createdBy": by or getuser(),
        "comment": comment,
    }
    said = Daemon(url, config).ask("POST", "silences", json=body)
    click.echo(write_json(said) if as_json else said["silenceID"])


@silence.command(name="list")
@click.option("--all", "every", is_flag=True, help="Also those that are over.")
@JSON
@remote
def show(url: str | None, config: Path, *, every: bool, as_json: bool) -> None:
    """List silences; exit 1 when there is none."""
    found = Daemon(url, config).all("silences")
    shown = [one for one in found if every or one["status"]["state"] != "expired"]
    if as_json:
        click.echo(write_json(shown, indent=2))
    for one in [] if as_json else shown:
        text = ", ".join(map(_matcher, one["matchers"]))
        state = one["status"]["state"]
        click.echo(f"{one['id']}  {state}  until {one['endsAt']}  {text}")
        click.echo(f"    {one['createdBy']}: {one['comment']}")
    sys.exit(0 if shown else 1)


@silence.command()
@click.argument("identifier")
@click.option("--by", help="Who; without it, the user of this machine.")
@JSON
@remote
def expire(
    identifier: str, by: str | None, url: str | None, config: Path, *, as_json: bool
) -> None:
    """End a silence now; what it hushed and still fires is told at once."""
    path = f"silences/{quote(identifier, safe='')}"
    said = Daemon(url, config).ask("DELETE", path, params={"by": by or getuser()})
    click.echo(write_json(said) if as_json else f"{identifier} is over")


def stored(url: str | None, config: Path) -> tuple[Silence, ...]:
    """Return the silences of the running daemon, with those that are over. Raise RemoteError."""
    return tuple(
        Silence(
            one["id"],
            tuple(parse_matcher(_matcher(matcher)) for matcher in one["matchers"]),
            datetime.fromisoformat(one["startsAt"]),
            datetime.fromisoformat(one["endsAt"]),
            one["createdBy"],
            one["comment"],
        )
        for one in Daemon(url, config).all("silences")
    )


def _matcher(one: Mapping[str, object]) -> str:
    operator = ("=~" if one["isRegex"] else "=") if one["isEqual"] else "!"
    if not one["isEqual"]:
        operator += "~" if one["isRegex"] else "="
    return f"{one['name']}{operator}{write_json(one['value'], ensure_ascii=False)}"
