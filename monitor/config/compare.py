"""Two plans side by side: what one adds, alters, removes, and where it tells less."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import TypeAdapter

from monitor.config.plan import Plan, PlannedCheck
from monitor.config.settings import bound_text, hold_text, settings_of
from monitor.core.model import Direction, Tier, TierRule


@dataclass(frozen=True, slots=True)
class Version:
    """What one version of a check is compared by, whether it was read here or told by a daemon."""

    settings: Mapping[str, str]
    tiers: tuple[TierRule, ...] = ()
    wake: bool = False
    written: str = ""


VERSIONS = TypeAdapter(dict[str, Version])
"""The versions of all checks as JSON, and back."""


@dataclass(frozen=True, slots=True)
class Altered:
    """A check in two versions: ``changes`` maps a key to what it was and what it is."""

    id: str
    changes: Mapping[str, tuple[str, str]]
    silences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """What a change of the configuration does to the checks."""

    added: tuple[PlannedCheck, ...]
    altered: tuple[Altered, ...]
    removed: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        """Whether both do the same."""
        return not (self.added or self.altered or self.removed)

    @property
    def silences(self) -> tuple[str, ...]:
        """What would be told by the old and not by the new, a line each."""
        gone = [f"{name}: removed; its alerts end as 'check removed'" for name in self.removed]
        less = [f"{one.id}: {reason}" for one in self.altered for reason in one.silences]
        return (*gone, *less)


def versions_of(plan: Plan) -> dict[str, Version]:
    """Return all that runs in the form that can be compared."""
    return {
        name: Version(settings_of(planned), planned.tiers, planned.wake, planned.written)
        for name, planned in plan.checks.items()
    }


def compare(old: Mapping[str, Version], new: Plan) -> Difference:
    """Compare the checks of a plan with what they were; what was not asked for is left alone."""
    altered = []
    old = {name: one for name, one in old.items() if one.written not in new.unasked}
    now = versions_of(new)
    for name in sorted(old.keys() & now.keys()):
        before, after = old[name], now[name]
        changes = changed_keys(before.settings, after.settings)
        if changes:
            silences = tuple(f"{one.tier}: {one.reason}" for one in weaker(before, after))
            altered.append(Altered(name, changes, silences))
    return Difference(
        added=tuple(new.checks[name] for name in sorted(now.keys() - old.keys())),
        altered=tuple(altered),
        removed=tuple(sorted(old.keys() - now.keys())),
    )


def changed_keys(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Return the keys whose values differ, with both values."""
    keys = [*old, *(key for key in new if key not in old)]
    pairs = {key: (old.get(key, ""), new.get(key, "")) for key in keys}
    return {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}


@dataclass(frozen=True, slots=True)
class Weaker:
    """A tier that tells less than it did, and why."""

    tier: Tier
    reason: str


def weaker(old: Version, new: Version) -> list[Weaker]:
    """Say where the new version would stay silent and the old one would have told."""
    found: list[Weaker] = []
    now = {rule.tier: rule for rule in new.tiers}
    for rule in old.tiers:
        other = now.get(rule.tier)
        if other is None:
            found.append(Weaker(rule.tier, "the tier is gone"))
            continue
        found.extend(Weaker(rule.tier, reason) for reason in _weaker_limits(rule, other))
        if (other.hold.duration, other.hold.needed) > (rule.hold.duration, rule.hold.needed):
            found.append(Weaker(rule.tier, f"a breach must last {hold_text(other.hold)}"))
    if old.wake and not new.wake:
        found.append(Weaker(Tier.PAGE, "nobody is woken any more"))
    return found


def _weaker_limits(old: TierRule, new: TierRule) -> list[str]:
    known = {limit.measure: limit for limit in new.limits}
    found = []
    for limit in old.limits:
        other = known.get(limit.measure)
        if other is None:
            found.append(f"{limit.measure} has no limit any more")
            continue
        is_above = limit.bad is Direction.ABOVE
        if other.bound > limit.bound if is_above else other.bound < limit.bound:
            now, then = bound_text(other), bound_text(limit)
            found.append(f"{limit.measure} {limit.bad} {now}, before {then}")
    return found
