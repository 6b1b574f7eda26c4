"""Runs of slots: looks of one check that ended alike, at even distances, told as one."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from monitor.core.model import Outcome
from monitor.core.state import Slot


@dataclass(frozen=True, slots=True)
class SlotRun:
    """``count`` slots from ``first_at`` to ``last_at``; ``ended_at`` is when the last one ended."""

    check: str
    first_at: datetime
    last_at: datetime
    count: int
    outcome: Outcome
    reason: str
    ended_at: datetime

    @property
    def step(self) -> timedelta:
        """The distance between two slots; nothing for a single one."""
        return (self.last_at - self.first_at) / max(1, self.count - 1)

    def within(self, since: datetime, until: datetime) -> "SlotRun | None":
        """Return the part that was due in [since, until); None when there is none.

        Of a part without the last slot, the last one is taken to have ended as late as that one.
        """
        if self.count == 1:
            return self if since <= self.first_at < until else None
        start, end = (min(max(0, self._before(at)), self.count) for at in (since, until))
        if start >= end:
            return None
        last_at = self.first_at + self.step * (end - 1)
        return replace(
            self,
            first_at=self.first_at + self.step * start,
            last_at=last_at,
            count=end - start,
            ended_at=last_at + (self.ended_at - self.last_at),
        )

    def _before(self, at: datetime) -> int:
        """Return how many slots a run without an end would have before a moment."""
        return -((self.first_at - at) // self.step)

    @property
    def last(self) -> Slot:
        """The last slot."""
        return self._slot(self.count - 1)

    def slots(self) -> Iterator[Slot]:
        """Give every slot, oldest first."""
        return map(self._slot, range(self.count))

    def newest_first(self) -> Iterator[Slot]:
        """Give every slot, newest first."""
        return map(self._slot, range(self.count - 1, -1, -1))

    def _slot(self, number: int) -> Slot:
        at = self.first_at + self.step * number
        ended_at = at + (self.ended_at - self.last_at)
        return Slot(self.check, at, ended_at, self.outcome, self.reason)


def runs_of(slots: Iterable[Slot], before: Iterable[SlotRun] = ()) -> list[SlotRun]:
    """Gather the slots of one check, oldest first, into as few runs as keep every due time.

    They may go on where the last run of ``before`` ends.
    """
    runs = list(before)
    for slot in slots:
        run = runs[-1] if runs else None
        if run is not None and _goes_on(run, slot):
            runs[-1] = replace(
                run, last_at=slot.due_at, count=run.count + 1, ended_at=slot.ended_at
            )
        else:
            runs.append(
                SlotRun(
                    slot.check,
                    slot.due_at,
                    slot.due_at,
                    1,
                    slot.outcome,
                    slot.reason,
                    slot.ended_at,
                )
            )
    return runs


def _goes_on(run: SlotRun, slot: Slot) -> bool:
    if (run.outcome, run.reason) != (slot.outcome, slot.reason):
        return False
    if slot.due_at <= run.last_at:  # the clock was set back
        return False
    return run.count == 1 or slot.due_at - run.last_at == run.step
