"""Sparing a cluster that is overloaded: what is asked meanwhile, and under which cause.

Whether one is overloaded is the word of the check that watches its load, when its alert fires:
so it survives a restart, and one bad look spares nothing.
"""

from collections.abc import Mapping

from monitor.config.plan import Plan, PlannedCheck
from monitor.core.alert import Alert
from monitor.core.book import Memory

OVERLOADED = 2
"""The state, as kinds that watch a load measure it, from which on a cluster is spared."""


def watchers(plan: Plan) -> dict[str, tuple[str, ...]]:
    """Map sources to the checks that only watch their load, which costs them nothing."""
    found: dict[str, tuple[str, ...]] = {}
    watchable = {name for name, source in plan.sources.items() if source.ungated}
    for name, planned in plan.checks.items():
        if planned.source in watchable and is_watcher(planned, plan):
            found[planned.source] = (*found.get(planned.source, ()), name)
    return found


def is_watcher(planned: PlannedCheck, plan: Plan) -> bool:
    """Say whether a check asks only what waits for no other question."""
    source = plan.sources.get(planned.source)
    asked = set(planned.check.queries())
    return source is not None and bool(asked) and asked <= source.ungated


def overloaded(watching: Mapping[str, tuple[str, ...]], memory: Memory) -> dict[str, str]:
    """Map the sources that are to be spared to the check that says so."""
    return {
        source: check
        for source, checks in watching.items()
        for check in checks
        if any(_says_so(alert) for alert in memory.alerts_of_check(check))
    }


def _says_so(alert: Alert) -> bool:
    if not alert.state.is_firing or alert.last is None:
        return False
    states = [one.value for one in alert.last.samples if one.measure == "state"]
    return bool(states) and states[0] >= OVERLOADED


def why_spared(planned: PlannedCheck, spared: Mapping[str, str]) -> str | None:
    """Return why a check is not asked now; None for one that is."""
    cause = spared.get(planned.source)
    if cause is None or planned.critical or planned.id == cause:
        return None
    return f"not asked: {planned.source} is overloaded ({cause}), and the check is not critical"
