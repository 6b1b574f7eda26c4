"""Checks that fit the metrics of a Prometheus, with limits from their history. Pure."""

import math

from monitor.engine.found import FoundMetric
from monitor.engine.proposals import Proposal, nice_seconds, slug

ONE_IN_FIVE_MINUTES = 0.003
"""The lowest limit on a rate per second: a limit itself counts as bad, so 0 would always be."""


def threshold(metric: FoundMetric, usual: float) -> Proposal | None:
    """Propose limits: for ``up`` that every target is, else twice and four times the usual.

    usual: the highest among jobs of their 99.5 % quantiles; 0 is "never so far".
    """
    name = slug(metric.name).removesuffix("-total")
    limits: tuple[str, ...]
    keys = ("kind: threshold", f"query: {metric.query}", "slices: {by: [job]}")
    if metric.type == "up":
        limits = ("bad: below", "warn: {value: 1, for: 5m}")
        return Proposal("targets-up", (*keys, *limits), "every target of a job must be up")
    if not math.isfinite(usual) or usual < 0:
        return None
    what = " a second" if metric.type == "counter" else ""
    if usual == 0:
        least = ONE_IN_FIVE_MINUTES if metric.type == "counter" else 1
        limits = ("bad: above", f"warn: {{value: {least}, for: 5m}}")
        return Proposal(f"{name}-high", (*keys, *limits), "it is usually 0")
    warn, page = nice_seconds(usual * 2), nice_seconds(usual * 4)
    limits = (
        "bad: above",
        f"warn: {{value: {warn:.6g}, for: 5m}}",
        f"page: {{value: {page:.6g}, for: 5m}}",
    )
    return Proposal(f"{name}-high", (*keys, *limits), f"it is usually at most {usual:.3g}{what}")
