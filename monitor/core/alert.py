"""The state of one slice of one check over time."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from monitor.core.labels import Labels
from monitor.core.model import Outcome, Tier, Verdict

AlertKey: TypeAlias = tuple[str, Labels]
"""The check and the slice: at most one alert is open for each."""


class AlertState(StrEnum):
    """Where an alert is in its life."""

    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"


class Change(StrEnum):
    """What happened to an alert; the reason why somebody may be told."""

    PENDING = "pending"
    DROPPED = "dropped"
    FIRED = "fired"
    ESCALATED = "escalated"
    EASED = "eased"
    RESOLVED = "resolved"
    FOLDED = "folded"
    UNFOLDED = "unfolded"


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert, open (pending or firing) or resolved.

    ``bad_since`` and ``page_since`` are the first looks of the running streak of breaches (of any
    tier, of tier page); ``recent`` holds the tiers of the last looks, newest last, None for good
    ones, as long as the longest window needs. ``last`` is the newest verdict that said something.
    ``blind_runs`` counts looks in a row that saw nothing.
    """

    check: str
    slice: Labels
    state: AlertState
    opened_at: datetime
    tier: Tier | None = None
    fired_at: datetime | None = None
    resolved_at: datetime | None = None
    bad_since: datetime | None = None
    page_since: datetime | None = None
    recent: tuple[Tier | None, ...] = ()
    blind_runs: int = 0
    blind_as: Outcome | None = None
    incident: str | None = None
    last: Verdict | None = None

    @property
    def key(self) -> AlertKey:
        """The check and the slice."""
        return (self.check, self.slice)

    @property
    def is_open(self) -> bool:
        """Whether the alert is pending or firing."""
        return self.state is not AlertState.RESOLVED


@dataclass(frozen=True, slots=True)
class AlertEvent:
    """One line of the history of an alert; append-only."""

    at: datetime
    check: str
    slice: Labels
    change: Change
    tier: Tier | None
    reason: str
    incident: str | None = None
