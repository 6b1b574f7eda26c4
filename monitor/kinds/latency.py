"""Latency and errors of a service, per slice, from a Prometheus histogram."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import ClassVar, Self

from pydantic import Field, model_validator

from monitor.api import (
    Answer,
    Check,
    Direction,
    Duration,
    Latencies,
    Measure,
    Measured,
    Quantiles,
    Query,
    Sample,
    Unit,
)

QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}


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
    """

    measures: ClassVar[Mapping[str, Measure]] = {
        "p99": Measure(Direction.ABOVE, Unit.SECONDS),
        "p95": Measure(Direction.ABOVE, Unit.SECONDS),
        "p90": Measure(Direction.ABOVE, Unit.SECONDS),
        "p50": Measure(Direction.ABOVE, Unit.SECONDS),
        "errors": Measure(Direction.ABOVE, Unit.SHARE, "share of requests that failed", most=1.0),
        "rate": Measure(Direction.BELOW, Unit.NUMBER, "requests per second", least=0.0),
    }
    default_every: ClassVar[timedelta] = timedelta(minutes=1)

    histogram: str = Field(description="The histogram, without `_bucket`.")
    window: Duration = Field(default=timedelta(minutes=5), description="Over how long to look.")
    errors: str | None = Field(default=None, description="Selector of failed requests.")
    requests: str | None = Field(default=None, description="Selector of all requests.")

    @model_validator(mode="after")
    def _both_counters(self) -> Self:
        if (self.errors is None) != (self.requests is None):
            raise ValueError("`errors` and `requests` are selectors that belong together")
        return self

    def ask(self, now: datetime) -> Sequence[Query]:
        """Ask for all quantiles at once."""
        return [
            Quantiles(
                self.histogram,
                self.slices.by,
                tuple(QUANTILES.values()),
                self.window,
                self.errors,
                self.requests,
            )
        ]

    def measure(self, answers: Sequence[Answer], now: datetime) -> Iterable[Measured]:
        """Measure each slice that had traffic. Raise ValueError for too many slices."""
        (answer,) = answers
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
