"""What Slack answers to one person: how things are, what a look found, why an incident is told."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

from monitor.core.incident import IncidentView
from monitor.core.labels import text_of
from monitor.core.model import Outcome, Tier, Verdict
from monitor.core.state import SliceState
from monitor.core.world import World
from monitor.render.digest import SIGNS
from monitor.render.summary import details, headline
from monitor.render.templates import escape
from monitor.render.units import local, number, since
from monitor.store import Store

MOST_LINES = 15
SIGN_OF = {
    Outcome.OK: ":large_green_circle:",
    Outcome.WARN: SIGNS["warn"],
    Outcome.PAGE: SIGNS["page"],
}


def usage() -> str:
    """Say what can be typed."""
    return "Write `/monitor status` or `/monitor check ID`."


def status_text(
    views: Sequence[IncidentView], states: Sequence[SliceState], world: World, now: datetime
) -> str:
    """Say what is open and how many checks are how: the second round of the day."""
    still = [view for view in views if view.is_open]
    still.sort(key=lambda view: view.incident.tier is not Tier.PAGE)
    counts = Counter(state.verdict.outcome for state in states if state.check in world.checks)
    told = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items()))
    lines = [f"*{len(still)} open*; slices: {told or 'none looked at yet'}"]
    for view in still[:MOST_LINES]:
        owner, age = view.incident.owner, since(view.incident.opened_at, now)
        ack = f", {view.incident.ack.words}" if view.incident.ack else ""
        sign = SIGNS[view.incident.tier]
        lines.append(f"{sign} {escape(headline(view))} ({escape(owner)}, {age}{escape(ack)})")
    if len(still) > MOST_LINES:
        lines.append(f"and {len(still) - MOST_LINES} more")
    return "\n".join(lines)


def look_text(verdicts: Iterable[Verdict]) -> str:
    """Say what a look found, slice by slice, the bad ones first."""
    found = sorted(verdicts, key=lambda one: one.outcome is Outcome.OK)
    lines = [_verdict_line(one) for one in found[:MOST_LINES]]
    if len(found) > MOST_LINES:
        lines.append(f"and {len(found) - MOST_LINES} more")
    return "\n".join(lines) or "The look found nothing."


def _verdict_line(one: Verdict) -> str:
    sign = SIGN_OF.get(one.outcome, ":white_circle:")
    numbers = ", ".join(f"{s.measure} {number(s.value, s.unit)}" for s in one.samples[:4])
    parts = [one.check, text_of(one.slice), str(one.outcome), one.reason, numbers]
    return f"{sign} {escape(': '.join(part for part in parts if part))}"


def explain(view: IncidentView, store: Store, timezone: str) -> str:
    """Say why an incident is there, who was told of it, and who was not and why."""
    incident = view.incident
    lines = [f"*{escape(headline(view))}*"]
    lines += [f"• {escape(line)}" for member in view.own[:3] for line in details(member, timezone)]
    unowned = " (nobody owns it, on-call stands in)" if incident.unowned else ""
    lines.append(f"owner: {escape(incident.owner)}{unowned}")
    for receipt in store.outbox.receipts(incident.id)[:MOST_LINES]:
        lines.append(f"told: {escape(receipt.receiver)}, last {local(receipt.at, timezone)}")
    quiet = {f"{one.receiver}: {one.reason}": one.at for one in store.history.quiet_of(incident.id)}
    for text, at in list(quiet.items())[-MOST_LINES:]:
        lines.append(f"not told: {escape(text)} ({local(at, timezone)})")
    return "\n".join(lines)
