"""An experiment: whether its split is as planned, and whether a variant harms a guardrail."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from monitor.anomaly import sequential
from monitor.anomaly.sequential import Arm, Difference, Verdict
from monitor.api import (
    Answer,
    Check,
    Direction,
    Duration,
    Measure,
    Measured,
    NoData,
    NotYet,
    Query,
    Rows,
    Sample,
    Share,
    Table,
    Unit,
    labels_of,
)
from monitor.kinds.experiment.seen import Columns, Seen, seen

DAY = timedelta(days=1)
LONGEST = timedelta(days=3650)
MOST_OTHERS = 10
LEAST_UNITS = 30
"""Fewer units of a variant say nothing about its metrics: the normal law needs some."""


class Metric(BaseModel):
    """A guardrail: a column of the answer, and which direction is harm.

    Without more it is a share: so many units said yes. With `squares` it is a mean of a number of
    each unit. With `per` it is a ratio of two numbers of each unit; then the answer needs their
    squares and their product.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    bad: Literal["down", "up"] = Field(description="The direction that is harm.")
    squares: str | None = Field(default=None, description="Column: sum of the squares.")
    per: str | None = Field(default=None, description="Column of the denominator of a ratio.")
    per_squares: str | None = Field(default=None, description="Column: its sum of squares.")
    products: str | None = Field(default=None, description="Column: sum of their products.")
    min_effect: Share | None = Field(default=None, description="The change that matters.")

    @property
    def rest(self) -> tuple[str, ...]:
        """The further columns that it needs, those of a ratio in the order of an arm's sums."""
        found = (self.squares, self.per, self.per_squares, self.products)
        return tuple(column for column in found if column is not None)

    @model_validator(mode="after")
    def _check_columns(self) -> Self:
        """Refuse a ratio without the sums that its variance needs."""
        parts = (self.squares, self.per_squares, self.products)
        if self.per is not None and None in parts:
            raise ValueError("a ratio (`per`) needs `squares`, `per_squares` and `products`")
        if self.per is None and (self.per_squares or self.products):
            raise ValueError("`per_squares` and `products` belong to a ratio: give `per`")
        return self


