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
    RECOVERING = "recovering"
    FLAPPING = "flapping"
    RESOLVED = "resolved"

    @property
    def is_firing(self) -> bool:
        """Whether people see it as a fault: also while it recovers or flaps."""
        return self in {AlertState.FIRING, AlertState.RECOVERING, AlertState.FLAPPING}


class Change(StrEnum):
    """What happened to an alert; the reason why somebody may be told."""

    PENDING = "pending"
    DROPPED = "dropped"
    FIRED = "fired"
    ESCALATED = "escalated"
    EASED = "eased"
    RECOVERING = "recovering"
    RELAPSED = "relapsed"
    FLAPPING = "flapping"
    STEADIED = "steadied"
    RESOLVED = "resolved"
    FOLDED = "folded"
    UNFOLDED = "unfolded"
    ADOPTED = "adopted"
    RELEASED = "released"


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert, open (pending or firing) or resolved.

    ``bad_since`` and ``page_since`` are the first looks of the running streak of breaches (of any
    tier, of tier page); ``recent`` holds the tiers of the last looks, newest last, None for good
    ones, as long as the longest window needs. ``last`` is the newest verdict that said something.
    ``blind_runs`` counts looks in a row that saw nothing. ``good_since`` is the first good look of
    one that recovers; ``fires`` are the moments at which the slice fired lately, earlier lives
    included, and ``turned_at`` is when one that flaps last went from good to bad or back.
    ``alone`` counts the bad looks since the cause it was folded under was gone, the first of
    them at ``alone_since``.
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
    good_since: datetime | None = None
    fires: tuple[datetime, ...] = ()
    turned_at: datetime | None = None
    alone: int = 0
    alone_since: datetime | None = None

    @property
    def key(self) -> AlertKey:
        """The check and the slice."""
        return (self.check, self.slice)

    @property
    def is_open(self) -> bool:
        """Whether the alert is anything but resolved."""
        return self.state is not AlertState.RESOLVED

    @property
    def is_blind(self) -> bool:
        """Whether it is open for nothing but that nothing was seen."""
        is_unjudged = self.state is AlertState.PENDING and self.bad_since is None
        return self.is_open and (self.blind_as is not None or is_unjudged)


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
