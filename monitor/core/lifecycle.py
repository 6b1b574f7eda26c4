"""The life of an alert: one reducer, ``step``; whoever calls it stores what it returns.

``ok -> pending -> firing -> recovering -> resolved``, and ``flapping`` for what cannot decide.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeAlias

from monitor.core.alert import Alert, AlertEvent, AlertState, Change
from monitor.core.model import Outcome, Tier, TierRule, Verdict

BLIND_RUNS = 3
"""Looks in a row that see nothing, after which the maintainer is warned: one lost answer is
everyday, three are a check that no longer checks."""

FLAP_WINDOW = timedelta(hours=1)
FLAP_FIRES = 3
"""A slice that fires this often within the window flaps: one notice says so, then only the digest
speaks of it until it is steady."""

FLAP_STEADY = timedelta(minutes=30)
"""How long a flapping slice must stay good, or bad, to be believed again."""

ALONE_FOR = timedelta(minutes=10)
"""How long a check must be blind for a cause that never becomes an incident before its maintainer
is warned: others get answers from that source, only this one does not."""

UPSTREAM_FIRST = timedelta(days=1)
"""How long missing data is left to the check upstream whose job it is to tell of it. When that one
stays well for a day, the two do not mean the same data, and somebody must be told."""

Stepped: TypeAlias = tuple[Alert | None, tuple[AlertEvent, ...]]


def step(
    alert: Alert | None,
    verdict: Verdict,
    rules: Sequence[TierRule],
    keep: timedelta = timedelta(0),
    *,
    is_cause_red: bool = True,
    is_told_upstream: bool = False,
) -> Stepped:
    """Take an alert (None for a slice without one) through one verdict.

    A resolved alert is only asked how often the slice fired lately. Return the alert as it is now,
    None when there is nothing to remember, and what happened. A verdict that saw nothing never
    resolves; three of them in a row warn. ``keep`` is how long a firing alert must be good before
    it is resolved. ``is_cause_red`` says whether the cause of a verdict that saw nothing has an
    incident, which then tells of it; ``is_told_upstream`` whether missing data is for another check
    to tell.
    """
    is_open = alert is not None and alert.is_open
    open_alert = alert if is_open else None
    if verdict.outcome in {Outcome.PENDING, Outcome.SKIPPED}:
        return open_alert, ()
    fires = alert.fires if alert is not None else ()
    if _is_blind_for_a_cause(verdict):
        if is_cause_red or verdict.outcome is not Outcome.ERROR:
            return open_alert, ()
        return _blind(open_alert or _new(verdict, fires), verdict, ALONE_FOR)
    if not verdict.outcome.is_judged:
        waits = is_told_upstream and verdict.outcome is Outcome.NO_DATA
        least = UPSTREAM_FIRST if waits else timedelta(0)
        return _blind(open_alert or _new(verdict, fires), verdict, least)
    if verdict.tier is None:
        return _good(open_alert, verdict, rules, keep)
    return _bad(open_alert or _new(verdict, fires), verdict, rules, is_new=not is_open)


def _is_blind_for_a_cause(verdict: Verdict) -> bool:
    """Say whether nothing was seen because of something that has an incident of its own."""
    is_blocked = verdict.outcome is Outcome.BLOCKED or verdict.blocked_by is not None
    return is_blocked and verdict.tier is None


def _blind(alert: Alert, verdict: Verdict, least: timedelta = timedelta(0)) -> Stepped:
    seen = replace(alert, blind_runs=alert.blind_runs + 1)
    if seen.state is not AlertState.PENDING or seen.blind_runs < BLIND_RUNS:
        return seen, ()
    if verdict.at - seen.opened_at < least:
        return seen, ()
    return _fire(replace(seen, blind_as=verdict.outcome, last=verdict), Tier.WARN, verdict)


def _good(  # noqa: PLR0911  # one return for each thing that may happen
    alert: Alert | None, verdict: Verdict, rules: Sequence[TierRule], keep: timedelta
) -> Stepped:
    if alert is None:
        return None, ()
    seen = replace(_seen(alert, verdict, rules), good_since=_since(alert.good_since, verdict.at))
    if alert.state is AlertState.PENDING:
        if any(seen.recent):
            return replace(seen, good_since=None), ()
        events = () if alert.bad_since is None else (_event(alert, verdict.at, Change.DROPPED, ""),)
        return None, events
    # What it was about stays, be it that nothing was seen: the good verdict tells nothing of it.
    seen = replace(seen, last=alert.last, blind_as=alert.blind_as)
    if alert.state is AlertState.FLAPPING:
        return _while_flapping(alert, seen, verdict)
    assert seen.good_since is not None
    is_held = _reached(seen, rules, verdict.at) is not None
    if is_held or verdict.at - seen.good_since < keep:
        if alert.state is AlertState.RECOVERING:
            return seen, ()
        return _move(seen, AlertState.RECOVERING, Change.RECOVERING, verdict.at, "")
    return _resolve(seen, verdict, verdict.reason or "back within its limits")


def _bad(alert: Alert, verdict: Verdict, rules: Sequence[TierRule], *, is_new: bool) -> Stepped:
    seen = replace(_seen(alert, verdict, rules), good_since=None)
    reached = _reached(seen, rules, verdict.at)
    if alert.state is AlertState.FLAPPING:
        return _while_flapping(alert, _raised(seen, reached), verdict)
    if alert.state is AlertState.PENDING:
        if reached is not None:
            return _fire(seen, reached, verdict)
        is_first = is_new or alert.bad_since is None
        return seen, (_event(seen, verdict.at, Change.PENDING, ""),) if is_first else ()
    events: tuple[AlertEvent, ...] = ()
    if alert.state is AlertState.RECOVERING:
        seen = replace(seen, state=AlertState.FIRING)
        events = (_event(seen, verdict.at, Change.RELAPSED, verdict.reason),)
    if reached is None or reached is seen.tier:
        return seen, events
    change = Change.ESCALATED if reached is Tier.PAGE else Change.EASED
    moved = replace(seen, tier=reached)
    return moved, (*events, _event(moved, verdict.at, change, verdict.reason))


def _fire(alert: Alert, tier: Tier, verdict: Verdict) -> Stepped:
    lately = [at for at in alert.fires if timedelta(0) <= verdict.at - at < FLAP_WINDOW]
    fires = (*lately, verdict.at)[-FLAP_FIRES:]
    flaps = len(fires) >= FLAP_FIRES
    fired = replace(
        alert,
        state=AlertState.FLAPPING if flaps else AlertState.FIRING,
        tier=tier,
        fired_at=verdict.at,
        fires=fires,
        turned_at=verdict.at if flaps else None,
    )
    change = Change.FLAPPING if flaps else Change.FIRED
    return fired, (_event(fired, verdict.at, change, verdict.reason),)


def _while_flapping(alert: Alert, seen: Alert, verdict: Verdict) -> Stepped:
    """Say nothing until the slice has been good, or bad, for long enough; a page is still told."""
    was_good, is_good = alert.good_since is not None, seen.good_since is not None
    if was_good is not is_good:
        seen = replace(seen, turned_at=verdict.at)
    if seen.tier is not alert.tier:
        return seen, (_event(seen, verdict.at, Change.ESCALATED, verdict.reason),)
    seen = replace(seen, turned_at=_since(seen.turned_at, verdict.at))
    assert seen.turned_at is not None
    if verdict.at - seen.turned_at < FLAP_STEADY:
        return seen, ()
    if is_good:
        return _resolve(replace(seen, fires=()), verdict, "steady within its limits")
    steady = replace(seen, fires=(), turned_at=None)
    return _move(steady, AlertState.FIRING, Change.STEADIED, verdict.at, "steadily bad")


def _raised(alert: Alert, reached: Tier | None) -> Alert:
    return replace(alert, tier=Tier.PAGE) if reached is Tier.PAGE else alert


def _resolve(alert: Alert, verdict: Verdict, reason: str) -> Stepped:
    resolved = replace(alert, state=AlertState.RESOLVED, resolved_at=verdict.at)
    return resolved, (_event(resolved, verdict.at, Change.RESOLVED, reason),)


def _move(alert: Alert, to: AlertState, change: Change, at: datetime, reason: str) -> Stepped:
    moved = replace(alert, state=to)
    return moved, (_event(moved, at, change, reason),)


def _seen(alert: Alert, verdict: Verdict, rules: Sequence[TierRule]) -> Alert:
    """Write a verdict that saw something into the memory of the alert."""
    window = max((rule.hold.window for rule in rules), default=1)
    return replace(
        alert,
        recent=(*alert.recent, verdict.tier)[-window:],
        bad_since=_since(alert.bad_since, verdict.at) if verdict.tier else None,
        page_since=_since(alert.page_since, verdict.at) if verdict.tier is Tier.PAGE else None,
        blind_runs=0,
        blind_as=None,
        last=verdict,
    )


def _since(before: datetime | None, at: datetime) -> datetime:
    """Return when a streak began; one that began later than now was measured by another clock."""
    return at if before is None else min(before, at)


def _reached(alert: Alert, rules: Sequence[TierRule], at: datetime) -> Tier | None:
    """Return the highest tier whose limits were breached for long enough."""
    held = {rule.tier for rule in rules if _holds(alert, rule, at)}
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


def _new(verdict: Verdict, fires: tuple[datetime, ...]) -> Alert:
    return Alert(
        verdict.check, verdict.slice, AlertState.PENDING, verdict.at, last=verdict, fires=fires
    )


def _event(alert: Alert, at: datetime, change: Change, reason: str) -> AlertEvent:
    return AlertEvent(at, alert.check, alert.slice, change, alert.tier, reason, alert.incident)
