"""A business metric falls or rises against its own season, per slice."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import repeat
from typing import ClassVar, Literal, Self, TypeAlias
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from monitor.anomaly import Learning, Missing, Point, Settings, judge_latest, regular
from monitor.anomaly.past import judge_past
from monitor.anomaly.series import bucket_number, bucket_start
from monitor.api import (
    Answer,
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
    Row,
    Rows,
    Sample,
    Table,
    Unit,
    as_moment,
    labels_of,
)

VALUE = re.compile(r"\{\{\s*value\s*\}\}")
FORGET_AFTER = timedelta(days=7)
"""A slice that has been silent for longer is gone, and no longer missing."""

DAY = timedelta(days=1)
LARGEST_RISE = 1000.0
"""A rise from next to nothing is told as this share at most: infinity is no JSON."""


Reading: TypeAlias = tuple[datetime, float | None]
"""A moment and its number, None where the row has none."""


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
      bad: down
      false_alarms_per_month: 1
      warn: {drop: 12%}
      page: {drop: 40%, for: 2 of 3}
    ```

    A limit is breached only by a change that is as large and that chance does not explain:
    `false_alarms_per_month`, of the whole check, is the only sensitivity. A bucket without rows is
    no data, never a drop.
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
    bucket: Duration = Field(default=timedelta(hours=1), description="The width of a bucket.")
    history: Duration = Field(default=timedelta(weeks=9), description="How far back to look.")
    complete_after: Duration = Field(
        default=timedelta(minutes=20),
        description="How long after its end a bucket is complete and may be judged.",
    )
    bad: Literal["down", "up", "both"] = Field(default="both", description="The bad direction.")
    holidays: Holidays = Field(
        default=frozenset(),
        description="Countries or calendars whose days off are unlike other days.",
    )
    false_alarms_per_month: float = Field(default=1.0, gt=0, description="Of the whole check.")

    def measures_of(self) -> Mapping[str, Measure]:
        """Return the measures with the one of the bad direction first."""
        first, second = ("rise", "drop") if self.bad == "up" else ("drop", "rise")
        return {first: self.measures[first], second: self.measures[second]}

    @model_validator(mode="after")
    def _check_bucket(self) -> Self:
        """Refuse what the detector would refuse at the first look: the message is the same."""
        self._settings()
        return self

    def ask(self, now: datetime) -> Sequence[Query]:
        """Ask for the whole season."""
        return [Rows(VALUE.sub(self.value, self.query), since=self._bucket(now) - self.history)]

    def measure(self, answers: Sequence[Answer], now: datetime) -> Iterable[Measured]:
        """Judge the newest complete bucket of every slice. Raise ValueError for too many slices."""
        (table,) = answers
        assert isinstance(table, Table)
        at = self._bucket(now)
        found = self._points(table, at)
        if len(found) > self.slices.max:
            raise ValueError(f"{len(found)} slices; `slices: {{max: {self.slices.max}}}` is less")
        settings = self._settings()
        series = [regular(points, labels, settings).series for labels, points in found.items()]
        for one, result in zip(series, judge_latest(series, settings, at), strict=True):
            has_row = max(moment for moment, _ in found[one.slice]) >= at
            yield from self._measured(one.slice, result, has_row=has_row)

    def remeasure(
        self, answers: Sequence[Answer], moments: Sequence[datetime]
    ) -> Iterator[Iterable[Measured]] | None:
        """Run the detector over the whole history once: it judges each bucket from its past."""
        (table,) = answers
        assert isinstance(table, Table)
        if not moments:
            return iter(())
        found = self._points(table, self._bucket(moments[-1]))
        if len(found) > self.slices.max:
            raise ValueError(f"{len(found)} slices; `slices: {{max: {self.slices.max}}}` is less")
        settings = self._settings()
        series = [regular(points, labels, settings).series for labels, points in found.items()]
        judged = judge_past(series, settings, [self._bucket(now) for now in moments])
        return (
            [
                measured
                for one, result in zip(series, results, strict=True)
                for measured in self._measured(one.slice, result, has_row=False)
            ]
            for results in judged
        )

    def _measured(
        self, labels: Labels, result: Point | Learning | Missing, *, has_row: bool
    ) -> Iterator[Measured]:
        if isinstance(result, Missing):
            what = "no number (null, NaN, infinite or negative)" if has_row else "no rows"
            yield NoData(f"{what} for the bucket {self._name(result.at)}", labels)
        elif isinstance(result, Learning):
            yield NotYet(f"learning: {result.reason}", labels)
        else:
            evidence = self._evidence(result)
            rise = min(result.deviation, LARGEST_RISE)
            for measure, change in (("drop", -rise), ("rise", rise)):
                if measure in self._directions:
                    is_noise = not result.is_anomaly
                    yield Sample(measure, change, labels, Unit.SHARE, evidence, is_noise)

    @property
    def _directions(self) -> tuple[str, ...]:
        return {"down": ("drop",), "up": ("rise",), "both": ("drop", "rise")}[self.bad]

    def _name(self, at: datetime) -> str:
        local = at.astimezone(ZoneInfo(self.timezone))
        return f"{local:%Y-%m-%d}" if self.bucket >= DAY else f"{local:%Y-%m-%d %H:%M %Z}"

    def _evidence(self, point: Point) -> dict[str, object]:
        """Return JSON values; an expected 0 has no deviation that could be told (None)."""
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
            "note": point.note,
        }

    def _points(self, table: Table, at: datetime) -> dict[Labels, list[Reading]]:
        """Return the rows up to the judged bucket, by slice; slices long silent are left out.

        It goes column by column: there may be a million rows.
        """
        if not len(table):
            return {}
        names = self.slices.by or tuple(
            name for name in table.columns if name not in {self.time, self.column}
        )
        times, numbers, *keys = (_column(table, n) for n in (self.time, self.column, *names))
        moments = {cell: self._moment(cell) for cell in set(times)}
        members = zip(*keys, strict=True) if keys else repeat((), len(times))
        settings = self._settings()
        # A finer time column has several rows in the judged bucket; all of them count.
        end = bucket_start(bucket_number(at, settings) + 1, settings)
        slices: dict[tuple[object, ...], list[Reading]] = {}
        for cell, number, member in zip(times, numbers, members, strict=True):
            moment = moments[cell]
            if moment is not None and moment < end:
                slices.setdefault(member, []).append((moment, _number(number, self.column)))
        found: dict[Labels, list[Reading]] = {}
        for member, points in slices.items():
            if max(moment for moment, _ in points) < at - FORGET_AFTER:
                continue
            labels = labels_of(zip(names, map(str, member), strict=True))
            found.setdefault(labels, []).extend(points)
        return dict(sorted(found.items()))

    def _moment(self, cell: object) -> datetime | None:
        """Read the start of a bucket; a day without a zone is a day of the check's zone."""
        moment = as_moment(cell)
        if moment is None or self.bucket < DAY or isinstance(cell, (int, float)):
            return moment
        if datetime.fromisoformat(str(cell)).tzinfo is not None:
            return moment
        return moment.replace(tzinfo=ZoneInfo(self.timezone)).astimezone(UTC)

    def _settings(self) -> Settings:
        return Settings(
            bucket=self.bucket,
            timezone=self.timezone,
            bad=self.bad,
            false_alarms_per_month=self.false_alarms_per_month,
            min_value=self.slices.min_value,
            holidays=self.holidays,
        )

    def _bucket(self, now: datetime) -> datetime:
        """Return the start of the newest bucket that is complete."""
        settings = self._settings()
        return bucket_start(bucket_number(now - self.complete_after, settings) - 1, settings)


def _column(table: Table, name: str) -> tuple[object, ...]:
    if name not in table.columns:
        have = ", ".join(table.columns) or "none"
        raise ValueError(f"the answer has no column '{name}'; it has: {have}")
    return table.columns[name]


def _number(cell: object, column: str) -> float | None:
    return cell if isinstance(cell, float) else Row({column: cell}).number(column)
