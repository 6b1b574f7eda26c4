"""What a step must know of the plan, as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from monitor.core.labels import Labels
from monitor.core.lineage import ancestors
from monitor.core.model import Maintainer, OnCall, Resource, TierRule
from monitor.core.routing import Routing


@dataclass(frozen=True, slots=True)
class CheckFacts:
    """One check as deciding sees it. ``report`` is how many slices a message shows.

    ``keep_firing_for`` is how long an alert must be good before it is resolved. ``learns`` says
    that it judges by a normal of its own, ``tells_of_missing_data`` that this is its job.
    """

    id: str
    kind: str
    rules: tuple[TierRule, ...]
    source: str
    resource: str | None = None
    maintainer: str | None = None
    after: tuple[str, ...] = ()
    wake: bool = False
    runbook: str | None = None
    report: int = 5
    keep_firing_for: timedelta = timedelta(0)
    labels: Labels = ()
    learns: bool = False
    tells_of_missing_data: bool = False


@dataclass(frozen=True, slots=True)
class Apart:
    """How many incidents of a minute a place is told of one by one.

    ``receiver`` is the one that a storm is told to: the first of those that send to the place.
    """

    most: int
    receiver: str


@dataclass(frozen=True, slots=True)
class World:
    """The checks, and the people and resources around them. ``timezone`` is an IANA name.

    ``fallback`` are the receivers of last resort; empty means those of on-call. ``told_apart`` says
    by receiver where its storms begin; one that is not in it has none.
    """

    checks: Mapping[str, CheckFacts]
    on_call: OnCall
    resources: Mapping[str, Resource] = field(default_factory=dict)
    maintainers: Mapping[str, Maintainer] = field(default_factory=dict)
    timezone: str = "UTC"
    fallback: tuple[str, ...] = ()
    routing: Routing = field(default_factory=Routing)
    told_apart: Mapping[str, Apart] = field(default_factory=dict)
    causes: frozenset[str | None] = field(init=False)
    pagers: frozenset[str] = field(init=False)
    watched: frozenset[str] = field(init=False)
    _upstream: dict[str, tuple[str, ...]] = field(default_factory=dict, init=False, compare=False)

    def __post_init__(self) -> None:
        """Gather what other things follow from, whose data is watched, and who wakes people.

        Both are resources by name and checks as ``check:<id>``.
        """
        upstream = {name for one in self.resources.values() for name in one.upstream}
        before = {f"check:{name}" for facts in self.checks.values() for name in facts.after}
        object.__setattr__(self, "causes", frozenset(upstream | before))
        told = [facts for facts in self.checks.values() if facts.tells_of_missing_data]
        watched = {name for facts in told for name in (facts.resource, f"check:{facts.id}")}
        object.__setattr__(self, "watched", frozenset(watched - {None}))
        pagers = {name for one in self.maintainers.values() for name in one.page}
        object.__setattr__(self, "pagers", frozenset(pagers))

    def upstream_of(self, resource: str | None) -> tuple[str, ...]:
        """Return everything upstream of a resource, nearest first."""
        if resource is None:
            return ()
        found = self._upstream.get(resource)
        if found is None:
            found = self._upstream[resource] = ancestors(resource, self.resources)
        return found

    def leaves_missing_data(self, facts: CheckFacts) -> bool:
        """Return whether another check, of the same resource or upstream, tells when data is late.

        One that tells of it itself leaves nothing to others.
        """
        if facts.tells_of_missing_data:
            return False
        names = {facts.resource, *self.upstream_of(facts.resource)}
        names |= {f"check:{name}" for name in facts.after}
        return not self.watched.isdisjoint(names)
