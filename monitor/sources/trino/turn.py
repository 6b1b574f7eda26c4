"""One question's turn: its deadline, counted from when it was asked, and who is cut off with it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from time import monotonic

from monitor.api import Asking


@dataclass(frozen=True, slots=True)
class Turn(Asking):
    """An asking with its deadline, counted from when it was asked, not from when it began."""

    ends: float = 0.0
    given_up: threading.Event = field(default_factory=threading.Event)
    _cuts: list[Callable[[], None]] = field(default_factory=list)

    @property
    def left(self) -> float:
        """Seconds until the deadline; 0 when it passed or when nobody waits any more."""
        return 0.0 if self.given_up.is_set() else max(0.0, self.ends - monotonic())

    @property
    def seconds(self) -> float:
        """Seconds that were allowed at first."""
        return self.timeout.total_seconds()

    def give_up(self) -> None:
        """Say that nobody waits any more: whatever is under way ends now."""
        self.given_up.set()
        for cut in list(self._cuts):
            cut()

    def pause(self, seconds: float) -> bool:
        """Wait before the next try; False, without waiting, when the turn would end meanwhile."""
        return self.left > seconds and not self.given_up.wait(seconds)

    @contextmanager
    def watched(self, cut: Callable[[], None]) -> Iterator[None]:
        """Call ``cut``, from another thread, when the turn ends before the block does."""
        timer = threading.Timer(self.left, cut)
        timer.daemon = True
        self._cuts.append(cut)
        timer.start()
        try:
            if self.given_up.is_set():
                cut()
            yield
        finally:
            timer.cancel()
            self._cuts.remove(cut)
            timer.join()


def turn_of(asking: Asking) -> Turn:
    """Start the clock of an asking; one that is started already goes on."""
    if isinstance(asking, Turn):
        return asking
    ends = monotonic() + asking.timeout.total_seconds()
    who = (asking.now, asking.timeout, asking.check, asking.team)
    return Turn(*who, ends, urgent=asking.urgent, askers=asking.askers)


def shorter(turn: Turn, seconds: float) -> Turn:
    """Return a part of a turn: it ends after so many seconds, or with the whole."""
    ends = min(turn.ends, monotonic() + seconds)
    return replace(turn, ends=ends, timeout=min(turn.timeout, timedelta(seconds=seconds)))
