"""Backfill commands, ready to copy: one for each run of missing partitions."""

import shlex
from datetime import UTC, datetime

from jinja2 import TemplateError

from monitor.core.alert import AlertState
from monitor.core.incident import Gap, IncidentView, Member
from monitor.render.sandbox import render_text


def commands(of: IncidentView | Member) -> tuple[str, ...]:
    """Return the commands that fill the gaps of an alert, or of an incident's own ones; each once.

    None without gaps, without a ``backfill`` template, or when the alert is over. A template that
    fails says so in the place of the command: the message must leave all the same.
    """
    members = of.own if isinstance(of, IncidentView) else (of,)
    # Slices of one table often miss the same hours: what is the same is rendered once.
    wanted = dict.fromkeys(
        (member.backfill, gap)
        for member in members
        if member.backfill is not None and member.state is not AlertState.RESOLVED
        for gap in member.gaps
    )
    return tuple(dict.fromkeys(_command(template, gap) for template, gap in wanted))


def _command(template: str, gap: Gap) -> str:
    """Render one command; the names of partitions come from data and are quoted for the shell."""
    values = {
        "from": _iso(gap.start),
        "to": _iso(gap.last),
        "end": _iso(gap.end),
        "partitions": " ".join(shlex.quote(name) for name in gap.partitions),
    }
    try:
        return render_text(template, values).strip()
    except TemplateError as error:
        return f"# the backfill template of this resource is broken: {error}".replace("\n", " ")


def _iso(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
