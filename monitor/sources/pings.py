"""The pings that jobs send to this daemon, as a source like any other."""

from datetime import datetime
from typing import ClassVar, Protocol, runtime_checkable

from pydantic import SkipValidation

from monitor.api import Answer, Asking, BlockingSource, Query, Run, RunList, Runs, SourceError

PINGS = "pings"
"""The name of the source; every plan has it, no file mentions it."""


@runtime_checkable
class PingJournal(Protocol):
    """Where pings are kept."""

    def runs(self, check: str, since: datetime) -> tuple[Run, ...]:
        """Return the runs that the pings tell of, oldest first."""

    def known_since(self, check: str) -> datetime | None:
        """Return the first ping ever."""


class Pings(BlockingSource, type=PINGS):
    """Answer from the store of the daemon itself."""

    answers: ClassVar = frozenset({Runs})

    journal: SkipValidation[PingJournal]

    def ask_blocking(self, query: Query, asking: Asking) -> Answer:
        """Return the runs of a job since a moment; empty when it never pinged."""
        if not isinstance(query, Runs):
            raise SourceError("query", f"pings cannot answer {type(query).__name__}")
        runs = self.journal.runs(query.pipeline, query.since)
        ends = [run.ended_at or run.started_at for run in runs]
        return RunList(
            observed_at=asking.now,
            data_at=ends[-1] if ends else None,
            runs=runs,
            known_since=self.journal.known_since(query.pipeline),
        )
