"""The life of an alert: one reducer, ``step``; whoever calls it stores what it returns."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeAlias

from monitor.core.alert import Alert, AlertEvent, AlertState, Change
from monitor.core.model import Outcome, Tier, TierRule, Verdict

BLIND_RUNS = 3
"""Looks in a row that see nothing, after which the maintainer is warned: one lost answer is
everyday, three are a check that no longer checks."""

Stepped: TypeAlias = tuple[Alert | None, tuple[AlertEvent, ...]]


def step(alert: Alert | None, verdict: Verdict, rules: Sequence[TierRule]) -> Stepped:
    """Take an alert (None when none is open) through one verdict.

    Return the alert as it is now, None when there is nothing to remember, and what happened.
    A verdict that saw nothing never resolves; three of them in a row warn.
    """
    open_alert = alert if alert is not None and alert.is_open else None
    if verdict.outcome in {Outcome.PENDING, Outcome.SKIPPED} or _is_blind_for_a_cause(verdict):
        return open_alert, ()
    if not verdict.outcome.is_judged:
        return _blind(open_alert, verdict)
    if verdict.tier is None:
        return _good(open_alert, verdict, rules)
    return _bad(open_alert, verdict, rules)


def _is_blind_for_a_cause(verdict: Verdict) -> bool:
    """Say whether nothing was seen because of something that has an incident of its own."""
    is_blocked = verdict.outcome is Outcome.BLOCKED or verdict.blocked_by is not None
    return is_blocked and verdict.tier is None


def _blind(alert: Alert | None, verdict: Verdict) -> Stepped:
    seen = alert or _new(verdict)
    seen = replace(seen, blind_runs=seen.blind_runs + 1)
    if seen.state is AlertState.FIRING or seen.blind_runs < BLIND_RUNS:
        return seen, ()
    fired = replace(
        seen,
        state=AlertState.FIRING,
        tier=Tier.WARN,
        fired_at=verdict.at,
        blind_as=verdict.outcome,
        last=verdict,
    )
    return fired, (_event(fired, verdict.at, Change.FIRED, verdict.reason),)


def _good(alert: Alert | None, verdict: Verdict, rules: Sequence[TierRule]) -> Stepped:
    if alert is None:
        return None, ()
    seen = _seen(alert, verdict, rules)
    if alert.state is AlertState.PENDING:
        if any(seen.recent):
            return seen, ()
        events = () if alert.bad_since is None else (_event(alert, verdict.at, Change.DROPPED, ""),)
        return None, events
    if _reached(seen, rules) is not None:
        return seen, ()
    # What it was about stays: the good verdict has nothing to tell of it.
    resolved = replace(seen, state=AlertState.RESOLVED, resolved_at=verdict.at, last=alert.last)
    return resolved, (_event(resolved, verdict.at, Change.RESOLVED, "back within its limits"),)


def _bad(alert: Alert | None, verdict: Verdict, rules: Sequence[TierRule]) -> Stepped:
    seen = _seen(alert or _new(verdict), verdict, rules)
    reached = _reached(seen, rules)
    if reached is None or reached is seen.tier:
        is_new = alert is None or (alert.state is AlertState.PENDING and alert.bad_since is None)
        return seen, (_event(seen, verdict.at, Change.PENDING, ""),) if is_new else ()
    if seen.state is AlertState.PENDING:
        fired = replace(seen, state=AlertState.FIRING, tier=reached, fired_at=verdict.at)
        return fired, (_event(fired, verdict.at, Change.FIRED, verdict.reason),)
    change = Change.ESCALATED if reached is Tier.PAGE else Change.EASED
    moved = replace(seen, tier=reached)
    return moved, (_event(moved, verdict.at, change, verdict.reason),)


def _seen(alert: Alert, verdict: Verdict, rules: Sequence[TierRule]) -> Alert:
    """Write a verdict that saw something into the memory of the alert."""
    window = max((rule.hold.window for rule in rules), default=1)
    return replace(
        alert,
        recent=(*alert.recent, verdict.tier)[-window:],
        bad_since=(alert.bad_since or verdict.at) if verdict.tier else None,
        page_since=(alert.page_since or verdict.at) if verdict.tier is Tier.PAGE else None,
        blind_runs=0,
        blind_as=None,
        last=verdict,
    )


def _reached(alert: Alert, rules: Sequence[TierRule]) -> Tier | None:
    """Return the highest tier whose limits were breached for long enough."""
    assert alert.last is not None
    held = {rule.tier for rule in rules if _holds(alert, rule, alert.last.at)}
    return Tier.PAGE if Tier.PAGE in held else Tier.WARN if held else None


def _holds(alert: Alert, rule: TierRule, at: datetime) -> bool:
    hold = rule.hold
    counts = [t for t in alert.recent[-hold.window :] if t is not None and _covers(t, rule.tier)]
    if hold.window > 1:
        return len(counts) >= hold.needed
    since = alert.page_since if rule.tier is Tier.PAGE else alert.bad_since
    return since is not None and at - since >= hold.duration


def _covers(seen: Tier, wanted: Tier) -> bool:
    return seen is Tier.PAGE or wanted is Tier.WARN


def _new(verdict: Verdict) -> Alert:
    return Alert(verdict.check, verdict.slice, AlertState.PENDING, verdict.at, last=verdict)


def _event(alert: Alert, at: datetime, change: Change, reason: str) -> AlertEvent:
    return AlertEvent(at, alert.check, alert.slice, change, alert.tier, reason, alert.incident)
