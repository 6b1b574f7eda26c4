"""From the plan to the plain values that the core decides on."""

from datetime import timedelta

from monitor.config.plan import Plan, PlannedCheck
from monitor.core.audit import AUDITOR
from monitor.core.labels import labels_of
from monitor.core.model import Hold, Tier, TierRule
from monitor.core.world import Apart, CheckFacts, World
from monitor.engine.broken import file_facts
from monitor.engine.bulkheads import source_check
from monitor.engine.shedding import watchers

SOURCE_RULES = (TierRule(Tier.WARN, (), Hold(duration=timedelta(minutes=1))),)
"""A source that could not be asked for a minute, without one answer in between, is an incident."""


WATCHED_RULES = (TierRule(Tier.WARN, (), Hold(duration=timedelta(minutes=2))),)
"""Where a check watches the load of a source, its word comes first: it knows the cause."""


AUDIT_RULES = (TierRule(Tier.PAGE, ()), TierRule(Tier.WARN, ()))


def world_of(plan: Plan) -> World:
    """Describe checks, sources, resources and people to the core."""
    checks = {check: _facts(planned) for check, planned in plan.checks.items()}
    watching = watchers(plan)
    for name, source in plan.sources.items():
        key, after = source_check(name), watching.get(name, ())
        checks[key] = CheckFacts(
            key,
            "source",
            WATCHED_RULES if after else SOURCE_RULES,
            name,
            maintainer=source.maintainer,
            after=after,
        )
    checks[AUDITOR] = CheckFacts(AUDITOR, "auditor", AUDIT_RULES, "", wake=True)
    checks.update((facts.id, facts) for facts in file_facts(plan))
    return World(
        checks,
        plan.on_call,
        plan.resources,
        plan.maintainers,
        plan.timezone,
        fallback=plan.auditor.fallback,
        routing=plan.routing,
        told_apart=_told_apart(plan),
    )


def _told_apart(plan: Plan) -> dict[str, Apart]:
    """Say where storms begin; several receivers of one channel are one place."""
    found: dict[str, Apart] = {}
    first: dict[str, str] = {}
    for name, receiver in plan.receivers.items():
        if receiver.told_apart is not None:
            found[name] = Apart(receiver.told_apart, first.setdefault(receiver.place, name))
    return found


def _facts(planned: PlannedCheck) -> CheckFacts:
    return CheckFacts(
        id=planned.id,
        kind=planned.kind,
        rules=planned.tiers,
        source=planned.source,
        resource=planned.resource,
        maintainer=planned.maintainer,
        after=planned.after,
        wake=planned.wake,
        runbook=planned.runbook,
        report=planned.check.slices.report,
        keep_firing_for=planned.keep_firing_for,
        labels=labels_of(planned.labels),
        learns=planned.check.learns,
        tells_of_missing_data=planned.check.tells_of_missing_data,
    )
