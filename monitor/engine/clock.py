"""The only place that reads the time."""

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What tells the time: aware, UTC."""

    def now(self) -> datetime:
        """Return the present moment."""


class SystemClock:
    """The clock of the machine."""

    def now(self) -> datetime:
        """Return the present moment, in UTC."""
        return datetime.now(UTC)  # noqa: TID251  # the one clock read of the program


class VirtualClock:
    """A clock that stands still until it is moved: for the demo, simulations and tests."""

    def __init__(self, at: datetime) -> None:
        """Start at a moment."""
        self._at = at

    def now(self) -> datetime:
        """Return the moment that was set last."""
        return self._at

    def advance(self, by: timedelta) -> datetime:
        """Move on, never back; return the new moment."""
        self._at += max(by, timedelta(0))
        return self._at
