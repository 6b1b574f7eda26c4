"""What a step must know of the plan, as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from monitor.core.model import Maintainer, OnCall, Resource, TierRule


@dataclass(frozen=True, slots=True)
class CheckFacts:
    """One check as deciding sees it. ``report`` is how many slices a message shows."""

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


@dataclass(frozen=True, slots=True)
class World:
    """The checks, and the people and resources around them. ``timezone`` is an IANA name."""

    checks: Mapping[str, CheckFacts]
    on_call: OnCall
    resources: Mapping[str, Resource] = field(default_factory=dict)
    maintainers: Mapping[str, Maintainer] = field(default_factory=dict)
    timezone: str = "UTC"
