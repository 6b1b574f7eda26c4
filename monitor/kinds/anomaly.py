"""A business metric falls or rises against its own season, per slice and in total."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import ClassVar, Literal, Self
from zoneinfo import ZoneInfo

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from monitor.anomaly.arrays import Floats
from monitor.anomaly.evidence import capability, of_cause
from monitor.anomaly.keeper import Kept, Known, Told, caught_up
from monitor.anomaly.layer import AGAINST
from monitor.anomaly.model import Learning, Missing, Point, Settings
from monitor.anomaly.ready import SURELY, Arrival, Ready, completeness, newest_ready
from monitor.anomaly.replay import answers as told
from monitor.anomaly.series import bucket_number, bucket_start
from monitor.anomaly.watch import Watch
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
FORGET_AFTER = timedelta(days=7)
"""A slice that has been silent for longer is gone, and no longer missing."""

DAY = timedelta(days=1)
LARGEST_RISE = 1000.0
"""A rise from next to nothing is told as this share at most: infinity is no JSON."""

RECENT_LAUNCH = timedelta(days=3)
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

    query: str = Field(description="SQL with {{ since }}, and {{ value }} for the metric.")
    value: str = Field(
        default="value", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", description="The metric."
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
    bucket: Duration = Field(default=timedelta(hours=1), description="The width of a bucket.")
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
        number, why = self._newest(answer, settings, now)
        past = answer.memory.get(MEMORY)
        kept = past if isinstance(past, Kept) else None
        found = _known(answer, number, settings)
        self._refuse_many(found.slices)
        if not found.slices:
            return
        if not why.is_ready or (kept is not None and number < kept.known.number):
            at = self._name(bucket_start(number, settings))
            for labels in found.slices:
                yield NotYet(f"the bucket {at} is not complete: {why}", labels)
            return
        is_first = kept is None
        kept = caught_up(kept, settings, found)
        kept = self._with_causes(kept)
        answer.memory[MEMORY] = kept
        if is_first:
            answer.memory["says"] = capability(kept.watch)
        yield from self._told(kept, answer, now)

    def remeasure(
        self, answers: Sequence[Answer], moments: Sequence[datetime]
    ) -> Iterator[Iterable[Measured]]:
        """Run one watch over the whole history: it judges each bucket from its past."""
        (table,) = answers
        assert isinstance(table, Table)
        settings = self._settings()
        answer = buckets_of(table, self.remembers(table.observed_at))
        numbers = [bucket_number(self._bucket(now), settings) for now in moments]
        if numbers:
            known = _known(answer, numbers[-1], settings, forget=False)
            self._refuse_many(known.slices)
            yield from self._replayed(answer, known, numbers, moments)

    def _replayed(
        self, answer: Buckets, known: Known, numbers: Sequence[int], moments: Sequence[datetime]
    ) -> Iterator[Iterable[Measured]]:
        settings = self._settings()
        watch = Watch(settings, known.slices)
        done, causes = 0, None
        for number, now in zip(numbers, moments, strict=True):
            width = number + 1 - known.first
            if not known.slices or width <= 0:
                yield []
                continue
            if width > done:
                sizes = None if known.sizes is None else known.sizes[:, done:width]
                watch.advance(known.first + done, known.values[:, done:width], sizes)
                done = width
            cut = replace(known, values=known.values[:, :width])
            nothing = Told(number, np.zeros(0), np.zeros(0, dtype=np.bool_))
            kept = self._with_causes(Kept(settings, watch, cut, nothing, causes=causes))
            causes = kept.causes
            yield list(self._told(kept, answer, now))

    def _refuse_many(self, slices: Sequence[Labels]) -> None:
        if len(slices) > self.slices.max:
            most = self.slices.max
            raise ValueError(f"{len(slices)} slices; `slices: {{max: {most}}}` is less")

    def _newest(self, answer: Buckets, settings: Settings, now: datetime) -> tuple[int, Ready]:
        """Return the newest bucket that is complete, or the one that should be and is not."""
        wanted = bucket_number(now - self.complete_after, settings) - 1
        newest = bucket_number(now, settings) - 1
        oldest = wanted - max(2, SURELY // self.bucket)
        ends = [bucket_start(number + 1, settings) for number in range(newest, oldest - 1, -1)]
        index, why = newest_ready(ends, now, self._arrival(answer))
        return newest - index, why

    def _arrival(self, answer: Buckets) -> Arrival:
        return Arrival(self.complete_after, answer.watermark, answer.sightings, answer.is_watched)

    def _with_causes(self, kept: Kept) -> Kept:
        cells = kept.watch.cells()
        found = kept.watch.causes(cells, self.slices.report, kept.causes)
        return replace(kept, causes=frozenset(cells[index].labels for index in found))

    def _told(self, kept: Kept, answer: Buckets, now: datetime) -> Iterator[Measured]:
        """Tell every roll-up and slice; only causes are more than noise."""
        watch, at = kept.watch, bucket_start(kept.known.number, kept.settings)
        cells = watch.cells()
        causes = kept.causes or frozenset()
        points: list[Point | Learning | Missing] = []
        for layer in watch.layers:
            assert layer.newest is not None
            is_slices = layer is watch.leaves
            raw = kept.known.values[:, -1].tolist() if is_slices else [math.nan] * len(layer.labels)
            points.extend(told(layer.newest, raw, kept.settings, at))
        changes = watch.changes().tolist()
        for index, (cell, point) in enumerate(zip(cells, points, strict=True)):
            if isinstance(point, Missing) and AGAINST in dict(cell.labels):
                yield NotYet("there is nothing to compare with", cell.labels)
            elif isinstance(point, Missing):
                yield NoData(f"{point.reason} for the bucket {self._name(at)}", cell.labels)
            elif isinstance(point, Learning):
                yield NotYet(f"learning: {point.reason}", cell.labels)
            else:
                evidence = self._evidence(point, kept, index)
                is_noise = cell.labels not in causes or _is_late_alarm(kept, index)
                if not is_noise:
                    evidence |= of_cause(watch, cells, index, self.slices.report)
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

    def _evidence(self, point: Point, kept: Kept, index: int) -> dict[str, object]:
        """Return JSON values; an expected 0 has no deviation that could be told (None)."""
        notes = [point.note] if point.note else []
        if kept.is_restated:
            was = kept.told.values[index]
            notes.append(f"restated: it was {was:.6g} when it was judged first")
        return {
            "metric": self.value,
            "at": point.at.isoformat(),
            "value": point.value,
            "expected": point.expected,
            "low": point.low,
            "high": point.high,
            "deviation": point.deviation if math.isfinite(point.deviation) else None,
            "lost": point.expected - point.value,
            "once_in_days": point.once_in / DAY if point.once_in else None,
            "season": point.season,
            "note": "; ".join(notes),
        }

    def _surroundings(self, answer: Buckets, kept: Kept, now: datetime) -> dict[str, object]:
        """Say what else a reader must know: completeness, holidays, launches."""
        end = bucket_start(kept.known.number + 1, kept.settings)
        share = completeness(answer.sightings, now - end)
        local = bucket_start(kept.known.number, kept.settings).astimezone(ZoneInfo(self.timezone))
        launches = [
            f"{one.name} at {one.at:%Y-%m-%d %H:%M}"
            for one in self.events
            if timedelta(0) <= end - self._aware(one.at) <= RECENT_LAUNCH
        ]
        return {
            "complete": share,
            "holiday": local.date() in kept.settings.holidays,
            "launches": launches,
        }

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


def _is_late_alarm(kept: Kept, index: int) -> bool:
    """Whether a restatement made a bucket bad that was told to be good: nobody is paged for it."""
    return kept.is_restated and not bool(kept.told.alarms[index])


def _known(answer: Buckets, number: int, settings: Settings, *, forget: bool = True) -> Known:
    """Return the buckets up to `number`, without slices that have been silent for long."""
    width = max(number + 1 - answer.first, 0)
    has_row = ~np.isnan(_cut(answer.values, width))
    oldest = max(0, width - int(FORGET_AFTER / settings.bucket) - 1) if forget else 0
    rows = np.flatnonzero(has_row[:, oldest:].any(axis=1))
    labels = tuple(answer.labels[row] for row in rows)
    sizes = None if answer.sizes is None else _cut(answer.sizes[rows], width)
    return Known(labels, answer.first, _cut(answer.values[rows], width), sizes, answer.rebased)


def _cut(values: Floats, width: int) -> Floats:
    """Cut or fill to so many buckets: what is not there is unknown."""
    missing = max(0, width - values.shape[1])
    return np.pad(values[:, :width], ((0, 0), (0, missing)), constant_values=np.nan)
