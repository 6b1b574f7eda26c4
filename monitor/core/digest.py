"""The folded story of a window for one audience."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar

from monitor.core.incident import IncidentView
from monitor.core.labels import Labels
from monitor.core.model import Outcome, Unit
from monitor.core.series import Series
from monitor.core.whole import INFINITE_AS_TEXT


class Mood(StrEnum):
    """The first word of a digest: ``all_clear`` when every check ran, ``blind`` when none did."""

    ALL_CLEAR = "all_clear"
    CLEAR_FOR_WHAT_RAN = "clear_for_what_ran"
    BLIND = "blind"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Blind:
    """A span in which the monitor itself did not look."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class NotRun:
    """A check that could not be judged, and why; for all of the window, or from when to when."""

    check: str
    maintainer: str
    outcome: Outcome
    reason: str
    start: datetime | None = None
    end: datetime | None = None


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
    cell has no verdict. One that ``is_outside`` is beyond its band on the bad side: where it is no
    alert, another slice carries it.
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
    is_outside: bool = False


@dataclass(frozen=True, slots=True)
class ExperimentLine:
    """One experiment: what its check says, and how long it still runs."""

    experiment: str
    check: str
    outcome: Outcome
    says: str
    days_left: float | None = None

    @property
    def is_red(self) -> bool:
        """Whether a guardrail or its split is broken."""
        return self.outcome in {Outcome.WARN, Outcome.PAGE}


@dataclass(frozen=True, slots=True)
class OwnerCount:
    """How many incidents one maintainer had in the window, and how many of them still are open.

    ``receivers`` took a message about them.
    """

    maintainer: str
    fired: int
    still_open: int
    receivers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NightLine:
    """How one measure of a cluster or service went: typical (median), p95, the worst moment.

    ``holders`` are those who held the cluster at its worst, as texts.
    """

    __pydantic_config__: ClassVar = INFINITE_AS_TEXT

    check: str
    resource: str | None
    slice: Labels
    measure: str
    unit: Unit
    typical: float
    p95: float
    worst: float
    worst_at: datetime
    holders: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Noisy:
    """A check that fired often in the last week, and the change that would have helped.

    ``short`` fired and was over within ten minutes; ``acked`` were acknowledged. ``before`` and
    ``after`` are lines of YAML.
    """

    check: str
    maintainer: str
    fired: int
    short: int
    acked: int
    before: str
    after: str
    would_have: int


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """An alert that is open in another system."""

    source: str
    title: str
    since: datetime | None = None
    owner: str | None = None
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Unavailable:
    """A section that could not be made in time, and why."""

    section: str
    reason: str


@dataclass(frozen=True, slots=True)
class Week:
    """A week in numbers. ``None`` where nothing can be said.

    ``to_ack`` and ``to_resolve`` are medians; ``coverage`` holds each digest's moment, checks that
    ran and checks that were due.
    """

    fired: int
    pages: int
    short: int
    to_ack: timedelta | None
    to_resolve: timedelta | None
    fired_before: int | None
    coverage: tuple[tuple[datetime, int, int], ...] = ()


class Edition(StrEnum):
    """What a digest tells: all of it, only what changed since the last one, or the week."""

    FULL = "full"
    CHANGES = "changes"
    REVIEW = "review"


@dataclass(frozen=True, slots=True)
class Digest:
    """What one audience reads: verdict line first, then what to do, then what was.

    ``audience`` is ``on_call`` or a maintainer. ``unchanged`` are open incidents that the last
    digest told of, in an edition of changes. ``late_by`` is how long after its moment it was made.
    ``ending`` are silences that end within a day, as texts.
    """

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
    edition: Edition = Edition.FULL
    unchanged: tuple[IncidentView, ...] = ()
    experiments: tuple[ExperimentLine, ...] = ()
    night: tuple[NightLine, ...] = ()
    noisy: tuple[Noisy, ...] = ()
    elsewhere: tuple[Elsewhere, ...] = ()
    charts: tuple[Series, ...] = ()
    unavailable: tuple[Unavailable, ...] = ()
    undelivered: tuple[str, ...] = ()
    week: Week | None = None
    pages_sent: int = 0
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    revision_before: str = ""
    late_by: timedelta = timedelta(0)
    ending: tuple[str, ...] = ()

    @property
    def is_quiet(self) -> bool:
        """Whether one line says it all."""
        return self.mood is Mood.ALL_CLEAR and not (
            self.overnight
            or self.elsewhere
            or self.unavailable
            or self.undelivered
            or self.unowned
            or self.noisy
            or self.week
            or self.ending
            or any(cell.outcome is not Outcome.OK for cell in self.metrics)
            or any(line.is_red for line in self.experiments)
        )
