"""Two plans side by side: what one adds, alters, removes, and where it tells less."""

from collections.abc import Mapping
from dataclasses import dataclass

from monitor.config.plan import Plan, PlannedCheck
from monitor.config.settings import settings_of, weaker


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


def compare(old: Plan, new: Plan) -> Difference:
    """Compare the checks of two plans."""
    altered = []
    for name in sorted(old.checks.keys() & new.checks.keys()):
        before, after = old.checks[name], new.checks[name]
        changes = changed_keys(settings_of(before), settings_of(after))
        if changes:
            silences = tuple(f"{one.tier}: {one.reason}" for one in weaker(before, after))
            altered.append(Altered(name, changes, silences))
    return Difference(
        added=tuple(new.checks[name] for name in sorted(new.checks.keys() - old.checks.keys())),
        altered=tuple(altered),
        removed=tuple(sorted(old.checks.keys() - new.checks.keys())),
    )


def changed_keys(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Return the keys whose values differ, with both values."""
    keys = [*old, *(key for key in new if key not in old)]
    pairs = {key: (old.get(key, ""), new.get(key, "")) for key in keys}
    return {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}
