"""A business metric falls or rises against its own season, per slice and in total."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import ClassVar, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, model_validator

from monitor.anomaly.evidence import capability, of_cause, of_point, surroundings
from monitor.anomaly.keeper import Kept, Known, caught_up, points, replayed
from monitor.anomaly.model import DAY, Learning, Missing, Settings
from monitor.anomaly.ready import Arrival, completeness, newest_bucket
from monitor.anomaly.series import bucket_number, bucket_start
from monitor.api import (
    Answer,
    Buckets,
    Check,
    Direction,
    Duration,
    Holidays,
    Labels,
    Measure,
    Measured,
    NoData,
    NotYet,
    Query,
    Remembered,
    Rows,
    Sample,
    Share,
    Table,
    Unit,
    buckets_of,
)

VALUE = re.compile(r"\{\{\s*value\s*\}\}")
LARGEST_RISE = 1000.0
"""A rise from next to nothing is told as this share at most: infinity is no JSON."""

MEMORY = "kept"


class Launch(BaseModel):
    """An announced event that may move the metric for good."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    at: datetime = Field(description="When, with a zone or in the check's zone.")
    name: str = Field(description="What: `ranker v3 to everyone`.")


class Anomaly(Check, kind="anomaly"):
    """Compare the newest complete bucket of each slice with its own season.

    ```yaml
    impressions-drop:
      kind: anomaly
      source: kpi
      query: >
        select hour as t, model, variant, sum({{ value }}) as value
        from kpi where hour >= {{ since }} group by 1, 2, 3
      value: impressions
      bucket: 1h
      slices: {by: [model, variant], min_value: 1000}
      holidays: [IN]
      events: [{at: "2026-11-20 10:00", name: ranker v3}]
      bad: down
      false_alarms_per_month: 1
      warn: {drop: 12%}
      page: {drop: 40%, for: 2 of 3}
    ```

    A limit is breached only by a change that is as large and that chance does not explain:
    `false_alarms_per_month`, of the whole check, is the only sensitivity. A bucket without rows is
    no data, never a drop, and one that is not complete yet is not judged.

    Three and more slices are rolled up, too: in total, and by each dimension. Where several alarm,
    those that explain the gap are told and the others are not.

    `control: {variant: A}` compares each variant with A at the same moment, in total and within
    each combination that is rolled up: what moves both is no alarm of a variant, and what moves
    only one shows at a smaller size. Such an alert is about `against=A, variant=B`.
    """

    measures: ClassVar[Mapping[str, Measure]] = {
        "drop": Measure(Direction.ABOVE, Unit.SHARE, "how far below what was expected", most=1.0),
        "rise": Measure(Direction.ABOVE, Unit.SHARE, "how far above what was expected"),
    }
    default_every: ClassVar[timedelta] = timedelta(minutes=15)
    learns: ClassVar[bool] = True

    query: str = Field(
        description="SQL with {{ since }}, {{ until }} if much, and {{ value }} for the metric."
    )
    value: str = Field(
        default="value", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", description="The metric; else the id."
    )
    time: str = Field(
        default="t", description="Column: start of the bucket, UTC unless it has a zone."
    )
    column: str = Field(default="value", description="The column that holds the number.")
    per: str | None = Field(
        default=None, description="Column of the denominator: the metric is a rate."
    )
    watermark: str = Field(
        default="watermark",
        description="Column, if there is one: up to when the source is complete.",
    )
    bucket: Duration = Field(
        default=timedelta(hours=1), description="The width of a bucket; weeks begin on Mondays."
    )
    history: Duration = Field(default=timedelta(weeks=9), description="How far back to look.")
    settle: Duration = Field(
        default=timedelta(days=2), description="How long buckets may still be restated."
    )
    complete_after: Duration = Field(
        default=timedelta(minutes=20),
        description="How long after its end a bucket is complete, until the monitor has seen "
        "often enough how late data comes.",
    )
    bad: Literal["down", "up", "both"] = Field(default="both", description="The bad direction.")
    false_alarms_per_month: float = Field(default=1.0, gt=0, description="Of the whole check.")
    min_effect: Share = Field(default=0.05, ge=0, description="Smaller changes are never told.")
    control: dict[str, str] = Field(
        default={},
        description="`{variant: A}`: variants are judged against this one, too.",
        max_length=1,
    )
    holidays: Holidays = Field(
        default=frozenset(),
        description="Countries or calendars whose days off are unlike other days.",
    )
    events: tuple[Launch, ...] = Field(default=(), description="Announced launches.")

    def measures_of(self) -> Mapping[str, Measure]:
        """Return the measures with the one of the bad direction first."""
        first, second = ("rise", "drop") if self.bad == "up" else ("drop", "rise")
        return {first: self.measures[first], second: self.measures[second]}

    @model_validator(mode="after")
    def _check_settings(self) -> Self:
        """Refuse what the detector would refuse at the first look: the message is the same."""
        self._settings()
        for name in self.control:
            if self.slices.by and name not in self.slices.by:
                have = ", ".join(self.slices.by)
                raise ValueError(f"`control` names '{name}'; `slices: {{by: ...}}` has {have}")
        return self

    def remembers(self, now: datetime) -> Remembered:
        """Let the daemon keep the buckets that it has seen."""
        return Remembered(
            text=VALUE.sub(self.value, self.query),
            settings=self._settings(),
            time=self.time,
            column=self.column,
            per=self.per,
            by=self.slices.by,
            watermark=self.watermark,
            keep=self.history,
            settle=self.settle,
        )

    def ask(self, now: datetime) -> Sequence[Query]:
        """Ask for the whole season."""
        return [Rows(VALUE.sub(self.value, self.query), since=self._bucket(now) - self.history)]

    def measure(self, answers: Sequence[Answer], now: datetime) -> Iterable[Measured]:
        """Judge the newest complete bucket. Raise ValueError for too many slices."""
        (answer,) = answers
        if isinstance(answer, Table):
            answer = buckets_of(answer, self.remembers(now))
        assert isinstance(answer, Buckets)
        settings = self._settings()
        # An answer that another check got a minute ago knows nothing of what came since.
        asked_at = min(now, answer.observed_at)
        come = (answer.watermark, answer.sightings, answer.is_watched, answer.followed)
        known = _all_of(answer)
        come_so = Arrival(self.complete_after, *come)
        number, why = newest_bucket(settings, asked_at, come_so, known.number)
        kept = past if isinstance(past := answer.memory.get(MEMORY), Kept) else None
        found = known.until(number).without_silent(settings)
        self._refuse_many(found.slices)
        if not found.slices:
            return
        if not why.is_ready or (kept is not None and number < kept.known.number):
            at = self._name(bucket_start(number, settings))
            for labels in found.slices:
                yield NotYet(f"the bucket {at} is not complete: {why}", labels)
            return
        now_kept = self._with_causes(caught_up(kept, settings, found))
        answer.memory[MEMORY] = now_kept
        if kept is None:
            answer.memory["says"] = capability(now_kept.watch)
        yield from self._told(now_kept, answer, now)

    def remeasure(
        self, answers: Sequence[Answer], moments: Sequence[datetime]
    ) -> Iterator[Iterable[Measured]]:
        """Run one watch over the whole history: it judges each bucket from its past."""
        (table,) = answers
        assert isinstance(table, Table)
        settings = self._settings()
        answer = buckets_of(table, self.remembers(table.observed_at))
        numbers = [bucket_number(self._bucket(now), settings) for now in moments]
        known = _all_of(answer).until(max(numbers, default=0))
        self._refuse_many(known.slices)
        causes, same, found = None, None, list[Measured]()
        for kept, now in zip(replayed(settings, known, numbers), moments, strict=True):
            told = None if kept is None else self._with_causes(replace(kept, causes=causes))
            causes = told.causes if told else causes
            if told and same != (told.known.number, causes):  # looks at one bucket find the same
                same, found = (told.known.number, causes), list(self._told(told, answer, now))
            yield found if told else []

    def _refuse_many(self, slices: Sequence[Labels]) -> None:
        if len(slices) > self.slices.max:
            raise ValueError(f"{len(slices)} slices; `slices: {{max: {self.slices.max}}}` is less")

    def _with_causes(self, kept: Kept) -> Kept:
        cells = kept.watch.cells()
        found = kept.watch.causes(cells, self.slices.report, kept.causes)
        return replace(kept, causes=frozenset(cells[index].labels for index in found))

    def _told(self, kept: Kept, answer: Buckets, now: datetime) -> Iterator[Measured]:
        """Tell every roll-up and slice; only causes are more than noise."""
        watch, cells, causes = kept.watch, kept.watch.cells(), kept.causes or frozenset()
        metric = self.id if self.value == "value" else self.value
        at = bucket_start(kept.known.number, kept.settings)
        changes = watch.changes().tolist()
        for index, (cell, point) in enumerate(zip(cells, points(kept), strict=True)):
            if isinstance(point, Missing) and point.is_expected:
                yield NotYet(point.reason, cell.labels)
            elif isinstance(point, Missing):
                yield NoData(f"{point.reason} for the bucket {self._name(at)}", cell.labels)
            elif isinstance(point, Learning):
                yield NotYet(f"learning: {point.reason}", cell.labels)
            else:
                was = float(kept.told.values[index]) if kept.is_restated else None
                evidence = {"metric": metric, **of_point(point, was, kept.size_of(cell))}
                is_noise = cell.labels not in causes or kept.is_late_alarm(index)
                if not is_noise:
                    evidence |= of_cause(kept, cells, index, self.slices.report)
                    evidence |= self._surroundings(answer, kept, now)
                # Of an alarm that lasts one bucket near a limit decides nothing.
                lasts = not is_noise and math.isfinite(changes[index])
                change = changes[index] if lasts else point.deviation
                yield from self._samples(cell.labels, change, evidence, is_noise=is_noise)

    def _samples(
        self, labels: Labels, change: float, evidence: dict[str, object], *, is_noise: bool
    ) -> Iterator[Sample]:
        rise = min(change, LARGEST_RISE)
        for measure, share in (("drop", -rise), ("rise", rise)):
            if measure in self._directions:
                yield Sample(measure, share, labels, Unit.SHARE, evidence, is_noise)

    @property
    def _directions(self) -> tuple[str, ...]:
        return {"down": ("drop",), "up": ("rise",), "both": ("drop", "rise")}[self.bad]

    def _name(self, at: datetime) -> str:
        local = at.astimezone(ZoneInfo(self.timezone))
        return f"{local:%Y-%m-%d}" if self.bucket >= DAY else f"{local:%Y-%m-%d %H:%M %Z}"

    def _surroundings(self, answer: Buckets, kept: Kept, now: datetime) -> dict[str, object]:
        end = bucket_start(kept.known.number + 1, kept.settings)
        launches = [(self._aware(one.at), one.name) for one in self.events]
        share = completeness(answer.sightings, now - end)
        return surroundings(kept.known.number, kept.settings, share, launches)

    def _settings(self) -> Settings:
        return Settings(
            bucket=self.bucket,
            timezone=self.timezone,
            bad=self.bad,
            false_alarms_per_month=self.false_alarms_per_month,
            min_value=self.slices.min_value,
            holidays=frozenset(self.holidays),
            min_effect=self.min_effect,
            events=frozenset(self._aware(one.at) for one in self.events),
            control=next(iter(self.control.items()), None),
        )

    def _aware(self, at: datetime) -> datetime:
        return at if at.tzinfo else at.replace(tzinfo=ZoneInfo(self.timezone))

    def _bucket(self, now: datetime) -> datetime:
        """Return the start of the newest bucket that is complete by its age."""
        settings = self._settings()
        return bucket_start(bucket_number(now - self.complete_after, settings) - 1, settings)


def _all_of(answer: Buckets) -> Known:
    return Known(answer.labels, answer.first, answer.values, answer.sizes, answer.rebased)
