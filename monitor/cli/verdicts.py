"""How verdicts and alerts are written for people and for scripts."""

from collections.abc import Mapping
from typing import Any

import click

from monitor.core.labels import text_of
from monitor.core.model import Outcome, Sample, Verdict
from monitor.core.whole import write_json
from monitor.render.units import number

COLOURS = {
    Outcome.OK: "green",
    Outcome.WARN: "yellow",
    Outcome.PAGE: "red",
    Outcome.NO_DATA: "magenta",
    Outcome.ERROR: "magenta",
}
MOST_EVIDENCE = 400


def verdict_lines(verdict: Verdict) -> list[str]:
    """Write a verdict with all its numbers and their evidence."""
    colour = COLOURS.get(verdict.outcome)
    word = click.style(f"{verdict.outcome:>8}", fg=colour, bold=True)
    parts = [text_of(verdict.slice), breach_text(verdict), verdict.reason]
    lines = [f"{word}  {': '.join(part for part in parts if part) or 'all limits are kept'}"]
    lines += [f"          {one.measure} {number(one.value, one.unit)}" for one in verdict.samples]
    evidence = next((one.evidence for one in verdict.samples if one.evidence), {})
    for name, value in evidence.items():
        lines.append(click.style(f"          {name}: {evidence_text(value)}", dim=True))
    if verdict.link:
        lines.append(f"          {verdict.link}")
    return lines


def evidence_text(value: Any) -> str:
    """Write a value in one line, numbers to six digits; the rest of a long one is in the JSON."""
    text = f"{value:.6g}" if isinstance(value, float) else write_json(value, default=str)
    if len(text) <= MOST_EVIDENCE:
        return text
    if isinstance(value, Mapping):
        return f"{', '.join(value)} (--json shows them)"
    return f"{text[:MOST_EVIDENCE]} ... (--json shows all)"


def breach_text(verdict: Verdict) -> str:
    """Say which limit was breached by what; empty when none was."""
    if verdict.breach is None:
        return ""
    sample, limit = verdict.breach.sample, verdict.breach.limit
    bound = number(limit.bound, limit.unit)
    return f"{sample.measure} {number(sample.value, sample.unit)} (limit {limit.bad} {bound})"


def plain_verdict(verdict: Verdict) -> Mapping[str, Any]:
    """Return a verdict as JSON values."""
    limit = verdict.breach.limit if verdict.breach else None
    return {
        "slice": dict(verdict.slice),
        "outcome": verdict.outcome,
        "reason": verdict.reason,
        "samples": [plain_sample(one) for one in verdict.samples],
        "breach": {"measure": limit.measure, "bound": limit.bound} if limit else None,
        "maintainer": verdict.maintainer,
        "link": verdict.link,
    }


def plain_sample(sample: Sample) -> Mapping[str, Any]:
    """Return a number with its evidence as JSON values."""
    return {
        "measure": sample.measure,
        "value": sample.value,
        "unit": sample.unit,
        "evidence": dict(sample.evidence),
    }
