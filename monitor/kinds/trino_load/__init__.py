"""The load of a Trino cluster: how it is, who holds it, and whose work suffers."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import ClassVar

from pydantic import Field, field_validator

from monitor.api import (
    Answer,
    Check,
    Direction,
    Load,
    LoadSnapshot,
    Measure,
    Measured,
    NoData,
    Query,
    Sample,
    Unit,
)
from monitor.core.model import Hold, Limit, Tier, TierRule
from monitor.core.re2 import RegexError
from monitor.kinds.trino_load.people import anywhere, evidence
from monitor.kinds.trino_load.picture import Picture, picture
from monitor.kinds.trino_load.signals import signs
from monitor.kinds.trino_load.state import ClusterState, says, state_of

ABOVE, BELOW = Direction.ABOVE, Direction.BELOW


class TrinoLoad(Check, kind="trino_load"):
    """Watch a cluster by REST, so that a full queue does not blind the monitor.

    ```yaml
    trino-adhoc-load:
      kind: trino_load
      resource: trino.adhoc
      source: adhoc
      wake: true
    ```

    Without `warn` and `page` its state decides: OVERLOADED (2) or DOWN (3) in three of five looks
    warns, DOWN for five minutes pages. With tiers of your own, DOWN breaches the highest of them.
    """

    measures: ClassVar[Mapping[str, Measure]] = {
        "queued": Measure(ABOVE, Unit.NUMBER, "queries that wait"),
        "queue_time": Measure(ABOVE, Unit.SECONDS, "95 % of queries wait less"),
        "queue_full": Measure(ABOVE, Unit.SHARE, "the fullest queue of a resource group"),
        "running": Measure(ABOVE, Unit.NUMBER, "queries that run"),
        "blocked": Measure(ABOVE, Unit.SHARE, "running queries that are fully blocked"),
        "failures": Measure(ABOVE, Unit.SHARE, "failures that are the cluster's"),
        "workers": Measure(BELOW, Unit.SHARE, "workers of the expected, else of the usual ones"),
        "memory": Measure(ABOVE, Unit.SHARE, "cluster memory that is reserved"),
        "oom_kills": Measure(ABOVE, Unit.NUMBER, "queries killed for memory in ten minutes"),
        "slots": Measure(ABOVE, Unit.SHARE, "slots of drivers that are taken"),
        "heap": Measure(ABOVE, Unit.SHARE, "heap of the coordinator"),
        "cpu": Measure(ABOVE, Unit.SHARE, "CPU of the coordinator"),
        "planning": Measure(ABOVE, Unit.SECONDS, "95 % of queries are planned faster"),
        "zombies": Measure(ABOVE, Unit.NUMBER, "queries that finished and were not let go"),
        "canary": Measure(ABOVE, Unit.SECONDS, "how long a SELECT 1 takes"),
        "state": Measure(ABOVE, Unit.NUMBER, "0 OK, 1 BUSY, 2 OVERLOADED, 3 DOWN"),
    }
    default_every: ClassVar[timedelta] = timedelta(seconds=15)
    default_keep: ClassVar[timedelta] = timedelta(seconds=75)

    expected_workers: int | None = Field(
        default=None,
        ge=1,
        description="How many nodes should be active; default the median of a day.",
    )
    victims: dict[str, str] = Field(
        default={},
        description="Resources by a pattern of their queries: source, user agent, tags or SQL.",
    )

    @field_validator("victims")
    @classmethod
    def _are_patterns(cls, given: dict[str, str]) -> dict[str, str]:
        for name, pattern in given.items():
            try:
                anywhere(pattern)
            except RegexError as error:
                raise ValueError(f"'{pattern}' of {name} is no pattern: {error}") from None
        return given

    def complete(self, given: Sequence[TierRule]) -> tuple[TierRule, ...]:
        """Judge by the state where no tier is given; where some are, DOWN breaches the highest."""
        if not given:
            overloaded = _limit(ClusterState.OVERLOADED)
            down = _limit(ClusterState.DOWN)
            return (
                TierRule(Tier.WARN, (overloaded,), Hold(needed=3, window=5)),
                TierRule(Tier.PAGE, (down,), Hold(duration=timedelta(minutes=5))),
            )
        if any(limit.measure == "state" for rule in given for limit in rule.limits):
            return tuple(given)
        *rest, last = sorted(given, key=lambda rule: rule.tier is Tier.PAGE)
        limits = (*last.limits, _limit(ClusterState.DOWN))
        return (*rest, TierRule(last.tier, limits, last.hold))

    def ask(self, now: datetime) -> Sequence[Query]:
        """Ask for a snapshot."""
        return [Load()]

    def measure(self, answers: Sequence[Answer], now: datetime) -> Iterable[Measured]:
        """Measure what the collectors could tell; what none could tell is left out."""
        (load,) = answers
        assert isinstance(load, LoadSnapshot)
        seen = picture(load, self.expected_workers)
        known = {name: value for name, value in _numbers(seen).items() if value is not None}
        if not known and load.is_up and not load.is_starting:
            yield NoData("no collector could tell the load of the cluster")
            return
        found = signs(seen) if load.is_up else []
        state = state_of(load, found)
        told = {
            "says": says(load, state, found),
            "state": state.name,
            "version": load.version,
            **evidence(load, {name: anywhere(it) for name, it in self.victims.items()}),
            "collectors": list(load.collectors),
            "silent": dict(load.silent),
            "is_partial": load.is_partial,
        }
        for name, value in {**known, "state": float(state)}.items():
            yield Sample(name, value, unit=self.measures[name].unit, evidence=told)


def _limit(state: ClusterState) -> Limit:
    return Limit("state", float(state), Direction.ABOVE)


def _numbers(of: Picture) -> dict[str, float | None]:
    load = of.load
    return {
        "queued": _float(load.queued),
        "queue_time": of.queue_time,
        "queue_full": of.queue_full,
        "running": _float(load.running),
        "blocked": of.blocked,
        "failures": of.failures,
        "workers": of.workers,
        "memory": load.memory_share,
        "oom_kills": _float(of.oom_kills),
        "slots": load.slot_share,
        "heap": load.heap_share,
        "cpu": load.cpu_share,
        "planning": of.planning,
        "zombies": _float(of.zombies),
        "canary": load.canary,
    }


def _float(value: int | None) -> float | None:
    return None if value is None else float(value)
