"""What the monitor tells of itself, in Prometheus' words."""

from bisect import bisect_left
from collections import Counter as Counts
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from monitor.api.answer import Cost
from monitor.core.book import Memory
from monitor.core.model import Tier


class Crowds(Histogram):
    """A histogram that takes a number of many at once: all that are due at one moment."""

    def observe_many(self, amount: float, count: int) -> None:
        """Observe a number so many times."""
        self._sum.inc(amount * count)
        self._buckets[bisect_left(self._upper_bounds, amount)].inc(count)


class Metrics:
    """The metrics of one daemon, in a registry of their own."""

    def __init__(self) -> None:
        """Make every metric; all names start with ``monitor_``."""
        self.registry = CollectorRegistry()
        self.verdicts = Counter(
            "monitor_verdicts",
            "Verdicts by kind and outcome.",
            ["kind", "outcome"],
            registry=self.registry,
        )
        self.lateness = Crowds(
            "monitor_check_lateness_seconds",
            "How late checks started.",
            buckets=(0.01, 0.05, 0.1, 0.5, 1, 5, 30),
            registry=self.registry,
        )
        self.slots_unaccounted = Gauge(
            "monitor_slots_unaccounted",
            "Due slots without an outcome that nobody works on: anything but 0 is a bug.",
            registry=self.registry,
        )
        self.batch_checks = Histogram(
            "monitor_batch_checks",
            "How many checks waited for one request to a source.",
            buckets=(1, 2, 5, 10, 50, 100, 500, 1000),
            registry=self.registry,
        )
        self.source_seconds = Histogram(
            "monitor_source_seconds",
            "How long sources took to answer.",
            ["source"],
            registry=self.registry,
        )
        self.source_errors = Counter(
            "monitor_source_errors",
            "Questions that failed, by fault.",
            ["source", "kind"],
            registry=self.registry,
        )
        self.source_open = Gauge(
            "monitor_source_breaker_open",
            "1 while a source is asked by one check at a time, because it fails again and again.",
            ["source"],
            registry=self.registry,
        )
        self.source_lost = Gauge(
            "monitor_source_lost_threads",
            "Threads that hang in calls of a driver that were given up.",
            ["source"],
            registry=self.registry,
        )
        self.source_queries = self._spending("queries", "Statements run on a source")
        self.source_bytes = self._spending("bytes", "Bytes that a source read for us")
        self.source_cpu = self._spending("cpu_seconds", "CPU seconds of a source spent for us")
        self.alerts = Gauge(
            "monitor_alerts", "Alerts that fire, by tier.", ["tier"], registry=self.registry
        )
        self.open_incidents = Gauge(
            "monitor_open_incidents",
            "Open incidents by maintainer.",
            ["maintainer"],
            registry=self.registry,
        )
        self.outbox_pending = Gauge(
            "monitor_outbox_pending",
            "Messages that wait, by receiver.",
            ["receiver"],
            registry=self.registry,
        )
        self.slack_socket = Gauge(
            "monitor_slack_socket_last_ping_seconds",
            "How long ago Slack last answered a ping, of the most silent socket.",
            registry=self.registry,
        )
        self.notifications = Counter(
            "monitor_notifications",
            "Messages by receiver and result.",
            ["receiver", "result"],
            registry=self.registry,
        )

        # To find a metric by its labels takes longer than to count.
        self._seconds_of = cache(self.source_seconds.labels)
        self._verdicts_of = cache(self.verdicts.labels)

    def _spending(self, what: str, about: str) -> Callable[[str, str], Counter]:
        name, labels = f"monitor_source_{what}", ["source", "team"]
        return cache(Counter(name, f"{about}, by team.", labels, registry=self.registry).labels)

    def took(self, source: str, seconds: float) -> None:
        """Note how long a source took to answer."""
        self._seconds_of(source).observe(seconds)

    def found(self, kind: str, outcome: str, count: int) -> None:
        """Count verdicts."""
        self._verdicts_of(kind, outcome).inc(count)

    def spent(self, source: str, teams: Sequence[str], cost: Cost) -> None:
        """Account for what a question cost the source, in equal parts to the checks that asked.

        ``teams`` names the team of each of them.
        """
        spent = (
            (self.source_queries, cost.queries),
            (self.source_bytes, cost.bytes),
            (self.source_cpu, cost.cpu.total_seconds()),
        )
        shares = Counts(teams) if len(teams) > 1 else {teams[0]: 1}
        for team, checks in shares.items():
            for counter_of, amount in spent:
                if amount:  # most questions cost nothing but themselves
                    counter_of(source, team).inc(amount * checks / len(teams))

    def bring_up(
        self, memory: Memory, sources: Iterable[Mapping[str, Any]], waiting: Mapping[str, int]
    ) -> None:
        """Bring the gauges up to what is remembered; ``waiting`` are messages, by receiver."""
        firing = Counts(a.tier for a in memory.alerts.values() if a.state.is_firing)
        for tier in Tier:
            self.alerts.labels(tier).set(firing[tier])
        owners = Counts(one.owner for one in memory.incidents.values() if not one.is_storm)
        self.open_incidents.clear()
        for owner, count in owners.items():
            self.open_incidents.labels(owner).set(count)
        for state in sources:
            self.source_open.labels(state["name"]).set(state["breaker"] != "closed")
            if "lost_threads" in state:
                self.source_lost.labels(state["name"]).set(state["lost_threads"])
        self.outbox_pending.clear()
        for name, count in waiting.items():
            self.outbox_pending.labels(name).set(count)
