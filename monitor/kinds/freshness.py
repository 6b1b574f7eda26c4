"""A table is fresh: its newest row is young enough, or no partition is missing."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, model_validator

from monitor.api import (
    Answer,
    Check,
    Direction,
    Duration,
    Grain,
    LastUpdate,
    LastWrite,
    Measure,
    Measured,
    NoData,
    PartitionList,
    Partitions,
    Query,
    ReadyBy,
    Sample,
    Unit,
    Updated,
    first_deadline,
    last_deadline,
)

STEPS = {"hour": timedelta(hours=1), "day": timedelta(days=1)}


AHEAD = timedelta(days=1)
"""How far ahead a newest row may be: of a zone in the east, or named by its end. One of next year
would hide for a year how late the table is."""


class PartitionRule(BaseModel):
    """How the table is cut into partitions, and how far back none may be missing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    column: str = Field(description="The column that holds the start of the partition.")
    grain: Grain = Field(description="hour or day.")
    window: Duration = Field(default=timedelta(days=2), description="How far back to look.")
    lateness: Duration | None = Field(
        default=None, description="How long after its end a partition may land; default one grain."
    )


class Freshness(Check, kind="freshness"):
    """Measure how late a table is.

    ```yaml
    impressions-fresh:
      kind: freshness
      source: kpi
      table: events.impressions_hourly
      partition: {column: dt_hour, grain: hour}
      warn: 2h
      page: 6h
    ```

    With `column` the age is that of the newest row. With `partition` it is the time since the
    oldest missing partition should have been there: filling an old hour never hides a missing new
    one. Every missing partition is named.

    Without both it is that of the last write that added rows, where the source keeps a list of
    writes (Iceberg, materialised views of Trino). `rows` is the volume: of the newest partition
    that is due and there, or of the last write.

    An empty partition is a missing one. Where a source cannot tell whether it is empty (tables of
    Hive without statistics, in text, JSON, CSV or Avro, or in a format that its user may not see)
    it counts as there, and the evidence names it under `cannot_tell_if_empty`; `ANALYZE` after the
    write ends that.

    With `ready_by` nothing is late before that time of a day of the calendar: a partition is due at
    the first such moment after its end, a newest row is due to be followed by one of the next day.
    """

    measures: ClassVar[Mapping[str, Measure]] = {
        "age": Measure(Direction.ABOVE, Unit.SECONDS, "how late the table is"),
        "missing": Measure(Direction.ABOVE, Unit.NUMBER, "how many partitions are missing"),
        "rows": Measure(Direction.BELOW, Unit.NUMBER, "rows of the newest partition or write"),
    }

    tells_of_missing_data: ClassVar[bool] = True

    table: str = Field(description="The table, with its schema where it has one.")
    column: str | None = Field(default=None, description="The column of moments.")
    partition: PartitionRule | None = Field(default=None, description="How it is partitioned.")
    ready_by: ReadyBy | None = Field(
        default=None, description="Until when, on which days, the data must be there."
    )

    @model_validator(mode="after")
    def _at_most_one(self) -> Self:
        if self.column is not None and self.partition is not None:
            raise ValueError("give either `column` or `partition`")
        return self

    def ask(self, now: datetime) -> Sequence[Query]:
        """Ask for the newest row, or for the partitions of the window."""
        if self.partition is None:
            if self.column is None:
                return [LastWrite(self.table)]
            return [LastUpdate(self.table, self.column)]
        rule = self.partition
        since, until = self._since(now), now + STEPS[rule.grain]
        return [Partitions(self.table, rule.column, rule.grain, since, until)]

    def measure(self, answers: Sequence[Answer], now: datetime) -> Iterable[Measured]:
        """Measure the age; a table without any row has none."""
        (answer,) = answers
        if isinstance(answer, PartitionList):
            yield from self._partitions(answer, now)
            return
        assert isinstance(answer, Updated)
        if answer.data_at is None:
            yield NoData(f"{self.table} holds no rows")
            return
        if answer.data_at - now > AHEAD:
            said = (
                f"the newest row of {self.table} is of {answer.data_at:%Y-%m-%d}, which is to come"
            )
            yield NoData(f"{said}: how late the table is cannot be told")
            return
        due_at = answer.data_at
        if self.ready_by is not None:
            due_at = self._due(answer.data_at + STEPS["day"])
        age = max(0.0, (now - due_at).total_seconds())
        evidence = {"table": self.table, "newest": answer.data_at.isoformat()}
        yield Sample("age", age, unit=Unit.SECONDS, evidence=evidence)
        if answer.rows is not None:
            yield Sample("rows", float(answer.rows), evidence=evidence)

    def _partitions(self, answer: PartitionList, now: datetime) -> Iterator[Measured]:
        assert self.partition is not None
        present = {self._start(part.start) for part in answer.partitions if not part.is_empty}
        expected = list(self._grid(self._since(now), self._until(now)))
        missing = [start for start in expected if start not in present]
        age = (now - self._owed_at(missing[0])).total_seconds() if missing else 0.0
        newest = max(present, default=None)
        evidence = {
            "table": self.table,
            "newest": newest.isoformat() if newest else None,
            "missing": [start.isoformat() for start in missing],
            "gaps": [self._gap(run) for run in _runs(missing, expected)],
        }
        unsure = [one.name for one in answer.partitions if one.rows is None and one.bytes is None]
        if unsure:
            # They count as data: an alert for each would be noise. The remedy is Trino's ANALYZE.
            evidence["cannot_tell_if_empty"] = unsure
        yield Sample("age", age, unit=Unit.SECONDS, evidence=evidence)
        yield Sample("missing", float(len(missing)), evidence=evidence)
        rows = {self._start(part.start): part.rows for part in answer.partitions}
        newest_due = next((it for it in reversed(expected) if rows.get(it)), None)
        if newest_due is not None:
            yield Sample("rows", float(rows[newest_due] or 0), evidence=evidence)

    @property
    def _lateness(self) -> timedelta:
        """How long after its end a partition may land; a deadline leaves time enough by itself."""
        assert self.partition is not None
        if self.partition.lateness is not None:
            return self.partition.lateness
        return timedelta(0) if self.ready_by else STEPS[self.partition.grain]

    def _since(self, now: datetime) -> datetime:
        """Return the start of the window; what became due at the last deadline lies in it."""
        assert self.partition is not None
        since = now - self.partition.window
        last = self._last_deadline(now)
        before = self._last_deadline(last - timedelta(seconds=1)) if last else None
        if before is None:
            return since
        return min(since, before - self._lateness - STEPS[self.partition.grain])

    def _until(self, now: datetime) -> datetime:
        """Return until when partitions must have ended to be there by now."""
        last = now if self.ready_by is None else self._last_deadline(now)
        return (last or datetime.min.replace(tzinfo=UTC) + STEPS["day"] * 2) - self._lateness

    def _owed_at(self, start: datetime) -> datetime:
        """Return since when a partition should have been there."""
        end = self._after(start)
        return self._due(end + self._lateness) if self.ready_by else end

    def _due(self, since: datetime) -> datetime:
        """Return the first deadline from a moment on; never, where no day ever counts."""
        assert self.ready_by is not None
        rule = self.ready_by
        due_at = first_deadline(since, rule.time, rule.calendar, self.timezone)
        return due_at or datetime.max.replace(tzinfo=UTC)

    def _last_deadline(self, now: datetime) -> datetime | None:
        if self.ready_by is None:
            return None
        return last_deadline(now, self.ready_by.time, self.ready_by.calendar, self.timezone)

    def _start(self, written: datetime) -> datetime:
        """Read the start of a partition: a day without a time is a day of the check's zone."""
        assert self.partition is not None
        is_date = written.astimezone(UTC).time() == datetime.min.time()
        if self.partition.grain == "hour" or not is_date:
            return written
        return written.replace(tzinfo=ZoneInfo(self.timezone)).astimezone(UTC)

    def _grid(self, since: datetime, until: datetime) -> Iterator[datetime]:
        """Yield the starts of the partitions that lie whole in the window.

        Days are those of the check's zone, so that a day of 23 or 25 hours is one day; hours are
        those of UTC, of which no clock change takes or adds one.
        """
        assert self.partition is not None
        if self.partition.grain == "hour":
            start = since.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        else:
            zone = ZoneInfo(self.timezone)
            start = since.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
            start = start.astimezone(UTC)
        if start < since:
            start = self._after(start)
        while self._after(start) <= until:
            yield start
            start = self._after(start)

    def _after(self, start: datetime) -> datetime:
        assert self.partition is not None
        if self.partition.grain == "hour":
            return start + STEPS["hour"]
        local = start.astimezone(ZoneInfo(self.timezone)) + STEPS["day"]
        return local.astimezone(UTC)

    def _gap(self, run: Sequence[datetime]) -> dict[str, object]:
        return {
            "from": run[0].isoformat(),
            "to": run[-1].isoformat(),
            "end": self._after(run[-1]).isoformat(),
            "partitions": [f"{start:%Y-%m-%dT%H:%M}" for start in run],
        }


def _runs(missing: Sequence[datetime], expected: Sequence[datetime]) -> list[list[datetime]]:
    """Group the missing ones that follow each other without one between them."""
    gone = set(missing)
    runs: list[list[datetime]] = []
    is_running = False
    for start in expected:
        if start in gone:
            if is_running:
                runs[-1].append(start)
            else:
                runs.append([start])
        is_running = start in gone
    return runs
