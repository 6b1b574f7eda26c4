"""The parts of a digest beside incidents and coverage: read in time, or named as missing."""

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from time import perf_counter
from typing import TypeVar

from monitor.config.plan import Plan
from monitor.core.digest import Edition, Elsewhere, Unavailable, Week
from monitor.core.fold import Extras, Window
from monitor.core.model import Outcome
from monitor.core.night import MEASURES, night_lines
from monitor.core.noise import Firing, noisy_checks, week_of
from monitor.core.series import Series
from monitor.core.state import SliceState
from monitor.core.world import World
from monitor.render.units import local
from monitor.store import Store, StoreError

log = logging.getLogger(__name__)

WEEK, DAY = timedelta(days=7), timedelta(days=1)
DEADLINE_SECONDS = 3.0
"""What all the optional sections together may take; one that comes too late is named."""

MOST_CHARTS = 2
CHART_SPAN = timedelta(hours=48)

_T = TypeVar("_T")


@dataclass
class Sections:
    """Reads optional parts; one that fails or has no time left is named, and the rest goes on."""

    now: Callable[[], float] = perf_counter
    seconds: float = DEADLINE_SECONDS
    missing: list[Unavailable] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Start the clock."""
        self._ends = self.now() + self.seconds

    def read(self, name: str, call: Callable[[], _T]) -> _T | None:
        """Return what a part has to say; None where it cannot be had."""
        if self.now() > self._ends:
            self.missing.append(Unavailable(name, f"no time left of {self.seconds:g} s"))
            return None
        try:
            return call()
        except (StoreError, ArithmeticError, LookupError, ValueError, TypeError) as error:
            log.exception("the digest goes without %s", name)
            self.missing.append(Unavailable(name, f"{type(error).__name__}: {error}"[:200]))
            return None


@dataclass(frozen=True)
class Parts:
    """Reads what ``Extras`` holds; blocking."""

    plan: Plan
    world: World
    store: Store

    def extras(
        self,
        window: Window,
        states: Sequence[SliceState],
        mine: Collection[str],
        elsewhere: tuple[Sequence[Elsewhere], Sequence[Unavailable]],
    ) -> Extras:
        """Read all parts; ``mine`` are the checks that the audience reads of."""
        story, until = self.store.story, window.until
        sections = Sections()
        is_full, is_week = window.edition is Edition.FULL, window.edition is Edition.REVIEW
        told = sections.read("who was told", partial(story.told, window.since))
        charts = sections.read("charts", partial(self._charts, states, until))
        night = sections.read("the night", partial(self._night, window, mine)) if is_full else ()
        week = partial(story.firings, until - WEEK, until)
        fired = sections.read("noise", week) if is_full or is_week else ()
        firings = [one for one in fired or () if one.check in mine]
        before = story.checks_before(window.name) if is_full else None
        known = frozenset(self.plan.checks)
        pagers = {name for team in self.plan.maintainers.values() for name in team.page}
        return Extras(
            night=night_lines(night or (), self.world),
            noisy=noisy_checks(firings, self.world),
            elsewhere=tuple(elsewhere[0]),
            charts=charts or (),
            undelivered=story.undelivered(window.since),
            unavailable=(*elsewhere[1], *sections.missing),
            week=self._week(until, firings) if is_week else None,
            told=told or {},
            pages_sent=story.pages_sent(window.since, until, pagers),
            added=tuple(sorted(known - before[1])) if before else (),
            removed=tuple(sorted(before[1] - known)) if before else (),
            revision=self.plan.revision,
            revision_before=before[0] if before else "",
            ending=tuple(self._ending(until)) if is_full else (),
        )

    def _ending(self, until: datetime) -> Iterator[str]:
        """Name the silences that end within a day: what they hide comes back then."""
        for one in self.store.history.silences():
            if one.is_active(until) and one.ends_at <= until + DAY:
                matchers = ", ".join(str(matcher) for matcher in one.matchers)
                until_text = local(one.ends_at, self.world.timezone)
                yield f"{matchers} until {until_text} ({one.created_by}: {one.comment})"

    def _night(self, window: Window, mine: Collection[str]) -> tuple[Series, ...]:
        told = [check for check in mine if self.world.checks[check].kind in MEASURES]
        return self.store.samples.series(told, window.since, window.until)

    def _charts(self, states: Sequence[SliceState], until: datetime) -> tuple[Series, ...]:
        """Return the course of the worst red metrics: the farthest from what was expected."""
        red = {}
        for state in states:
            samples = state.verdict.samples
            evidence = samples[0].evidence if samples else {}
            metric, value = evidence.get("metric"), evidence.get("value")
            expected = evidence.get("expected")
            if state.verdict.outcome in {Outcome.WARN, Outcome.PAGE} and expected and metric:
                red[(state.check, state.slice, metric)] = abs((value or 0) / expected - 1)
        worst = sorted(red, key=lambda key: -red[key])[:MOST_CHARTS]
        found = self.store.samples.series({key[0] for key in worst}, until - CHART_SPAN, until)
        by_key = {(one.check, one.slice, one.measure): one for one in found}
        return tuple(by_key[key] for key in worst if key in by_key)

    def _week(self, until: datetime, firings: Sequence[Firing]) -> Week:
        before = self.store.story.firings(until - 2 * WEEK, until - WEEK)
        first = self.store.journal.first_start()
        is_comparable = first is not None and first <= until - 2 * WEEK
        covered = self.store.story.covered(until - WEEK)
        return week_of(firings, len(before) if is_comparable else None, covered)
