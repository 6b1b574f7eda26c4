"""``tests:`` of checks: rows from a file and a moment, and what they must lead to."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.config.plan import CheckTest, PlannedCheck
from monitor.core.alert import Alert, AlertState
from monitor.core.judge import worst
from monitor.core.labels import Labels
from monitor.core.model import Verdict
from monitor.engine.replay import Looked, due_moments, replay
from monitor.testing.fixture import Fixture

MOST_LOOKS = 300


@dataclass(frozen=True, slots=True)
class Tried:
    """What a test led to; ``verdict`` decided it, None where there was no such slice."""

    check: str
    test: CheckTest
    got: str
    verdict: Verdict | None

    @property
    def is_right(self) -> bool:
        """Whether it led to what it should."""
        return self.got == self.test.expect


async def try_out(planned: PlannedCheck, test: CheckTest) -> Tried:
    """Look as often before the moment as ``for`` needs to hold, and once at it."""
    try:
        source = Fixture(name=planned.source, path=test.rows)
    except (OSError, UnicodeDecodeError, ValueError) as error:
        return Tried(planned.id, test, f"no rows: {error}", None)
    last: Looked | None = None
    async for looked in replay(planned, source, _moments(planned, test.at)):
        last = looked
    assert last is not None  # the moment of the test itself is always looked at
    fitting = [one for one in last.verdicts if _fits(one.slice, test.slice)]
    if not fitting:
        return Tried(planned.id, test, "no such slice", None)
    verdict = worst(fitting)
    return Tried(planned.id, test, _came_to(verdict, last.alerts.get(verdict.slice)), verdict)


def _moments(planned: PlannedCheck, at: datetime) -> list[datetime]:
    """Return the due moments that the longest ``for`` looks back on, and the moment itself."""
    window = max((rule.hold.window for rule in planned.tiers), default=1)
    span = max((rule.hold.duration for rule in planned.tiers), default=timedelta(0))
    every = planned.schedule.every
    if every is not None:
        count = min(max(window - 1, -(-span // every)), MOST_LOOKS)
        return [at - every * back for back in range(count, -1, -1)]
    before, _ = due_moments(planned, at - span - timedelta(days=8), at, MOST_LOOKS * 40)
    held = [moment for moment in before if moment < at and moment >= at - span - timedelta(days=1)]
    return [*(held[-max(window - 1, 0) :] if window > 1 else held[-MOST_LOOKS:]), at]


def _fits(labels: Labels, wanted: Labels) -> bool:
    return set(wanted) <= set(labels)


def _came_to(verdict: Verdict, alert: Alert | None) -> str:
    """Return the tier of an alert that fires, ``pending`` for a breach not held, or the outcome."""
    if verdict.tier is None:
        return str(verdict.outcome)
    if alert is None or alert.state is AlertState.PENDING:
        return "pending"
    return str(alert.tier)
