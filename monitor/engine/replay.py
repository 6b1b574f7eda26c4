"""Looks at many moments through the code that looks for real; nothing is stored or told."""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.api.check import Check
from monitor.api.source import Asking, Source
from monitor.config.plan import PlannedCheck
from monitor.core.alert import Alert, AlertEvent
from monitor.core.judge import judge
from monitor.core.labels import Labels
from monitor.core.lifecycle import step
from monitor.core.model import Outcome, Verdict
from monitor.engine.beats import beats_of
from monitor.engine.bulkheads import Bulkheads
from monitor.engine.look import look
from monitor.engine.metrics import Metrics
from monitor.engine.schedule import next_due

LONG = timedelta(minutes=5)
"""How long asking for a whole history may take."""


@dataclass(frozen=True, slots=True)
class Looked:
    """One look: the verdicts, what happened to alerts by it, and all alerts after it."""

    at: datetime
    verdicts: tuple[Verdict, ...]
    events: tuple[AlertEvent, ...]
    alerts: Mapping[Labels, Alert]


def due_moments(
    planned: PlannedCheck, since: datetime, until: datetime, most: int
) -> tuple[list[datetime], int]:
    """Return the moments at which a check is due, and how many of them one stands for.

    More than ``most`` are thinned evenly.
    """
    found = list(_due(planned, since, until))
    stride = -(-len(found) // most) if found else 1
    return found[::stride], stride


def _due(planned: PlannedCheck, since: datetime, until: datetime) -> Iterator[datetime]:
    phase = beats_of({planned.id: planned})[planned.id].phase
    at = since - timedelta(microseconds=1)
    while (at := next_due(planned.schedule, phase, at)) <= until:
        yield at


async def replay(
    planned: PlannedCheck, source: Source, moments: Iterable[datetime]
) -> AsyncIterator[Looked]:
    """Look at each moment, oldest first; alerts live on from look to look."""
    bulkheads = Bulkheads({planned.source: source}, Metrics())
    lives = Lives(planned)
    for at in moments:
        found = await look(planned, at, at, bulkheads)
        (finding,) = [one for one in found if one.check == planned.id]
        yield lives.take(at, finding.verdicts)


async def replay_at_once(
    planned: PlannedCheck, source: Source, moments: Sequence[datetime]
) -> Iterator[Looked] | None:
    """Look at all moments with one asking; None where the kind must look at each by itself.

    Raise SourceError, or ValueError for an answer that cannot be read.
    """
    if type(planned.check).remeasure is Check.remeasure:
        return None
    asking = Asking(moments[-1], LONG, planned.id, planned.team)
    answers = [await source.ask(query, asking) for query in planned.check.ask(moments[0])]
    measured = planned.check.remeasure(answers, moments)
    if measured is None:
        return None
    lives = Lives(planned)
    return (
        lives.take(at, judge(planned.id, samples, planned.tiers, at))
        for at, samples in zip(moments, measured, strict=True)
    )


class Lives:
    """The alerts of one check, from look to look."""

    def __init__(self, planned: PlannedCheck) -> None:
        """Start without any."""
        self._planned = planned
        self._alerts: dict[Labels, Alert] = {}

    def take(self, at: datetime, found: tuple[Verdict, ...]) -> Looked:
        """Take every alert through the verdicts of one look."""
        verdicts = (*found, *_silent(found, self._alerts))
        events: list[AlertEvent] = []
        rules, keep = self._planned.tiers, self._planned.keep_firing_for
        for verdict in verdicts:
            alert, happened = step(self._alerts.get(verdict.slice), verdict, rules, keep)
            events.extend(happened)
            if alert is None:
                self._alerts.pop(verdict.slice, None)
            else:
                self._alerts[verdict.slice] = alert
        return Looked(at, verdicts, tuple(events), dict(self._alerts))


def _silent(verdicts: tuple[Verdict, ...], alerts: Mapping[Labels, Alert]) -> Iterator[Verdict]:
    """Go through the open slices that the answer says nothing about: no data, as in the daemon."""
    seen, first = {verdict.slice for verdict in verdicts}, verdicts[0]
    for labels, alert in alerts.items():
        if alert.is_open and labels not in seen:
            outcome = Outcome.NO_DATA if first.outcome.is_judged else first.outcome
            reason = first.reason or "the slice is no longer in the answer"
            yield Verdict(first.check, labels, first.at, outcome, reason=reason)
