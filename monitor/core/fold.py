"""Folding a window into a digest. Pure: everything that was read is an argument."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.core.digest import (
    Blind,
    Coverage,
    Digest,
    MetricCell,
    Mood,
    NotRun,
    OwnerCount,
)
from monitor.core.incident import IncidentView
from monitor.core.model import Outcome, Verdict
from monitor.core.route import ON_CALL
from monitor.core.state import SliceState, Slot
from monitor.core.world import World


@dataclass(frozen=True, slots=True)
class Window:
    """What is folded: [since, until), for whom, in which zone, and when the next one is due."""

    name: str
    audience: str
    since: datetime
    until: datetime
    next_at: datetime | None = None


def coverage(
    checks: Iterable[str],
    last: Mapping[str, Slot],
    judged: Mapping[str, int],
    blind: tuple[Blind, ...],
    world: World,
) -> Coverage:
    """Count the checks that can vouch for themselves.

    A check ran when a look in the window was judged and so was its last one; anything else is
    named with its reason.
    """
    missing: list[NotRun] = []
    names = sorted(checks)
    for check in names:
        slot = last.get(check)
        if slot is not None and slot.outcome.is_judged and judged.get(check, 0) > 0:
            continue
        facts = world.checks.get(check)
        owner = (facts.maintainer if facts else None) or ON_CALL
        outcome = slot.outcome if slot else Outcome.SKIPPED
        reason = (slot.reason if slot else "") or "no look in this window"
        missing.append(NotRun(check, owner, outcome, reason))
    return Coverage(len(names), len(names) - len(missing), tuple(missing), blind)


def fold(
    window: Window,
    views: Iterable[IncidentView],
    states: Iterable[SliceState],
    covered: Coverage,
    world: World,
    *,
    revision: str = "",
) -> Digest:
    """Tell the story of a window: verdict first, then what to do, then what was."""
    told = sorted(views, key=lambda view: (view.incident.tier != "page", view.incident.opened_at))
    still_open = tuple(view for view in told if view.is_open)
    overnight = tuple(view for view in told if not view.is_open)
    return Digest(
        name=window.name,
        audience=window.audience,
        since=window.since,
        until=window.until,
        timezone=world.timezone,
        mood=_mood(still_open, covered),
        coverage=covered,
        open=still_open,
        overnight=overnight,
        owners=_owners(told),
        metrics=tuple(_cells(states, window.until)),
        unowned=tuple(sorted({view.incident.check for view in told if view.incident.unowned})),
        revision=revision,
        next_at=window.next_at,
    )


def _mood(still_open: tuple[IncidentView, ...], covered: Coverage) -> Mood:
    if still_open:
        return Mood.OPEN
    return Mood.ALL_CLEAR if covered.is_whole else Mood.CLEAR_FOR_WHAT_RAN


def _owners(views: Iterable[IncidentView]) -> tuple[OwnerCount, ...]:
    fired: Counter[str] = Counter()
    still: Counter[str] = Counter()
    for view in views:
        fired[view.incident.maintainer] += 1
        still[view.incident.maintainer] += view.is_open
    return tuple(OwnerCount(owner, count, still[owner]) for owner, count in fired.most_common())


def _cells(states: Iterable[SliceState], until: datetime) -> Iterable[MetricCell]:
    """Make the metrics table: every slice whose evidence says which business metric it is."""
    known: dict[str, str] = {}
    waiting: list[Verdict] = []
    for state in states:
        verdict = state.verdict
        evidence = verdict.samples[0].evidence if verdict.samples else {}
        metric = evidence.get("metric")
        if isinstance(metric, str) and until - verdict.at < timedelta(days=2):
            known[verdict.check] = metric
            yield _cell(metric, verdict)
        elif not verdict.samples:
            waiting.append(verdict)
    for verdict in waiting:
        if verdict.check in known:
            note = verdict.reason or "not judged"
            yield MetricCell(known[verdict.check], verdict.slice, verdict.outcome, note=note)


def _cell(metric: str, verdict: Verdict) -> MetricCell:
    evidence = verdict.samples[0].evidence
    value, expected = evidence.get("value"), evidence.get("expected")
    change = value / expected - 1 if value is not None and expected else None
    note = f"not judged: under {verdict.blocked_by}" if verdict.blocked_by else ""
    return MetricCell(
        metric,
        verdict.slice,
        verdict.outcome,
        value=value,
        expected=expected,
        change=change,
        at=verdict.at,
        note=note,
    )
