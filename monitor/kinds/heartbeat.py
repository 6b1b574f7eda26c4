"""A job tells that it ran, by pings."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Self
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from pydantic import Field, model_validator

from monitor.api import (
    Answer,
    Check,
    Direction,
    Duration,
    Measure,
    Measured,
    NotYet,
    Query,
    Run,
    RunList,
    Runs,
    Sample,
    Unit,
)

LOOK_BACK = timedelta(days=40)
"""Longer than a month, so that a monthly job has its last run in view."""


class Heartbeat(Check, kind="heartbeat"):
    """Watch a job that pings `/api/v1/ping/<id>[/start|/fail|/<exit status>]`.

    ```yaml
    train-ctr:
      kind: heartbeat
      cron: "0 3 * * *"
      warn: {late: 30m, failed: 1}
      page: {late: 4h, failed: 3}
    ```

    `late` is the time since the job was due and has not succeeded, `failed` the failed runs in a
    row, `running` how long the newest run has been under way.
    """

    measures: ClassVar[Mapping[str, Measure]] = {
        "late": Measure(Direction.ABOVE, Unit.SECONDS, "how long the job is overdue"),
        "failed": Measure(Direction.ABOVE, Unit.NUMBER, "failed runs in a row"),
        "running": Measure(Direction.ABOVE, Unit.SECONDS, "how long the newest run takes"),
    }
    default_every: ClassVar[timedelta] = timedelta(minutes=1)
    default_source: ClassVar[str | None] = "pings"
    tells_of_missing_data: ClassVar[bool] = True

    cron: str | None = Field(default=None, description="When the job is due, in the check's zone.")
    period: Duration | None = Field(default=None, description="How often it runs at least.")

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.cron is None) == (self.period is None):
            raise ValueError("give either `cron` or `period`, when the job is due")
        if self.cron is not None:
            try:
                CronSim(self.cron, datetime(2026, 1, 1, tzinfo=UTC))
            except CronSimError as error:
                raise ValueError(f"'{self.cron}' is no cron expression: {error}") from error
        return self

    def ask(self, now: datetime) -> Sequence[Query]:
        """Ask for the runs of the last weeks."""
        return [Runs(self.id, now - LOOK_BACK)]

    def measure(self, answers: Sequence[Answer], now: datetime) -> Iterable[Measured]:
        """Measure lateness and failures; a job that never pinged is waited for."""
        (answer,) = answers
        assert isinstance(answer, RunList)
        if answer.known_since is None:
            yield NotYet("the job has never pinged")
            return
        evidence = {"runs": [_short(run) for run in answer.runs[-3:]]}
        good = [r.ended_at for r in answer.runs if r.state == "succeeded" and r.ended_at]
        due_at = self._due(now, max(good, default=None), answer.known_since)
        late = max(0.0, (now - due_at).total_seconds()) if due_at else 0.0
        yield Sample("late", late, unit=Unit.SECONDS, evidence=evidence)
        yield Sample("failed", float(_failed_in_a_row(answer.runs)), evidence=evidence)
        newest = answer.runs[-1] if answer.runs else None
        if newest is not None and newest.state == "running" and newest.started_at is not None:
            seconds = (now - newest.started_at).total_seconds()
            yield Sample("running", seconds, unit=Unit.SECONDS, evidence=evidence)

    def _due(
        self, now: datetime, succeeded_at: datetime | None, known_since: datetime
    ) -> datetime | None:
        """Return since when a success is owed; None when none is."""
        since = succeeded_at or known_since
        if self.period is not None:
            due_at = since + self.period
        else:
            assert self.cron is not None
            local = since.astimezone(ZoneInfo(self.timezone))
            due_at = next(CronSim(self.cron, local)).astimezone(UTC)
        return due_at if due_at <= now else None


def _failed_in_a_row(runs: Sequence[Run]) -> int:
    count = 0
    for run in reversed(runs):
        if run.state == "succeeded":
            break
        count += run.state == "failed"
    return count


def _short(run: Run) -> dict[str, object]:
    at = run.ended_at or run.started_at
    return {
        "state": run.state,
        "exit_status": run.exit_status,
        "at": at.isoformat() if at else None,
    }
