"""The folded story of a window for one audience."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from monitor.core.incident import IncidentView
from monitor.core.labels import Labels
from monitor.core.model import Outcome, Unit


class Mood(StrEnum):
    """The first word of a digest. ``all_clear`` needs every check to have run."""

    ALL_CLEAR = "all_clear"
    CLEAR_FOR_WHAT_RAN = "clear_for_what_ran"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Blind:
    """A span in which the monitor itself did not look."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class NotRun:
    """A check that could not be judged, and why."""

    check: str
    maintainer: str
    outcome: Outcome
    reason: str


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of what was due in the window was really looked at."""

    due: int
    ran: int
    not_run: tuple[NotRun, ...] = ()
    blind: tuple[Blind, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether every check ran and the monitor was never blind."""
        return self.due > 0 and self.ran == self.due and not self.not_run and not self.blind


@dataclass(frozen=True, slots=True)
class MetricCell:
    """The newest judged value of one metric in one slice.

    ``change`` is value / expected - 1, or None where nothing was expected; ``note`` says why a
    cell has no verdict.
    """

    metric: str
    slice: Labels
    outcome: Outcome
    value: float | None = None
    expected: float | None = None
    change: float | None = None
    unit: Unit = Unit.NUMBER
    at: datetime | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class OwnerCount:
    """How many incidents one maintainer had in the window, and how many of them still are open."""

    maintainer: str
    fired: int
    still_open: int


@dataclass(frozen=True, slots=True)
class Digest:
    """What one audience reads: verdict line first, then what to do, then what was."""

    name: str
    audience: str
    since: datetime
    until: datetime
    timezone: str
    mood: Mood
    coverage: Coverage
    open: tuple[IncidentView, ...] = ()
    overnight: tuple[IncidentView, ...] = ()
    owners: tuple[OwnerCount, ...] = ()
    metrics: tuple[MetricCell, ...] = ()
    unowned: tuple[str, ...] = ()
    revision: str = ""
    next_at: datetime | None = None
