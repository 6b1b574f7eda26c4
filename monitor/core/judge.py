"""Judging: measured numbers and limits in, one verdict per slice out."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeAlias

from monitor.core.labels import Labels
from monitor.core.model import (
    Breach,
    Measured,
    NoData,
    NotYet,
    Outcome,
    Sample,
    Tier,
    TierRule,
    Verdict,
)

Judged: TypeAlias = tuple[Outcome, Tier | None, str, tuple[Sample, ...], Breach | None]
"""Outcome, tier, reason, samples and breach of a verdict."""


def judge(
    check: str,
    measured: Iterable[Measured],
    rules: Sequence[TierRule],
    at: datetime,
    *,
    maintainer: str | None = None,
    link: str | None = None,
) -> tuple[Verdict, ...]:
    """Judge every slice against the limits, in the order in which the slices were measured.

    Measuring nothing at all is no data for the whole check. A slice that has both samples and a
    gap is judged by its samples. ``maintainer`` and ``link`` are what the answers told.
    """
    found = [*measured]
    if len(rules) > 1:
        rules = sorted(rules, key=_pages_first)
    slices: dict[Labels, list[Measured]] = {}
    if len(found) == 1:  # as of most checks
        slices[found[0].slice] = found
    elif not found:
        slices[()] = found
    else:
        for one in found:
            slices.setdefault(one.slice, []).append(one)
    return tuple(
        [
            Verdict(check, labels, at, *_judged(mine, rules), None, maintainer, link)
            for labels, mine in slices.items()
        ]
    )


def _judged(found: Sequence[Measured], rules: Sequence[TierRule]) -> Judged:
    samples = tuple([one for one in found if isinstance(one, Sample)])
    if not samples:
        if not found:
            return Outcome.NO_DATA, None, "the answer is empty", (), None
        first = found[0]
        assert isinstance(first, NoData | NotYet)
        outcome = Outcome.NO_DATA if isinstance(first, NoData) else Outcome.PENDING
        return outcome, None, first.reason, (), None
    for rule in rules:
        breach = _first_breach(samples, rule)
        if breach is not None:
            return Outcome(rule.tier), rule.tier, "", samples, breach
    unknown = _no_number(samples, rules)
    if unknown is not None:
        return Outcome.NO_DATA, None, f"{unknown} is no number", samples, None
    return Outcome.OK, None, "", samples, None


def _no_number(samples: Sequence[Sample], rules: Sequence[TierRule]) -> str | None:
    """Return a measure with a limit whose number is NaN: it is on the good side of every one."""
    for one in samples:
        if one.value == one.value:  # not NaN
            continue
        if any(limit.measure == one.measure for rule in rules for limit in rule.limits):
            return one.measure
    return None


def _pages_first(rule: TierRule) -> bool:
    return rule.tier is not Tier.PAGE


def _first_breach(samples: Sequence[Sample], rule: TierRule) -> Breach | None:
    for limit in rule.limits:
        for sample in samples:
            if sample.measure != limit.measure or sample.is_noise:
                continue
            if limit.is_breached_by(sample.value):
                return Breach(sample, limit)
    return None


def block(verdict: Verdict, cause: str | None) -> Verdict:
    """Put a bad or empty verdict under its red cause; a good one needs no cause."""
    if cause is None or verdict.outcome not in {Outcome.WARN, Outcome.PAGE, Outcome.NO_DATA}:
        return verdict
    return replace(verdict, outcome=Outcome.BLOCKED, blocked_by=cause)


WORST_FIRST = (
    Outcome.PAGE,
    Outcome.WARN,
    Outcome.ERROR,
    Outcome.BLOCKED,
    Outcome.NO_DATA,
    Outcome.PENDING,
    Outcome.SKIPPED,
    Outcome.OK,
)
"""What says most about a whole check, first."""


def worst(verdicts: Sequence[Verdict]) -> Verdict:
    """Return the verdict that says most about the whole check. Raise ValueError for none."""
    if len(verdicts) == 1:
        return verdicts[0]
    return min(verdicts, key=lambda verdict: WORST_FIRST.index(verdict.outcome))
