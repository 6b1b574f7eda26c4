"""A digest for people: what its lines say, and its forms as text, HTML and JSON."""

from collections.abc import Sequence
from textwrap import shorten
from typing import Any

from markupsafe import Markup
from pydantic import TypeAdapter

from monitor.core.digest import (
    Coverage,
    Digest,
    Edition,
    Elsewhere,
    ExperimentLine,
    Mood,
    NightLine,
    Noisy,
    NotRun,
    OwnerCount,
    Week,
)
from monitor.core.labels import text_of
from monitor.core.model import Outcome, Tier
from monitor.core.series import Series
from monitor.render.chart import sparkline, svg, title_of
from monitor.render.metric_table import GREEN, GREY, RED, metric_table
from monitor.render.summary import MOST_MEMBERS
from monitor.render.templates import Templates
from monitor.render.units import duration, local, number

SIGNS = {"page": ":red_circle:", "warn": ":large_yellow_circle:"}
"""Slack's names of the signs of the tiers."""

MOST_CAUSES = 3
"""Different reasons that the verdict line names; the checks themselves are listed below it."""

LONGEST_CAUSE = 60
MOST_NAMED = 5

_JSON: TypeAdapter[Digest] = TypeAdapter(Digest)
_SHIPPED = Templates()


def verdict_line(digest: Digest) -> str:
    """Say first how things are, and how far that can be trusted."""
    covered = digest.coverage
    ran = f"{covered.ran} of {covered.due}"
    if digest.mood is Mood.ALL_CLEAR and covered.is_whole:
        return f"All clear: {ran} checks ran"
    if digest.mood is Mood.BLIND:
        return f"Blind: {ran} checks ran{_missing(covered)}{_blind(digest)}"
    if digest.mood is not Mood.OPEN:
        return f"Clear for what ran: {ran}{_missing(covered)}{_blind(digest)}"
    views = (*digest.open, *digest.unchanged)
    pages = sum(view.incident.tier is Tier.PAGE for view in views)
    notes = [f"{pages} page"] if pages else []
    if digest.edition is Edition.CHANGES:
        notes.append(f"{len(digest.open)} new")
    count = f"{len(views)} open ({', '.join(notes)})" if notes else f"{len(views)} open"
    return f"{count}: {ran} checks ran{_missing(covered)}{_blind(digest)}"


def _missing(covered: Coverage) -> str:
    kinds = (
        ("could not run", [one for one in covered.not_run if one.start is None]),
        ("saw nothing for a while", [one for one in covered.not_run if one.start is not None]),
    )
    return "".join(f", {len(found)} {what} ({_causes(found)})" for what, found in kinds if found)


def _causes(missing: Sequence[NotRun]) -> str:
    causes = list(
        dict.fromkeys(
            shorten(one.reason or str(one.outcome), LONGEST_CAUSE, placeholder=" ...")
            for one in missing
        )
    )
    return "; ".join(causes[:MOST_CAUSES]) + ("; ..." if len(causes) > MOST_CAUSES else "")


def not_run_line(one: NotRun, zone: str) -> str:
    """Say which check did not watch, from when to when, and why."""
    span = (
        f" from {local(one.start, zone)} to {local(one.end, zone)}"
        if (one.start and one.end)
        else ""
    )
    return f"{one.check} ({one.maintainer}): {one.outcome}{span}, {one.reason}"


def _blind(digest: Digest) -> str:
    """Name the spans in which the monitor itself did not look."""
    zone = digest.timezone
    spans = ", ".join(
        f"{local(gap.start, zone)} to {local(gap.end, zone)}" for gap in digest.coverage.blind
    )
    return f"; the monitor was blind {spans}" if spans else ""


def owners_line(digest: Digest) -> str:
    """Say whose incidents there were: ``recsys 2 (1 open, told: recsys-slack), growth 1``."""
    return ", ".join(_owner(one) for one in digest.owners)


def _owner(one: OwnerCount) -> str:
    notes = [f"{one.still_open} open"] if one.still_open else []
    if one.receivers:
        notes.append(f"told: {', '.join(one.receivers)}")
    return f"{one.maintainer} {one.fired}" + (f" ({'; '.join(notes)})" if notes else "")


def night_line(line: NightLine, zone: str) -> str:
    """Say how one measure went: ``trino.adhoc queued: median 3, p95 40, worst 61 at ...``."""
    where = " ".join(part for part in (line.resource or line.check, text_of(line.slice)) if part)
    typical, p95, worst = (number(v, line.unit) for v in (line.typical, line.p95, line.worst))
    held = f", held by {'; '.join(line.holders)}" if line.holders else ""
    least = {"workers": "p5"}.get(line.measure, "p95")
    when = local(line.worst_at, zone)
    return f"{where} {line.measure}: median {typical}, {least} {p95}, worst {worst} at {when}{held}"


