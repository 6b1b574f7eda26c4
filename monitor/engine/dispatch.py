"""Dispatch: every slot that is due becomes a look, or a finding that says why there is none."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

from monitor.config.plan import Plan, PlannedCheck
from monitor.core.advance import Finding
from monitor.engine.batches import Apart, Asked, gather
from monitor.engine.bulkheads import Bulkheads
from monitor.engine.clock import Clock
from monitor.engine.ledger import Ledger
from monitor.engine.look import Looker, skipped, spare, unasked
from monitor.engine.metrics import Metrics
from monitor.engine.schedule import Calendar, Due
from monitor.engine.shedding import why_spared
from monitor.engine.together import Batching

SLEEP = timedelta(seconds=10)
"""Without a look for longer the daemon slept."""

MOST_REQUESTS = 20_000
"""Under way or waiting for a turn, some 6 kB each: with more, sources or machine do not keep up."""


class Dispatch:
    """Knows what is due and who looks now.

    ``found`` takes what was found; ``landed`` hears when looks are over.
    """

    def __init__(
        self,
        clock: Clock,
        metrics: Metrics,
        found: Callable[[Iterable[Finding]], None],
        landed: Callable[[], None],
    ) -> None:
        """Start with nothing due; ``use`` brings a plan."""
        self.calendar = Calendar()
        self.ledger = Ledger()
        self.looks: dict[str, asyncio.Task[None]] = {}
        self._requests = 0
        self._ticked_at: datetime | None = None
        self._clock, self._metrics, self._found, self._landed = clock, metrics, found, landed

    def use(self, plan: Plan, bulkheads: Bulkheads) -> None:
        """Look from now on by this plan; looks under way end by the one of before."""
        self._plan, self._bulkheads = plan, bulkheads
        self._apart = Apart()

    def until_due(self) -> timedelta | None:
        """Return how long it is until the next look is due, less than nothing when it is late."""
        at = self.calendar.next_at()
        return None if at is None else at - self._clock.now()

    def look(self) -> bool:
        """Between two ticks, start what is due by now; False where that is for the next tick.

        What a clock does, and that somebody slept, is for ticks to know.
        """
        now = self._clock.now()
        if self._ticked_at is None or not timedelta(0) <= now - self._ticked_at <= SLEEP:
            return False
        self.tick(now)
        return True

    def pause(self) -> None:
        """Start nothing until the next tick."""
        self._ticked_at = None

    def tick(self, now: datetime) -> None:
        """Start every look that is due."""
        self._ticked_at = now
        recovered = self._bulkheads.breakers.take_closed()
        if recovered:
            self.calendar.hasten(recovered, now)
        lookers = [one for due in self.calendar.due(now) for one in self._admit(due, now)]
        for batch in self._fitting(gather(lookers, now, self._bulkheads, self._apart), now):
            checks = {one.planned.id: one.planned.kind for asked in batch for one in asked.lookers}
            self._requests += 1
            asking = Batching(
                now, self._bulkheads, self._apart, partial(self._take, self._plan, checks)
            )
            task = asyncio.create_task(asking.look(batch))
            self.looks.update(dict.fromkeys(checks, task))
            task.add_done_callback(partial(self._over, batch[0].source, checks))

    def _admit(self, due: Due, now: datetime) -> list[Looker]:
        """Let checks look; of those that do not, that is what is found."""
        for at in due.missed:
            self.ledger.opened(due.checks, at)
            self._found(skipped(one, at, now, "the monitor was late") for one in due.checks)
        self.ledger.opened(due.checks, due.at)
        lookers: list[Looker] = []
        is_quiet = not self._bulkheads.spared and not self._bulkheads.breakers.of
        for check in due.checks:
            if is_quiet and check not in self.looks:  # as nearly always
                lookers.append(Looker(self._plan.checks[check], due.at))
                continue
            left_out = self._left_out(check, due.at, now)
            if left_out is None:
                lookers.append(Looker(self._plan.checks[check], due.at))
            else:
                self._found([left_out])
        late_by = now - due.at
        self._bulkheads.lateness.began(len(lookers), late_by, now)
        self._metrics.lateness.observe_many(max(0.0, late_by.total_seconds()), len(lookers))
        return lookers

    def _left_out(self, check: str, at: datetime, now: datetime) -> Finding | None:
        """Return what is found of a check that may not look now; None of one that may."""
        if check in self.looks:
            return skipped(check, at, now, "the last look is not over")
        planned = self._plan.checks[check]
        why = why_spared(planned, self._bulkheads.spared)
        if why is not None:
            return spare(planned, at, now, why, self._bulkheads)
        why = self._refusal(planned, now)
        return None if why is None else unasked(planned, at, now, why, self._bulkheads)

    def _refusal(self, planned: PlannedCheck, now: datetime) -> str | None:
        """Return why the breaker of its source keeps a check from asking; None when it may."""
        if planned.critical or planned.id in self._bulkheads.watching.get(planned.source, ()):
            return None
        return self._bulkheads.breakers.admit(planned.source, planned.id, now)

    def _fitting(self, batches: list[list[Asked]], now: datetime) -> list[list[Asked]]:
        """Leave out what there is no room for, last what may page somebody."""
        room = max(0, MOST_REQUESTS - self._requests)
        if len(batches) <= room:
            return batches
        reason = f"not asked: {self._requests} requests wait for their sources already"
        batches = sorted(batches, key=_is_urgent, reverse=True)
        for batch in batches[room:]:
            source, lookers = batch[0].source, [one for asked in batch for one in asked.lookers]
            for one in lookers:
                self._found([skipped(one.planned.id, one.due_at, now, reason)])
                self._bulkheads.lateness.left_out(source, now)
            self._bulkheads.breakers.over(source, [one.planned.id for one in lookers])
        return batches[:room]

    def _take(self, plan: Plan, kinds: Mapping[str, str], findings: Sequence[Finding]) -> None:
        """Hand over what was found; of checks that were removed meanwhile, only that.

        ``plan`` is the one by which they looked, ``kinds`` are those of the checks, by their id.
        """
        removed = set() if plan is self._plan else kinds.keys() - self._plan.checks.keys()
        if removed:
            now, reason = self._clock.now(), "the check was removed while it looked"
            findings = [
                skipped(one.check, one.due_at, now, reason) if one.check in removed else one
                for one in findings
            ]
        counts = Counter(
            (kinds.get(one.check, "source"), verdict.outcome)
            for one in findings
            for verdict in one.verdicts
        )
        for (kind, outcome), count in counts.items():
            self._metrics.found(kind, outcome, count)
        self._found(findings)

    def _over(self, source: str, checks: Iterable[str], _task: "asyncio.Task[None]") -> None:
        self._requests -= 1
        self._bulkheads.breakers.over(source, checks)
        for check in checks:
            self.looks.pop(check, None)
        self._landed()


def _is_urgent(batch: Iterable[Asked]) -> bool:
    return any(one.planned.is_urgent for asked in batch for one in asked.lookers)
