"""Escalation: who hears of a page that nobody acknowledged."""

from collections.abc import Iterable
from datetime import datetime

from monitor.core.model import EscalationStep


def escalated_to(
    steps: Iterable[EscalationStep], unanswered_since: datetime | None, now: datetime
) -> tuple[str, ...]:
    """Return the receivers of all steps whose time has passed, each once, in their order.

    ``unanswered_since`` is when the first page left, or when an acknowledgement ran out; None while
    somebody has acknowledged, or nothing pages. Steps are counted from there and not from each
    other, so that a step which cannot be taken holds up no later one.
    """
    if unanswered_since is None:
        return ()
    due = (step.receivers for step in steps if now >= unanswered_since + step.after)
    return tuple(dict.fromkeys(name for receivers in due for name in receivers))


def next_step_at(
    steps: Iterable[EscalationStep], unanswered_since: datetime | None, now: datetime
) -> datetime | None:
    """Return when the next step is due; None when none is left or nothing waits for an answer."""
    if unanswered_since is None:
        return None
    moments = (unanswered_since + step.after for step in steps)
    return min((moment for moment in moments if moment > now), default=None)
