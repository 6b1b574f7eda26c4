"""Causes: what follows from something red is told under it, and stands alone once that is well."""

from dataclasses import replace
from datetime import timedelta

from monitor.core.alert import Alert, Change
from monitor.core.incident import Incident
from monitor.core.model import Verdict
from monitor.core.trail import Deed
from monitor.core.turn import Turn
from monitor.core.world import CheckFacts

ADOPT_WITHIN = timedelta(seconds=120)
"""A cause that is found this long after what follows from it still becomes its parent: checks of
the cause are often the slower ones."""

LOOKS_ALONE = 3
GRACE_AFTER_ROOT = timedelta(minutes=30)
"""What follows from a cause may still be bad when the cause is gone: a dashboard refreshes some
time after its tables were filled. It stands on its own when it was bad in three looks since, or
at the first look after this time."""


def cause_of(turn: Turn, facts: CheckFacts) -> tuple[str, Incident] | None:
    """Return the red thing that explains a check, and the incident that it is told in.

    Of several resources upstream the one furthest up counts; ``after`` comes second.
    """
    for name in reversed(turn.world.upstream_of(facts.resource)):
        found = turn.draft.red(name)
        if found is not None and found.check != facts.id:
            return name, turn.top(found)
    for name in facts.after:
        found = turn.draft.red(f"check:{name}")
        if found is not None:
            return f"check:{name}", turn.top(found)
    return None


def place(turn: Turn, alert: Alert, verdict: Verdict) -> Alert:
    """Put an alert that has just fired into the incident of its cause, or into its own."""
    cause = turn.draft.red(verdict.blocked_by or "")
    if cause is not None and cause.check != alert.check:
        top = turn.top(cause)
        turn.note(alert, Change.FOLDED, f"follows from {verdict.blocked_by}", top.id)
        return replace(alert, incident=top.id)
    incident = turn.own_incident(alert, verdict)
    placed = replace(alert, incident=incident.id)
    turn.put(placed)  # so that what follows from it is seen as following from something red
    if incident.opened_at == turn.now:
        adopt(turn, incident)
    return placed


def adopt(turn: Turn, root: Incident) -> None:
    """Put incidents that opened shortly before under the cause that has now been found."""
    if not {root.resource, f"check:{root.check}"} & turn.world.causes:
        return
    for incident in list(turn.draft.incidents.values()):
        is_late = turn.now - incident.opened_at > ADOPT_WITHIN
        if is_late or incident.parent is not None or incident.id == root.id:
            continue
        if incident.resolved_at is None and _follows(turn, incident, root):
            turn.put_incident(replace(incident, parent=root.id))
            turn.touch(root.id)
            why = f"follows from {root.resource or root.check}"
            turn.leave_trail(Deed.ADOPTED, why=why, what=root.id, incident=incident.id)


def _follows(turn: Turn, incident: Incident, root: Incident) -> bool:
    if root.check in turn.facts(incident.check).after:
        return True
    upstream = turn.world.upstream_of(incident.resource)
    return root.resource is not None and root.resource in upstream


def release(turn: Turn, root: Incident) -> None:
    """Let the incidents that a cause adopted stand on their own, because it is well."""
    for child in turn.draft.children_of(root.id):
        if child.resolved_at is None:
            turn.put_incident(replace(child, parent=None))
            why = f"{root.resource or root.check} is well"
            turn.leave_trail(Deed.RELEASED, why=why, what=root.id, incident=child.id)


def refold(turn: Turn, alert: Alert, verdict: Verdict) -> Alert:
    """Take a folded alert whose cause is gone under a new cause, or let it stand on its own.

    The incident of the cause is closed by then, so that it is no longer among the open ones.
    """
    if verdict.tier is None or turn.draft.fires(alert.incident or ""):
        return alert
    if verdict.blocked_by is not None:
        return place(turn, replace(alert, alone=0, alone_since=None), verdict)
    since = min(alert.alone_since or turn.now, turn.now)
    alone = replace(alert, alone=alert.alone + 1, alone_since=since)
    if alone.alone < LOOKS_ALONE and turn.now - since < GRACE_AFTER_ROOT:
        return alone
    mine = turn.own_incident(alone, verdict)
    turn.note(alone, Change.UNFOLDED, "still bad after its cause is well", mine.id)
    return replace(alone, incident=mine.id, alone=0, alone_since=None)
