"""A digest for people: what its lines say, and its forms as text, HTML and JSON."""

from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import shorten
from typing import Any

from pydantic import TypeAdapter

from monitor.core.digest import Coverage, Digest, MetricCell, Mood
from monitor.core.labels import Labels, text_of
from monitor.core.model import Outcome, Tier
from monitor.render.summary import MOST_MEMBERS
from monitor.render.templates import Templates
from monitor.render.units import local, number

RED, GREEN, GREY = "\U0001f534", "\U0001f7e2", "⚪"

SIGNS = {"page": ":red_circle:", "warn": ":large_yellow_circle:"}
"""Slack's names of the signs of the tiers."""

MOST_CAUSES = 3
"""Different reasons that the verdict line names; the checks themselves are listed below it."""

LONGEST_CAUSE = 60

_JSON: TypeAdapter[Digest] = TypeAdapter(Digest)
_SHIPPED = Templates()


def verdict_line(digest: Digest) -> str:
    """Say first how things are, and how far that can be trusted."""
    covered = digest.coverage
    ran = f"{covered.ran} of {covered.due}"
    if digest.mood is Mood.ALL_CLEAR and covered.is_whole:
        return f"All clear: {ran} checks ran"
    if digest.mood is not Mood.OPEN:
        return f"Clear for what ran: {ran}{_missing(covered)}{_blind(digest)}"
    pages = sum(view.incident.tier is Tier.PAGE for view in digest.open)
    count = f"{len(digest.open)} open ({pages} page)" if pages else f"{len(digest.open)} open"
    return f"{count}: {ran} checks ran{_missing(covered)}{_blind(digest)}"


def _missing(covered: Coverage) -> str:
    if not covered.not_run:
        return ""
    causes = list(
        dict.fromkeys(
            shorten(one.reason or str(one.outcome), LONGEST_CAUSE, placeholder=" ...")
            for one in covered.not_run
        )
    )
    more = "; ..." if len(causes) > MOST_CAUSES else ""
    return f", {len(covered.not_run)} could not run ({'; '.join(causes[:MOST_CAUSES])}{more})"


def _blind(digest: Digest) -> str:
    """Name the spans in which the monitor itself did not look."""
    zone = digest.timezone
    spans = ", ".join(
        f"{local(gap.start, zone)} to {local(gap.end, zone)}" for gap in digest.coverage.blind
    )
    return f"; the monitor was blind {spans}" if spans else ""


@dataclass(frozen=True, slots=True)
class MetricTable:
    """The metrics as texts: a row for each slice, a column for each metric.

    ``reasons`` says why the cells that were not judged were not.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]
    reasons: tuple[str, ...]

    @property
    def lines(self) -> list[str]:
        """The table in columns of equal width, its head first; empty without rows."""
        if not self.rows:
            return []
        table = [("", self.columns), *self.rows]
        first = max(len(name) for name, _ in table)
        widths = [max(len(cells[i]) for _, cells in table) for i in range(len(self.columns))]
        return [
            "  ".join(
                (name.ljust(first), *(c.rjust(w) for c, w in zip(cells, widths, strict=True)))
            ).rstrip()
            for name, cells in table
        ]


def metric_table(digest: Digest) -> MetricTable:
    """Arrange the metrics by slice, in the order of names."""
    metrics = tuple(dict.fromkeys(cell.metric for cell in digest.metrics))
    rows: dict[Labels, dict[str, MetricCell]] = {}
    for cell in digest.metrics:
        rows.setdefault(cell.slice, {})[cell.metric] = cell
    return MetricTable(
        columns=metrics,
        rows=tuple(
            (text_of(labels) or "all", tuple(cell_text(row.get(metric)) for metric in metrics))
            for labels, row in sorted(rows.items())
        ),
        reasons=tuple(dict.fromkeys(_reasons(digest))),
    )


def _reasons(digest: Digest) -> Iterator[str]:
    for cell in digest.metrics:
        if not is_judged(cell):
            where = text_of(cell.slice) or "all"
            why = cell.note.removeprefix("not judged: ") or str(cell.outcome)
            yield f"{cell.metric} of {where}: not judged: {why}"


def is_judged(cell: MetricCell) -> bool:
    """Say whether a cell may be called good or bad: late data never looks like a falling metric."""
    return cell.outcome in {Outcome.OK, Outcome.WARN, Outcome.PAGE} and cell.value is not None


def cell_text(cell: MetricCell | None) -> str:
    """Write a cell: value, change against what was expected, and its mark; ``-`` for none."""
    if cell is None:
        return "-"
    if not is_judged(cell) or cell.value is None:
        return f"not judged {GREY}"
    mark = GREEN if cell.outcome is Outcome.OK else RED
    change = "" if cell.change is None else f" {cell.change:+.0%}"
    return f"{number(cell.value, cell.unit)}{change} {mark}"


def owners_line(digest: Digest) -> str:
    """Say whose incidents there were: ``recsys 2 (1 open), growth 1``; empty without any."""
    return ", ".join(
        f"{one.maintainer} {one.fired}" + (f" ({one.still_open} open)" if one.still_open else "")
        for one in digest.owners
    )


def footer(digest: Digest) -> str:
    """Say which window and which configuration this is, and when the next one comes."""
    window = f"{local(digest.since, digest.timezone)} to {local(digest.until, digest.timezone)}"
    following = f"; next {local(digest.next_at, digest.timezone)}" if digest.next_at else ""
    return f"{window}, configuration {digest.revision or 'unknown'}{following}"


def render_digest(path: str, digest: Digest, templates: Templates = _SHIPPED) -> str:
    """Render a digest by a template, as ``text/digest.j2``; times are in the digest's zone."""
    return templates.render(
        path,
        digest=digest,
        most=MOST_MEMBERS,
        zone=digest.timezone,
        signs=SIGNS,
        verdict=verdict_line(digest),
        owners=owners_line(digest),
        metrics=metric_table(digest),
        footer=footer(digest),
    )


def as_text(digest: Digest, templates: Templates = _SHIPPED) -> str:
    """Write the whole digest as plain text."""
    return render_digest("text/digest.j2", digest, templates).rstrip("\n")


def as_html(digest: Digest, templates: Templates = _SHIPPED) -> str:
    """Write the whole digest as a page of its own, without scripts."""
    return render_digest("html/digest.j2", digest, templates)


def as_json(digest: Digest) -> dict[str, Any]:
    """Write the digest as JSON values, with its verdict line."""
    return {"verdict": verdict_line(digest), **_JSON.dump_python(digest, mode="json")}
