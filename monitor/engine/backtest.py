"""What a check would have done: its past replayed, point in time."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from monitor.api.errors import SourceError
from monitor.api.query import Partitions
from monitor.api.source import Source
from monitor.config.plan import PlannedCheck
from monitor.core.alert import Alert, Change
from monitor.core.labels import Labels
from monitor.core.model import Outcome, Tier, Verdict
from monitor.engine.remember import Remembered
from monitor.engine.replay import Looked, due_moments, replay, replay_at_once
from monitor.store.arrivals import Arrived

MOST_LOOKS = 10_000
"""Looks that one backtest takes at most; a check that is due more often is looked at less."""


@dataclass(frozen=True, slots=True)
class PastAlert:
    """One alert that would have fired: its highest tier, and the look that brought it there."""

    slice: Labels
    tier: Tier
    fired_at: datetime
    resolved_at: datetime | None
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Past:
    """The outcome of a backtest. ``stride`` says how many due looks one look stands for."""

    since: datetime
    until: datetime
    looks: int
    stride: int
    alerts: tuple[PastAlert, ...]
    outcomes: Mapping[Outcome, int]
    notes: tuple[str, ...]
    error: str = ""

    def count(self, tier: Tier) -> int:
        """Count the alerts whose highest tier this is."""
        return sum(alert.tier is tier for alert in self.alerts)


async def look_back(
    planned: PlannedCheck,
    source: Source,
    until: datetime,
    back: timedelta,
    tick: Callable[[int, int], None],
    *,
    arrivals: Callable[[Partitions], Arrived | None] | None = None,
) -> Past:
    """Replay a span of time; ``tick`` hears how many looks of how many are done.

    ``arrivals`` tells when partitions came, as far as the daemon saw it.
    """
    since = until - back
    moments, stride = due_moments(planned, since, until, MOST_LOOKS)
    column = getattr(planned.check, "time", "t")
    past = Remembered(
        name=source.name, source=source, start=since, end=until, time=column, arrivals=arrivals
    )
    story = _Story()
    try:
        at_once = await replay_at_once(planned, past, moments) if moments else None
    except (SourceError, ValueError) as error:
        return Past(since, until, 0, stride, (), {}, past.notes, str(error))
    if at_once is not None:
        for looked in at_once:
            story.take(looked)
            tick(story.looks, len(moments))
    else:
        async for looked in replay(planned, past, moments):
            story.take(looked)
            tick(story.looks, len(moments))
    return Past(
        since,
        until,
        story.looks,
        stride,
        tuple(story.alerts()),
        story.outcomes,
        past.notes,
        story.error if story.is_blind else "",
    )


class _Story:
    """Gathers what the looks came to."""

    def __init__(self) -> None:
        self.looks = 0
        self.outcomes: dict[Outcome, int] = {}
        self.error = ""
        self._open: dict[Labels, PastAlert] = {}
        self._past: list[PastAlert] = []

    def take(self, looked: Looked) -> None:
        self.looks += 1
        for verdict in looked.verdicts:
            self.outcomes[verdict.outcome] = self.outcomes.get(verdict.outcome, 0) + 1
            if verdict.outcome is Outcome.ERROR:
                self.error = verdict.reason
        for event in looked.events:
            alert = looked.alerts.get(event.slice)
            if event.change in {Change.FIRED, Change.ESCALATED} and alert is not None:
                self._rise(alert, looked.at)
            elif event.change is Change.RESOLVED and event.slice in self._open:
                ended = self._open.pop(event.slice)
                self._past.append(_ended(ended, looked.at))

    def _rise(self, alert: Alert, at: datetime) -> None:
        assert alert.tier is not None  # it fires
        assert alert.last is not None
        fired_at = alert.fired_at or at
        self._open[alert.slice] = PastAlert(alert.slice, alert.tier, fired_at, None, alert.last)

    @property
    def is_blind(self) -> bool:
        """Whether no look ever saw anything."""
        return bool(self.error) and not any(outcome.is_judged for outcome in self.outcomes)

    def alerts(self) -> list[PastAlert]:
        return sorted([*self._past, *self._open.values()], key=lambda one: one.fired_at)


def _ended(alert: PastAlert, at: datetime) -> PastAlert:
    return PastAlert(alert.slice, alert.tier, alert.fired_at, at, alert.verdict)


def plain_past(past: Past) -> dict[str, Any]:
    """Return a backtest as JSON values."""
    return {
        "since": past.since.isoformat(),
        "until": past.until.isoformat(),
        "looks": past.looks,
        "stride": past.stride,
        "paged": past.count(Tier.PAGE),
        "warned": past.count(Tier.WARN),
        "outcomes": {str(outcome): count for outcome, count in past.outcomes.items()},
        "alerts": [
            {
                "slice": dict(one.slice),
                "tier": one.tier,
                "fired_at": one.fired_at.isoformat(),
                "resolved_at": one.resolved_at.isoformat() if one.resolved_at else None,
                "measure": one.verdict.breach.sample.measure if one.verdict.breach else None,
                "value": one.verdict.breach.sample.value if one.verdict.breach else None,
                "reason": one.verdict.reason,
            }
            for one in past.alerts
        ],
        "notes": list(past.notes),
    }
