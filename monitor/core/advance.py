"""One step of the whole monitor: what was found goes in, everything that changes comes out. Pure.

The caller commits the step in one transaction and only then lets the memory take it over.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from monitor.core.alert import Change
from monitor.core.book import Memory
from monitor.core.causes import cause_of, place, refold
from monitor.core.judge import block, worst
from monitor.core.lifecycle import step as live
from monitor.core.model import Outcome, Verdict
from monitor.core.orders import Order, Refusal, obey
from monitor.core.state import Slot, Step
from monitor.core.telling import tell
from monitor.core.turn import Turn
from monitor.core.value import value
from monitor.core.world import CheckFacts, World


@value(frozen=True, slots=True)
class Finding:
    """One look of one check: the slot that was due, and a verdict for each slice.

    ``due_at`` is None for what is no check of the plan: the health of a source. A partial one
    says nothing about slices that it does not name: alerts that another system sent.
    """

    check: str
    due_at: datetime | None
    verdicts: tuple[Verdict, ...]
    is_partial: bool = False


@dataclass(frozen=True, slots=True)
class Advanced:
    """A step, and for each order why it was refused; None for one that was obeyed."""

    step: Step
    refusals: tuple[Refusal | None, ...] = ()


def advance(
    memory: Memory,
    findings: Sequence[Finding],
    world: World,
    now: datetime,
    orders: Sequence[Order] = (),
) -> Advanced:
    """Take the monitor through findings and orders; without any, what time alone changes.

    The memory stays as it is.
    """
    turn = Turn(memory, world, now)
    rest = _take_well(turn, findings)
    for finding in sorted(rest, key=lambda found: _depth(turn, found.check)):
        _take(turn, finding)
    refusals = tuple(obey(turn, order) for order in orders)
    tell(turn)
    return Advanced(turn.step(), refusals)


def _depth(turn: Turn, check: str) -> tuple[int, str]:
    """Order causes before what follows from them."""
    facts = turn.facts(check)
    return len(turn.world.upstream_of(facts.resource)) + len(facts.after), check


def _take_well(turn: Turn, findings: Sequence[Finding]) -> list[Finding]:
    """Take what says of checks that they are well and were, as most does: nothing is decided on it.

    Return the rest. What was found of one check stays together, in its order.
    """
    alerted = turn.memory.alerted
    unsure = {one.check for one in findings if one.check in alerted or not _is_well(one)}
    well = [one for one in findings if one.check not in unsure] if unsure else findings
    for finding in well:
        (verdict,) = finding.verdicts
        turn.verdicts.append(verdict)
        if finding.due_at is not None:
            slot = Slot(finding.check, finding.due_at, turn.now, Outcome.OK, verdict.reason)
            turn.slots.append(slot)
    return [one for one in findings if one.check in unsure] if unsure else []


def _take(turn: Turn, finding: Finding) -> None:
    facts = turn.facts(finding.check)
    cause = cause_of(turn, facts)
    name = cause[0] if cause else None
    verdicts = [block(verdict, name) for verdict in _with_silent(turn, finding)]
    # A slice without rows among others that have some is gone by itself; all of them are late data.
    is_empty = not any(verdict.outcome.is_judged for verdict in verdicts)
    is_told_upstream = is_empty and turn.world.leaves_missing_data(facts)
    for verdict in verdicts:
        _take_verdict(turn, verdict, facts, is_told_upstream=is_told_upstream)
    # A slot that was left out says nothing new about any slice.
    turn.verdicts.extend(v for v in verdicts if v.outcome is not Outcome.SKIPPED)
    if finding.due_at is not None:
        top = worst(verdicts)
        slot = Slot(finding.check, finding.due_at, turn.now, top.outcome, top.reason)
        turn.slots.append(slot)


def _is_well(finding: Finding) -> bool:
    """Say whether nobody is told anything, whatever is red upstream, if there was no alert."""
    if len(finding.verdicts) != 1:
        return False
    (verdict,) = finding.verdicts
    return verdict.outcome is Outcome.OK and verdict.tier is None


def _with_silent(turn: Turn, finding: Finding) -> Iterable[Verdict]:
    """Add verdicts for what is open and what the answer says nothing about: mostly no data."""
    yield from finding.verdicts
    known = turn.draft.alerts_of_check(finding.check)
    if finding.is_partial or not known:
        return
    seen = {verdict.slice for verdict in finding.verdicts}
    first = finding.verdicts[0]
    is_answered = any(verdict.outcome.is_judged for verdict in finding.verdicts)
    for alert in known:
        if alert.slice in seen:
            continue
        if is_answered and not alert.slice and alert.is_blind:
            # The check as a whole got no answer; now its slices speak for themselves.
            yield Verdict(alert.check, (), first.at, Outcome.OK, reason="there is an answer again")
        elif alert.is_open:
            outcome = first.outcome if not first.outcome.is_judged else Outcome.NO_DATA
            yield Verdict(
                alert.check,
                alert.slice,
                first.at,
                outcome,
                reason=first.reason or "the slice is no longer in the answer",
                blocked_by=first.blocked_by if first.tier is None else None,
            )


def _take_verdict(
    turn: Turn, verdict: Verdict, facts: CheckFacts, *, is_told_upstream: bool
) -> None:
    before = turn.draft.alerts.get((verdict.check, verdict.slice))
    is_red = verdict.blocked_by is None or turn.draft.red(verdict.blocked_by) is not None
    after, events = live(
        before,
        verdict,
        facts.rules,
        facts.keep_firing_for,
        is_cause_red=is_red,
        is_told_upstream=is_told_upstream,
    )
    if after is None:
        if before is not None and before.is_open:
            turn.drop(before)
        turn.events.extend(events)
        return
    if any(event.change in {Change.FIRED, Change.FLAPPING} for event in events):
        after = place(turn, after, verdict)
    elif after.state.is_firing:
        after = refold(turn, after, verdict)
    if after is not before:
        turn.put(after)
    turn.events.extend(replace(event, incident=after.incident) for event in events)