def experiment_line(line: ExperimentLine) -> str:
    """Say how an experiment stands."""
    left = "" if line.days_left is None else f", {line.days_left:.0f} days left"
    sign = RED if line.is_red else GREEN if line.outcome is Outcome.OK else GREY
    return f"{sign} {line.experiment}: {line.says}{left}"


def noisy_line(one: Noisy) -> str:
    """Say how often a check cried, and what a change would have made of it."""
    acked = f", {one.acked} acknowledged" if one.acked else ""
    return (
        f"{one.check} ({one.maintainer}) fired {one.fired} times in a week, {one.short} of them "
        f"over within 10 minutes{acked}; with {one.after} it had fired {one.would_have} times"
    )


def noisy_change(one: Noisy) -> str:
    """Write the change as a difference of YAML."""
    before = [f"-     {one.before}"] if one.before else []
    return "\n".join([f"  {one.check}:", "    warn:", *before, f"+     {one.after}"])


def week_lines(week: Week, zone: str) -> list[str]:
    """Sum up a week."""
    before = "" if week.fired_before is None else f" (the week before: {week.fired_before})"
    lines = [
        (
            f"{week.fired} alerts fired{before}, {week.pages} of tier page, "
            f"{week.short} over within 10 minutes"
        )
    ]
    if week.to_ack is not None:
        lines.append(f"acknowledged after {duration(week.to_ack)} (median)")
    if week.to_resolve is not None:
        lines.append(f"over after {duration(week.to_resolve)} (median)")
    trend = ", ".join(f"{local(at, zone)[:10]} {ran}/{due}" for at, ran, due in week.coverage)
    return [*lines, f"coverage: {trend}"] if trend else lines


def elsewhere_line(one: Elsewhere, zone: str) -> str:
    """Name an alert of another system."""
    notes = [one.owner or "", f"since {local(one.since, zone)}" if one.since else ""]
    told = ", ".join(note for note in notes if note)
    return f"{one.source}: {one.title}" + (f" ({told})" if told else "")


def footer(digest: Digest) -> str:
    """Say which window and which configuration this is, and when the next one comes."""
    zone = digest.timezone
    parts = [f"{local(digest.since, zone)} to {local(digest.until, zone)}"]
    was = digest.revision_before
    changed = f" (was {was})" if was and was != digest.revision else ""
    parts.append(f"configuration {digest.revision or 'unknown'}{changed}")
    for word, checks in (("new", digest.added), ("gone", digest.removed)):
        if checks:
            named = ", ".join(checks[:MOST_NAMED]) + (", ..." if len(checks) > MOST_NAMED else "")
            count = "1 check" if len(checks) == 1 else f"{len(checks)} checks"
            parts.append(f"{count} {word}: {named}")
    text = ", ".join(parts)
    late = f"; late by {duration(digest.late_by)}" if digest.late_by else ""
    following = f"; next {local(digest.next_at, zone)}" if digest.next_at else ""
    return text + late + following


def heading(digest: Digest) -> str:
    """Name the digest and, where it is one's own, its reader."""
    whose = "" if digest.audience == "on_call" else f" of {digest.audience}"
    return f"{digest.name} digest{whose}"


def render_digest(medium: str, digest: Digest, templates: Templates = _SHIPPED) -> str:
    """Render a digest for ``slack``, ``text``, ``html`` or ``email``; times are in its zone."""
    zone = digest.timezone
    return templates.render(
        f"{medium}/digest",
        digest.name,
        digest=digest,
        most=MOST_MEMBERS,
        zone=zone,
        signs=SIGNS,
        verdict=verdict_line(digest),
        owners=owners_line(digest),
        metrics=metric_table(digest),
        footer=footer(digest),
        heading=heading(digest),
        week=week_lines(digest.week, zone) if digest.week else [],
        charts=[(title_of(one), sparkline(one), _picture(one, zone)) for one in digest.charts],
        not_run=[not_run_line(one, zone) for one in digest.coverage.not_run],
        night=[night_line(one, zone) for one in digest.night],
        experiments=[experiment_line(one) for one in digest.experiments],
        noisy=[(noisy_line(one), noisy_change(one)) for one in digest.noisy],
        elsewhere=[elsewhere_line(one, zone) for one in digest.elsewhere],
    )


def _picture(series: Series, zone: str) -> Markup:
    return Markup(svg(series, zone))  # noqa: S704  # it escapes every text itself


def as_text(digest: Digest, templates: Templates = _SHIPPED) -> str:
    """Write the whole digest as plain text."""
    return render_digest("text", digest, templates).rstrip("\n")


def as_html(digest: Digest, templates: Templates = _SHIPPED) -> str:
    """Write the whole digest as a page of its own, without scripts."""
    return render_digest("html", digest, templates)


def as_json(digest: Digest) -> dict[str, Any]:
    """Write the digest as JSON values, with its verdict line."""
    return {"verdict": verdict_line(digest), **_JSON.dump_python(digest, mode="json")}
