"""Which checks cried too often, and the line of YAML that would have kept them quiet."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.core.digest import Noisy, Week
from monitor.core.model import Tier
from monitor.core.route import ON_CALL
from monitor.core.world import CheckFacts, World

SHORT = timedelta(minutes=10)
"""What was over in less time needed nobody."""

FIRED_OFTEN = 5
"""Times a week from which on a check is looked at."""

MOST_NOISY = 3
_HOLDS = (5, 10, 15, 30, 60)
"""Values of ``for``, in minutes, that are suggested."""


@dataclass(frozen=True, slots=True)
class Firing:
    """One alert that fired: of which check, from when to when, acknowledged when.

    One that ``flapped`` fired again and again, and people were told of it once.
    """

    check: str
    fired_at: datetime
    resolved_at: datetime | None
    tier: Tier
    acked_at: datetime | None = None
    flapped: bool = False

    @property
    def is_short(self) -> bool:
        """Whether it was over before anybody could have done anything, or could not decide."""
        return self.flapped or (
            self.resolved_at is not None and self.resolved_at - self.fired_at < SHORT
        )


def noisy_checks(firings: Iterable[Firing], world: World) -> tuple[Noisy, ...]:
    """Return the checks that fired often in a week, mostly for a short time; noisiest first."""
    by_check: dict[str, list[Firing]] = {}
    for one in firings:
        by_check.setdefault(one.check, []).append(one)
    found = []
    for check, mine in by_check.items():
        facts = world.checks.get(check)
        short = [one for one in mine if one.is_short]
        often = len(mine) >= FIRED_OFTEN or any(one.flapped for one in mine)
        if facts is None or not often or len(short) * 2 < len(mine):
            continue
        found.append(_noisy(facts, mine, short))
    found.sort(key=lambda one: (-one.fired, one.check))
    return tuple(found[:MOST_NOISY])


def _noisy(facts: CheckFacts, mine: Sequence[Firing], short: Sequence[Firing]) -> Noisy:
    hold = max((rule.hold.duration for rule in facts.rules), default=timedelta(0))
    brief = [one for one in short if one.resolved_at and not one.flapped]
    lasted = sorted(one.resolved_at - one.fired_at for one in brief if one.resolved_at) or [SHORT]
    enough = lasted[int(0.9 * (len(lasted) - 1))] + hold
    minutes = next((m for m in _HOLDS if timedelta(minutes=m) > enough), _HOLDS[-1])
    kept = sum(
        one.resolved_at is None
        or one.resolved_at - one.fired_at + hold >= timedelta(minutes=minutes)
        for one in mine
    )
    return Noisy(
        check=facts.id,
        maintainer=facts.maintainer or ON_CALL,
        fired=len(mine),
        short=len(short),
        acked=sum(one.acked_at is not None for one in mine),
        before=f"for: {int(hold.total_seconds() // 60)}m" if hold else "",
        after=f"for: {minutes}m",
        would_have=kept,
    )


def week_of(
    firings: Sequence[Firing],
    before: int | None,
    coverage: Iterable[tuple[datetime, int, int]],
) -> Week:
    """Sum up a week; the medians are of what was acknowledged and of what is over."""
    return Week(
        fired=len(firings),
        pages=sum(one.tier is Tier.PAGE for one in firings),
        short=sum(one.is_short for one in firings),
        to_ack=_median([one.acked_at - one.fired_at for one in firings if one.acked_at]),
        to_resolve=_median([one.resolved_at - one.fired_at for one in firings if one.resolved_at]),
        fired_before=before,
        coverage=tuple(coverage),
    )


def _median(spans: Sequence[timedelta]) -> timedelta | None:
    return sorted(spans)[len(spans) // 2] if spans else None
