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
    Measure,
    Measured,
    NoData,
    PartitionList,
    Partitions,
    Query,
    Sample,
    Unit,
    Updated,
)

STEPS = {"hour": timedelta(hours=1), "day": timedelta(days=1)}


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
    """

    measures: ClassVar[Mapping[str, Measure]] = {
        "age": Measure(Direction.ABOVE, Unit.SECONDS, "how late the table is"),
        "missing": Measure(Direction.ABOVE, Unit.NUMBER, "how many partitions are missing"),
    }

    table: str = Field(description="The table, with its schema where it has one.")
    column: str | None = Field(default=None, description="The column of moments.")
    partition: PartitionRule | None = Field(default=None, description="How it is partitioned.")

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.column is None) == (self.partition is None):
            raise ValueError("give either `column` or `partition`")
        return self

    def ask(self, now: datetime) -> Sequence[Query]:
        """Ask for the newest row, or for the partitions of the window."""
        if self.partition is None:
            assert self.column is not None
            return [LastUpdate(self.table, self.column)]
        rule = self.partition
        since, until = now - rule.window, now + STEPS[rule.grain]
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
        age = max(0.0, (now - answer.data_at).total_seconds())
        evidence = {"table": self.table, "newest": answer.data_at.isoformat()}
        yield Sample("age", age, unit=Unit.SECONDS, evidence=evidence)

    def _partitions(self, answer: PartitionList, now: datetime) -> Iterator[Measured]:
        assert self.partition is not None
        step = STEPS[self.partition.grain]
        lateness = step if self.partition.lateness is None else self.partition.lateness
        present = {self._start(part.start) for part in answer.partitions if not part.is_empty}
        expected = list(self._grid(now - self.partition.window, now - lateness))
        missing = [start for start in expected if start not in present]
        age = (now - self._after(missing[0])).total_seconds() if missing else 0.0
        newest = max(present, default=None)
        evidence = {
            "table": self.table,
            "newest": newest.isoformat() if newest else None,
            "missing": [start.isoformat() for start in missing],
            "gaps": [self._gap(run) for run in _runs(missing, expected)],
        }
        yield Sample("age", age, unit=Unit.SECONDS, evidence=evidence)
        yield Sample("missing", float(len(missing)), evidence=evidence)

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
