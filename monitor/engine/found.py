"""What a source was found to hold. Pure."""

import re
from dataclasses import dataclass
from typing import Literal

COUNTERS = "error|fail|drop|reject|timeout|exception|abort|killed"
GAUGES = "lag|queue|backlog|pending|waiting|depth|behind|age_seconds|delay"
"""Words in names of what is bad when it grows; what other metrics mean nobody can tell by name."""

ANY = f"(.+_)?({COUNTERS})[a-z]*_(.+_)?total|(.+_)?({GAUGES})[a-z]*(_.+)?|up"
_COUNTER = re.compile(rf"(.+_)?({COUNTERS})[a-z]*_(.+_)?total")
_PART = re.compile(r".+_(bucket|sum|count|created|info)")
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


@dataclass(frozen=True, slots=True)
class FoundMetric:
    """A metric that may be watched: a counter of what goes wrong, a gauge, or ``up``."""

    name: str
    type: Literal["counter", "gauge", "up"]

    @property
    def query(self) -> str:
        """The number for each job that is watched; a counter is one per second."""
        if self.type == "counter":
            return f"sum by (job) (rate({self.name}[5m]))"
        return f"{'min' if self.type == 'up' else 'max'} by (job) ({self.name})"


def metric_of(name: str) -> FoundMetric | None:
    """Tell by its name what a metric is; None for parts of histograms and for what is unknown."""
    if not _NAME.fullmatch(name) or _PART.fullmatch(name):
        return None
    if name == "up":
        return FoundMetric(name, "up")
    if name.endswith("_total"):
        return FoundMetric(name, "counter") if _COUNTER.fullmatch(name) else None
    return FoundMetric(name, "gauge") if re.fullmatch(ANY, name) else None


@dataclass(frozen=True, slots=True)
class FoundTable:
    """A table: its name with its schema, and its columns with their types, in order."""

    name: str
    columns: tuple[tuple[str, str], ...]