class Experiment(Check, kind="experiment"):
    """Watch an experiment with tests that hold however often they are looked at.

    ```yaml
    ranker-v3:
      kind: experiment
      source: kpi
      query: >
        select day as t, variant, sum(users) as users, sum(opt_outs) as opt_outs,
        sum(revenue) as revenue, sum(revenue_sq) as revenue_sq
        from ranker_v3 group by 1, 2
      split: {A: 50%, B: 50%}
      control: A
      metrics:
        opt_outs: {bad: up}
        revenue: {bad: down, squares: revenue_sq}
      warn: {harm: 2%}
      page: {mismatch: 0.5%, harm: 10%}
    ```

    `mismatch` is how far the share of a variant is from the plan; `harm` is how much worse a
    metric is than in control. Both count only when chance does not explain them. As long as the
    split is broken no metric is decided: its users are not comparable.
    """

    measures: ClassVar[Mapping[str, Measure]] = {
        "mismatch": Measure(Direction.ABOVE, Unit.SHARE, "how far a share is from the plan"),
        "harm": Measure(Direction.ABOVE, Unit.SHARE, "how much worse than control"),
    }
    default_every: ClassVar[timedelta] = timedelta(hours=1)

    query: str = Field(description="SQL: one row per bucket and variant, of units new in it.")
    time: str = Field(default="t", description="Column: start of the bucket, if there is one.")
    variant: str = Field(default="variant", description="The column that names the variant.")
    units: str = Field(default="users", description="Column: units that entered the variant.")
    split: dict[str, Share] = Field(description="Planned share of each variant.", min_length=2)
    control: str = Field(description="The variant that the others are compared with.")
    metrics: dict[str, Metric] = Field(default={}, description="Guardrails by column.")
    alpha: Share = Field(default=0.05, gt=0, lt=1, description="Chance of a wrong harm, ever.")
    split_alpha: Share = Field(
        default=0.001, gt=0, lt=1, description="Chance of a wrong mismatch, ever."
    )
    min_effect: Share = Field(default=0.05, gt=0, description="The change that matters.")
    since: Duration = Field(default=timedelta(days=90), description="How far `{{ since }}` goes.")

    @model_validator(mode="after")
    def _check_split(self) -> Self:
        """Refuse a split that is none, and a control that is not in it."""
        if not math.isclose(sum(self.split.values()), 1.0, abs_tol=1e-6):
            raise ValueError(f"`split` adds up to {sum(self.split.values()):.4g}, not to 100%")
        if min(self.split.values()) <= 0:
            raise ValueError("every share of `split` must be above 0%")
        if self.control not in self.split:
            raise ValueError(f"`control` '{self.control}' is not in `split`")
        return self

    def ask(self, now: datetime) -> Sequence[Query]:
        """Ask for everything since the experiment began."""
        return [Rows(self.query, since=now - self.since)]

    def measure(self, answers: Sequence[Answer], now: datetime) -> Iterable[Measured]:
        """Judge the split, then each metric of each variant."""
        (table,) = answers
        assert isinstance(table, Table)
        found = seen(table, self.split, self._columns())
        if found.is_empty:
            yield NoData("no units in any variant")
            return
        split = self._split(found)
        yield split
        for name in self.metrics:
            for variant in self.split:
                if variant != self.control:
                    yield self._metric(found, name, variant, now, split)

    def _columns(self) -> Columns:
        sums = [column for name, metric in self.metrics.items() for column in (name, *metric.rest)]
        return Columns(self.time, self.variant, self.units, tuple(dict.fromkeys(sums)))

    def _split(self, seen: Seen) -> Sample | NotYet:
        """Take the highest evidence of all looks: once the plan is broken it stays broken."""
        fault = seen.fault(self.split, (self.time, self.units))
        if fault is not None:
            return NotYet(f"no decision: {fault}")
        shares = list(self.split.values())
        paths = [seen.units[variant] for variant in self.split]
        evidence = max(
            sequential.split_evidence(counts, shares) for counts in zip(*paths, strict=True)
        )
        counts = [path[-1] for path in paths]
        total = max(sum(counts), 1.0)
        off = max(abs(count / total - share) for count, share in zip(counts, shares, strict=True))
        is_broken = evidence >= -math.log(self.split_alpha)
        p = sequential.always_valid_p(evidence)
        said = "the split is broken" if is_broken else "the split is as planned"
        return Sample(
            "mismatch",
            off,
            (),
            Unit.SHARE,
            {
                "units": dict(zip(self.split, counts, strict=True)),
                "planned": dict(self.split),
                "p": p,
                "verdict": said,
                "experiment": self.id,
                "standing": said,
                "not_planned": dict(Counter(seen.others).most_common(MOST_OTHERS)),
            },
            is_noise=not is_broken,
        )

    def _metric(
        self, seen: Seen, name: str, variant: str, now: datetime, split: Sample | NotYet
    ) -> Measured:
        labels = labels_of({"metric": name, "variant": variant})
        if isinstance(split, NotYet):
            return replace(split, slice=labels)
        if not split.is_noise:
            return NotYet(f"no decision: the split is broken (p {split.evidence['p']:.2g})", labels)
        metric = self.metrics[name]
        control, treated = (self._arm(seen, name, metric, one) for one in (self.control, variant))
        if min(control.units, treated.units) < LEAST_UNITS:
            return NotYet(f"fewer than {LEAST_UNITS} units in a variant", labels)
        fault = self._fault(seen, name, (self.control, variant))
        if fault is not None:
            return NotYet(f"no decision: {fault}", labels)
        base = _base(control.ratio, treated.ratio)
        matters = (metric.min_effect or self.min_effect) * base
        found = sequential.compare(control, treated, matters, self.alpha)
        if found is None:
            return NotYet("the metric does not vary yet: nothing can be compared", labels)
        said = sequential.verdict(found, matters, is_up_bad=metric.bad == "up")
        sign = 1.0 if metric.bad == "up" else -1.0
        evidence = self._evidence(seen, found, matters, said, now)
        evidence |= {"experiment": self.id, "standing": self._standing(name, variant, evidence)}
        harm = sign * found.effect / base
        return Sample("harm", harm, labels, Unit.SHARE, evidence, said is not Verdict.HARM)

    def _fault(self, seen: Seen, name: str, variants: Sequence[str]) -> str | None:
        """Say why the sums of a metric cannot be what they are called; None where they can."""
        metric = self.metrics[name]
        fault = seen.fault(variants, (name, *metric.rest))
        for variant in variants if fault is None else ():
            units, top = seen.units[variant][-1], seen.sums[variant].get(name, 0.0)
            if metric.squares is None:
                if not 0 <= top <= units:
                    said = f"{top:g} {name} of {units:g} units of {variant} are no share"
                    return f"{said}; a mean needs `squares`"
            # No numbers have squares that add up to less (Cauchy and Schwarz).
            elif seen.sums[variant].get(metric.squares, 0.0) * units < top**2 * (1.0 - 1e-9):
                return f"column '{metric.squares}' is too small for sums of squares of {variant}"
        return fault

    def _arm(self, seen: Seen, name: str, metric: Metric, variant: str) -> Arm:
        sums, units = seen.sums[variant], seen.units[variant][-1]
        top = sums.get(name, 0.0)
        if metric.per is not None:
            return Arm(units, top, *(sums.get(column, 0.0) for column in metric.rest))
        if metric.squares is not None:
            return Arm.of_mean(units, top, sums.get(metric.squares, 0.0))
        return Arm.of_share(units, top)

    def _evidence(
        self, seen: Seen, found: Difference, matters: float, said: Verdict, now: datetime
    ) -> dict[str, object]:
        scale = _base(found.control, found.variant)
        left = self._left(seen, found, matters, now) if said is Verdict.OPEN else timedelta(0)
        return {
            "control": found.control,
            "variant": found.variant,
            "change": found.effect / scale,
            "low": found.low / scale,
            "high": found.high / scale,
            "p": sequential.always_valid_p(max(found.up, found.down)),
            "verdict": str(said),
            "days_left": None if left is None else left / DAY,
        }

    def _standing(self, name: str, variant: str, evidence: Mapping[str, object]) -> str:
        """Say it in one line, for the digest."""
        change, low, high = (f"{evidence[key]:+.1%}" for key in ("change", "low", "high"))
        where = f"{name} of {variant} {change} against {self.control} ({low} to {high})"
        return f"{where}, {evidence['verdict']}"

    def _left(
        self, seen: Seen, found: Difference, matters: float, now: datetime
    ) -> timedelta | None:
        """Return how long until the band is as narrow as what matters; None if unknown."""
        elapsed = now - seen.times[0]
        growth = sequential.growth_until(matters, found.variance, matters, self.alpha)
        if elapsed <= timedelta(0):
            return None
        return min(elapsed * min(growth - 1.0, 1e6), LONGEST)


def _base(control: float, variant: float) -> float:
    """Return what a change is a share of: control, or the variant where control has nothing."""
    return abs(control) or abs(variant)
