"""Bulkheads: a source that hangs delays only those who ask it."""

import asyncio
import logging
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache, partial
from time import perf_counter
from typing import TYPE_CHECKING, Any

from monitor.api.answer import Answer
from monitor.api.errors import SourceError
from monitor.api.query import LastUpdate, Query, Rows, Together
from monitor.api.source import Asking, BlockingSource, Source
from monitor.core.advance import Finding
from monitor.core.book import Memory
from monitor.engine.arrivals import PartitionNotes
from monitor.engine.breaker import Breakers
from monitor.engine.flights import Asker, Flights
from monitor.engine.gate import Gate
from monitor.engine.lateness import Lateness
from monitor.engine.metrics import Metrics

if TYPE_CHECKING:
    from monitor.engine.histories import Histories

log = logging.getLogger(__name__)

GRACE = timedelta(seconds=2)
"""How long after its deadline a source may take to give up by itself."""

AHEAD = 15
"""Questions that wait for each thread of a local source, behind its gate, while it answers at once:
four threads of SQLite then work on 64 in some 6 ms, and a look alone takes a fifth less."""

MOST_MERGES = 2048
"""Sets of questions of which is known how they merge; 100,000 checks a minute are 1,024 of them."""


def source_check(name: str) -> str:
    """Return the id under which the health of a source is kept."""
    return f"source/{name}"


class LeftOutError(SourceError):
    """A question whose turn did not come in time; the source is not to blame for it."""


