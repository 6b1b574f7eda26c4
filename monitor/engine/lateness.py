"""Whether looks begin late, or are left out, for minutes on end: then the on-call hears of it."""

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

MINUTE = timedelta(minutes=1)
KEPT_MINUTES = 5
BAD_MINUTES = 3
"""In so many of the last five minutes it must be bad: a machine that was suspended catches up."""

MOST_LATE = 0.01
"""The share of looks that may begin late: with more, the 99th percentile is past the bound."""


@dataclass
class Minute:
    """What was in one minute."""

    began_at: datetime
    looks: int = 0
    late: int = 0
    left_out: Counter[str] = field(default_factory=Counter)

    @property
    def is_late(self) -> bool:
        """Whether too many looks began late."""
        return self.late > MOST_LATE * self.looks


@dataclass
class Lateness:
    """Counts late looks, and by source those for which it had no time. Without a bound, nothing.

    Whoever drives the engine knows how late a look may begin: no earlier than the next tick.
    """

    bound: timedelta | None = None
    _minutes: deque[Minute] = field(default_factory=lambda: deque(maxlen=KEPT_MINUTES))

    def began(self, looks: int, late_by: timedelta, now: datetime) -> None:
        """Note looks."""
        minute = self._minute(now)
        minute.looks += looks
        if self.bound is not None and late_by > self.bound:
            minute.late += looks

    def left_out(self, source: str, now: datetime) -> None:
        """Note a look for which its source had no time."""
        self._minute(now).left_out[source] += 1

    def _minute(self, now: datetime) -> Minute:
        if not self._minutes or not timedelta(0) <= now - self._minutes[-1].began_at < MINUTE:
            self._minutes.append(Minute(now))
        return self._minutes[-1]

    def complaints(self, now: datetime) -> Iterator[str]:
        """Say what is wrong, and what can be done."""
        lately = [one for one in self._minutes if now - one.began_at <= KEPT_MINUTES * MINUTE]
        if self.bound is None or not lately:
            return
        if sum(one.is_late for one in lately) >= BAD_MINUTES:
            share = sum(one.late for one in lately) / sum(one.looks for one in lately)
            seconds = self.bound.total_seconds()
            yield (
                f"{share:.0%} of all looks begin more than {seconds:g} s late: "
                "the machine is too slow for so many checks, or something blocks it"
            )
        for source in sorted({name for one in lately for name in one.left_out}):
            counts = [one.left_out[source] for one in lately if one.left_out[source]]
            if len(counts) >= BAD_MINUTES:
                yield (
                    f"{sum(counts)} looks were left out in five minutes, because {source} does not "
                    "answer as fast as it is asked: raise its `max_concurrency`, or `every` of its "
                    "checks"
                )
