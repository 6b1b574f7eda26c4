"""How often one place takes messages: two receivers may send to one channel."""

from dataclasses import dataclass
from datetime import datetime


@dataclass
class Pace:
    """A bucket of tokens: a message takes one, ``rate`` of them come back in a second.

    A place that takes one in a second counts from the end of a send: what travels for long would
    else arrive together with the next. One that is in a hurry goes on credit, one token at most.
    """

    rate: float
    _tokens: float = 1.0
    _filled_at: datetime | None = None
    _under_way: int = 0

    @property
    def _is_strict(self) -> bool:
        return self.rate <= 1.0

    def has(self, now: datetime, *, on_credit: bool = False) -> bool:
        """Say whether a message may go."""
        if self._is_strict and self._under_way:
            return False
        self._fill(now)
        return self._tokens >= (0.0 if on_credit else 1.0)

    def spend(self) -> None:
        """Take the token of a message that goes."""
        self._tokens -= 1
        self._under_way += 1

    def ended(self, now: datetime) -> None:
        """Note that a message has arrived, or not."""
        self._under_way -= 1
        if self._is_strict:
            self._fill(now)
            self._tokens = min(self._tokens, 0.0)

    def give_back(self) -> None:
        """Note that what went was no message."""
        self._tokens += 1

    def rewind(self) -> None:
        """Wait for nothing: the clock was set back."""
        self._filled_at = None

    def _fill(self, now: datetime) -> None:
        passed = (now - (self._filled_at or now)).total_seconds()
        self._tokens = min(max(1.0, self.rate), self._tokens + max(0.0, passed) * self.rate)
        self._filled_at = now