@dataclass
class Bulkheads:
    """One gate for each source: a source that hangs delays only those who ask it.

    ``failing`` are the sources that are ill; ``watching`` maps sources to the checks that watch
    their load, ``spared`` the overloaded ones to the check that says so, and ``unseen`` to the
    checks that could not look or were not asked. ``histories`` gives what remembers metrics;
    ``notes`` hear of every partition; ``breakers`` know which sources fail
    again and again, ``lateness`` who was left out.
    """

    sources: Mapping[str, Source]
    metrics: Metrics
    failing: set[str] = field(default_factory=set)
    watching: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    spared: Mapping[str, str] = field(default_factory=dict)
    unseen: dict[str, set[str]] = field(default_factory=dict)
    histories: "Callable[[], Histories] | None" = None
    notes: PartitionNotes = field(default_factory=PartitionNotes)
    breakers: Breakers = field(default_factory=Breakers)
    lateness: Lateness = field(default_factory=Lateness)
    _gates: dict[str, Gate] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Start with no question under way."""
        self._flights = Flights(self.metrics)
        self._merged = partial(_merged, self.sources)
        self._merge = lru_cache(MOST_MERGES)(self._merged)

    def merge(self, name: str, questions: tuple[Query, ...]) -> Sequence[Sequence[int]]:
        """Say which questions a source takes together; remembered where they come again."""
        is_lasting = all(isinstance(one, LastUpdate) or _is_whole(one) for one in questions)
        return (self._merge if is_lasting else self._merged)(name, questions)

    async def ask(
        self,
        name: str,
        query: Query,
        asking: Asking,
        askers: Sequence[Asker] = (),
        *,
        is_shared: bool = True,
    ) -> Answer:
        """Ask within the deadline, waiting at the gate included. Raise SourceError.

        Checks that ask the same at the same moment, and would wait equally long, share one
        question, which bears the name of the first of them, and names the others that had joined
        when it was put. ``askers`` names each check that asks; without it, the asking does.
        """
        askers = askers or asking.askers or ((asking.check, asking.team),)
        key: Hashable = (name, query, asking.now, asking.timeout)
        # What is asked together nobody else asks, and its fifty questions take long to hash.
        if not is_shared or isinstance(query, Together) or not _has_hash(key):
            self.metrics.batch_checks.observe(len(askers))
            return await self._ask(name, query, asking, askers)
        ask = partial(self._ask, name, query, asking)
        return await self._flights.share(key, askers, ask)

    def forget_well(self, findings: Iterable[Finding], memory: Memory) -> None:
        """Stop telling of sources whose alert is over; one that flaps needs every good look.

        ``findings`` wait to be stored: what they say of a source is not in the memory yet.
        """
        ill = {finding.check for finding in findings} if self.failing else set()
        for name in list(self.failing):
            check = source_check(name)
            is_open = any(alert.is_open for alert in memory.alerts_of_check(check))
            if not is_open and check not in ill:
                self.failing.discard(name)

    def state(self, name: str) -> dict[str, Any]:
        """Tell how a source is asked: by everybody, by nobody, or by one that tries."""
        source, breaker = self.sources[name], self.breakers.of.get(name)
        state: dict[str, Any] = {"name": name, "breaker": "closed"}
        if breaker is not None and breaker.opened_at is not None and breaker.try_at is not None:
            state["breaker"] = "half-open" if breaker.trying is not None else "open"
            state["since"] = breaker.opened_at.isoformat()
            state["next_try"] = breaker.try_at.isoformat()
            state["faults"] = breaker.faults
            state["reason"] = breaker.reason
            state["left_out"] = len(self.breakers.left_out.get(name, ()))
        if isinstance(source, BlockingSource):
            state["lost_threads"] = source.lost
        return state

    async def _ask(
        self, name: str, query: Query, asking: Asking, askers: Sequence[Asker]
    ) -> Answer:
        gate = self._gates.get(name) or self._gate(name)
        is_gated = type(query) not in self.sources[name].ungated
        teams = [team for _, team in askers]
        began, turn_at = perf_counter(), None
        try:
            async with asyncio.timeout((asking.timeout + GRACE).total_seconds()):
                if is_gated:
                    await gate.enter(asking.team, asking.urgent)
                turn_at = perf_counter()
                try:
                    named = tuple(askers)
                    if named != asking.askers:  # others joined
                        asking = replace(asking, askers=named)
                    answer = await self.sources[name].ask(query, asking)
                    cost = answer.cost
                finally:
                    if is_gated:
                        gate.charge(teams, perf_counter() - turn_at)
                        gate.leave()
        except TimeoutError:
            if turn_at is None:
                raise self._left_out(name, asking, gate) from None
            text = f"{name} did not answer within {asking.timeout.total_seconds():g} s"
            error = SourceError("timeout", text)
            self._failed(name, error, asking.now + _since(began), is_gated=is_gated)
            raise error from None
        except SourceError as error:
            self._failed(name, error, asking.now + _since(began), is_gated=is_gated)
            if error.cost is not None:
                self.metrics.spent(name, teams, error.cost)
            raise
        except Exception as error:  # a plugin may raise anything, and answer with anything
            log.exception("source %s failed", name)
            fault = SourceError("protocol", f"{name} failed: {error!r}")
            self._failed(name, fault, asking.now + _since(began), is_gated=is_gated)
            raise fault from error
        finally:
            self.metrics.took(name, perf_counter() - began)
        if is_gated:
            self.breakers.answered(name)
        self.metrics.spent(name, teams, cost)
        self.notes.take(name, query, answer, asking.now)
        return answer

    def _gate(self, name: str) -> Gate:
        source = self.sources[name]
        is_local = isinstance(source, BlockingSource) and source.is_local
        ahead = AHEAD * source.max_concurrency if is_local else 0
        gate = self._gates[name] = Gate(source.max_concurrency, ahead)
        return gate

    def _failed(self, name: str, error: SourceError, at: datetime, *, is_gated: bool) -> None:
        self.metrics.source_errors.labels(name, error.code).inc()
        if is_gated and not error.blames_check:
            self.breakers.failed(name, str(error), at)
        elif is_gated and error.fault != "slow":  # it refused the question: so it is there
            self.breakers.answered(name)

    def _left_out(self, name: str, asking: Asking, gate: Gate) -> LeftOutError:
        self.metrics.source_errors.labels(name, "queued").inc()
        self.lateness.left_out(name, asking.now)
        seconds = asking.timeout.total_seconds()
        return LeftOutError(
            "overload",
            f"not asked: waited {seconds:g} s for a turn at {name}; {gate.waiting} others still do",
        )


def _merged(
    sources: Mapping[str, Source], name: str, questions: tuple[Query, ...]
) -> Sequence[Sequence[int]]:
    return sources[name].merge(questions)


def _has_hash(key: Hashable) -> bool:
    try:
        hash(key)
    except TypeError:  # a question of a plugin that holds a list
        return False
    return True


def _is_whole(query: Query) -> bool:
    """Say whether a question is about no window: that of the next minute is another one."""
    return isinstance(query, Rows) and query.since is None and query.until is None


def _since(began: float) -> timedelta:
    return timedelta(seconds=perf_counter() - began)
