"""Latency and errors of a service, per slice, from a Prometheus histogram."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from monitor.api import (
    Answer,
    Check,
    Direction,
    Duration,
    Labels,
    Latencies,
    Limit,
    Measure,
    Measured,
    Quantiles,
    Query,
    Sample,
    Share,
    Tier,
    TierRule,
    Unit,
)

FAST, SLOW = "burn_fast", "burn_slow"
WINDOWS: Mapping[str, tuple[timedelta, timedelta]] = {
    FAST: (timedelta(hours=1), timedelta(minutes=5)),
    SLOW: (timedelta(hours=6), timedelta(minutes=30)),
}
"""A long window, over which the budget burns, and a short one, which says that it still does.
Windows and factors are those of the SRE Workbook, chapter 5, for a budget of 30 days."""

FACTORS = {FAST: 14.4, SLOW: 6.0}
QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}


class Slo(BaseModel):
    """What share of the requests must be how fast."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    below: Duration = Field(description="The bound; it must be an edge of a bucket.")
    objective: Share = Field(gt=0, lt=1, description="The share that must be below it, as 99.5%.")


class Latency(Check, kind="latency"):
    """Watch quantiles, error share and traffic of a histogram.

    ```yaml
    predict-latency:
      kind: latency
      source: serving
      histogram: predict_latency_seconds
      slices: {by: [model]}
      warn: {p99: 250ms, for: 5m}
      page: {p99: 800ms, for: 5m}
    ```

    `errors` and `requests` are selectors of counters, as `predict_requests_total{status="error"}`
    and `predict_requests_total`; with them there is a measure `errors`. A slice without traffic
    says nothing, and so is no data.

    `slo: {below: 250ms, objective: 99.5%}` watches the budget of slow requests: page when it burns
    14.4 times too fast over 1h and 5m, warn at 6 times over 6h and 30m.
    """

    measures: ClassVar[Mapping[str, Measure]] = {
        "p99": Measure(Direction.ABOVE, Unit.SECONDS),
        "p95": Measure(Direction.ABOVE, Unit.SECONDS),
        "p90": Measure(Direction.ABOVE, Unit.SECONDS),
        "p50": Measure(Direction.ABOVE, Unit.SECONDS),
        "errors": Measure(Direction.ABOVE, Unit.SHARE, "share of requests that failed", most=1.0),
        "rate": Measure(Direction.BELOW, Unit.NUMBER, "requests per second", least=0.0),
        FAST: Measure(Direction.ABOVE, Unit.NUMBER, "how fast the budget burns over 1h and 5m"),
        SLOW: Measure(Direction.ABOVE, Unit.NUMBER, "how fast the budget burns over 6h and 30m"),
    }
    default_every: ClassVar[timedelta] = timedelta(minutes=1)

    histogram: str = Field(description="The histogram, without `_bucket`.")
    window: Duration = Field(default=timedelta(minutes=5), description="Over how long to look.")
    errors: str | None = Field(default=None, description="Selector of failed requests.")
    requests: str | None = Field(default=None, description="Selector of all requests.")

    slo: Slo | None = Field(default=None, description="A bound that a share of requests keeps.")

    @model_validator(mode="after")
    def _both_counters(self) -> Self:
        if (self.errors is None) != (self.requests is None):
            raise ValueError("`errors` and `requests` are selectors that belong together")
        return self

    def complete(self, given: Sequence[TierRule]) -> tuple[TierRule, ...]:
        """Add the limits on the burning of the budget, unless the tiers name their own."""
        named = {limit.measure for rule in given for limit in rule.limits}
        if self.slo is None or not named.isdisjoint(FACTORS):
            return tuple(given)
        rules = {rule.tier: rule for rule in given}
        for tier, name in ((Tier.WARN, SLOW), (Tier.PAGE, FAST)):
            burns = Limit(name, FACTORS[name], Direction.ABOVE)
            rule = rules.get(tier, TierRule(tier, ()))
            rules[tier] = replace(rule, limits=(*rule.limits, burns))
        return tuple(rules.values())

    def ask(self, now: datetime) -> Sequence[Query]:
        """Ask for all quantiles at once, and for each window of the budget."""
        plain = Quantiles(
            self.histogram,
            self.slices.by,
            tuple(QUANTILES.values()),
            self.window,
            self.errors,
            self.requests,
        )
        if self.slo is None:
            return [plain]
        below = self.slo.below.total_seconds()
        budget = replace(plain, quantiles=(), errors=None, requests=None, below=below)
        return [plain, *(replace(budget, window=one) for pair in WINDOWS.values() for one in pair)]

    def measure(self, answers: Sequence[Answer], now: datetime) -> Iterable[Measured]:
        """Measure each slice that had traffic. Raise ValueError for too many slices."""
        answer, *budgets = answers
        assert isinstance(answer, Latencies)
        if len(answer.slices) > self.slices.max:
            raise ValueError(f"{len(answer.slices)} slices; `slices: {{max: ...}}` allows fewer")
        for found in answer.slices:
            if found.rate < self.slices.min_value:
                continue
            for name, share in QUANTILES.items():
                evidence = {"rate": found.rate, "at_least": share in found.at_least}
                seconds = found.quantiles[share]
                yield Sample(name, seconds, found.slice, Unit.SECONDS, evidence)
            if found.errors is not None:
                yield Sample("errors", found.errors, found.slice, Unit.SHARE)
            yield Sample("rate", found.rate, found.slice)
        yield from self._burns(budgets)

    def _burns(self, answers: Sequence[Answer]) -> Iterator[Sample]:
        """Measure how fast each slice burns its budget: the slower of both windows counts."""
        assert self.slo is not None or not answers
        for name, (long, short) in zip(WINDOWS, batched(answers), strict=False):
            over_long, over_short = self._burn(long), self._burn(short)
            for labels in over_long.keys() & over_short.keys():
                yield Sample(name, min(over_long[labels], over_short[labels]), labels)

    def _burn(self, answer: Answer) -> dict[Labels, float]:
        assert self.slo is not None
        assert isinstance(answer, Latencies)
        rates: dict[Labels, float] = {}
        for found in answer.slices:
            if found.below is None:
                seconds = self.slo.below.total_seconds()
                raise ValueError(f"the histogram has no bucket that ends at {seconds:g} s")
            rates[found.slice] = (1 - found.below) / (1 - self.slo.objective)
        return rates


def batched(answers: Sequence[Answer]) -> Iterator[tuple[Answer, Answer]]:
    """Go through pairs: the long window and the short one."""
    return zip(answers[::2], answers[1::2], strict=True)
