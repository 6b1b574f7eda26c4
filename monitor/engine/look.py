"""One look: ask the source, measure, judge. Every way that it can go wrong ends as a verdict."""

import asyncio
import logging
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING

from monitor.api.answer import Answer
from monitor.api.buckets import Buckets
from monitor.api.errors import SourceError
from monitor.api.query import Query
from monitor.api.source import Asking, Source
from monitor.config.plan import PlannedCheck
from monitor.core.advance import Finding
from monitor.core.judge import judge
from monitor.core.model import Measured, Outcome, Sample, Tier, Verdict
from monitor.engine.arrivals import PartitionNotes
from monitor.engine.flights import Flights
from monitor.engine.metrics import Metrics

if TYPE_CHECKING:
    from monitor.engine.histories import Histories

log = logging.getLogger(__name__)

GRACE = timedelta(seconds=2)
"""How long after its deadline a source may take to give up by itself."""


def source_check(name: str) -> str:
    """Return the id under which the health of a source is kept."""
    return f"source/{name}"


@dataclass
class Bulkheads:
    """One gate for each source: a source that hangs delays only those who ask it.

    ``failing`` are the sources that are ill; ``watching`` maps sources to the checks that watch
    their load, ``spared`` the overloaded ones to the check that says so, and ``unseen`` to the
    checks that could not look or were not asked. ``histories`` gives what remembers metrics;
    ``notes`` hear of every partition.
    """

    sources: Mapping[str, Source]
    metrics: Metrics
    failing: set[str] = field(default_factory=set)
    watching: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    spared: Mapping[str, str] = field(default_factory=dict)
    unseen: dict[str, set[str]] = field(default_factory=dict)
    histories: "Callable[[], Histories] | None" = None
    notes: PartitionNotes = field(default_factory=PartitionNotes)
    _gates: dict[str, asyncio.Semaphore] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Start with no question under way."""
        self._flights = Flights(self.metrics)

    async def ask(self, name: str, query: Query, asking: Asking) -> Answer:
        """Ask within the deadline, waiting at the gate included. Raise SourceError.

        Checks that ask the same at the same moment, and would wait equally long, share one
        question, which bears the name of the first of them.
        """
        key: Hashable = (name, query, asking.now, asking.timeout)
        try:
            hash(key)
        except TypeError:  # a question of a plugin that holds a list
            key = object()
        return await self._flights.share(key, asking.team, partial(self._ask, name, query, asking))

    async def _ask(self, name: str, query: Query, asking: Asking, teams: Sequence[str]) -> Answer:
        source = self.sources[name]
        gate: AbstractAsyncContextManager[object]
        gate = self._gates.setdefault(name, asyncio.Semaphore(source.max_concurrency))
        if type(query) in source.ungated:
            gate = nullcontext()
        started = perf_counter()
        try:
            async with asyncio.timeout((asking.timeout + GRACE).total_seconds()):
                async with gate:
                    answer = await source.ask(query, asking)
            self.metrics.spent(name, teams, answer.cost)
            self.notes.take(name, query, answer, asking.now)
        except TimeoutError:
            self.metrics.source_errors.labels(name, "timeout").inc()
            seconds = asking.timeout.total_seconds()
            raise SourceError("timeout", f"{name} did not answer within {seconds:g} s") from None
        except SourceError as error:
            self.metrics.source_errors.labels(name, error.code).inc()
            if error.cost is not None:
                self.metrics.spent(name, teams, error.cost)
            raise
        finally:
            self.metrics.source_seconds.labels(name).observe(perf_counter() - started)
        return answer


async def look(
    planned: PlannedCheck, due_at: datetime | None, now: datetime, bulkheads: Bulkheads
) -> tuple[Finding, ...]:
    """Look once; return what was found, of the check and, when it changed, of its source."""
    asking = Asking(now, planned.check.timeout, planned.id, planned.team)
    source = planned.source
    try:
        answers = await _answers(planned, asking, bulkheads)
    except SourceError as error:
        return _failed(planned, due_at, now, error, bulkheads)
    except Exception as error:  # a plugin may raise anything; only its own checks may suffer
        log.exception("check %s could not ask", planned.id)
        return (_error(planned, due_at, now, f"the kind failed while asking: {error!r}"),)
    if any(isinstance(answer, Buckets) for answer in answers):
        # The first look learns weeks of history: that must not hold up the others.
        measured = asyncio.to_thread(_measured, planned, due_at, now, answers, bulkheads)
        findings = (await measured,)
        for answer in answers:
            if isinstance(answer, Buckets) and "says" in answer.memory:
                log.info("%s %s", planned.id, answer.memory.pop("says"))
    else:
        findings = (_measured(planned, due_at, now, answers, bulkheads),)
    # That the load can be watched by REST does not prove that the source answers questions.
    if planned.id in bulkheads.watching.get(source, ()):
        return findings
    bulkheads.unseen.get(source, set()).discard(planned.id)
    if source not in bulkheads.failing:
        return findings
    well = Verdict(source_check(source), (), now, Outcome.OK)
    return (Finding(source_check(source), None, now, (well,)), *findings)


async def _answers(planned: PlannedCheck, asking: Asking, bulkheads: Bulkheads) -> list[Answer]:
    """Ask anew, or for what is new where the daemon remembers the rest."""

    async def ask(query: Query) -> Answer:
        return await bulkheads.ask(planned.source, query, asking)

    what = planned.check.remembers(asking.now)
    if what is not None and bulkheads.histories is not None:
        return [await bulkheads.histories().ask(planned, what, ask, asking.now)]
    queries = planned.check.ask(asking.now)
    if len(queries) == 1:  # most have one, and gathering costs a task
        return [await ask(queries[0])]
    return await asyncio.gather(*map(ask, queries))


def _measured(
    planned: PlannedCheck,
    due_at: datetime | None,
    now: datetime,
    answers: list[Answer],
    bulkheads: Bulkheads,
) -> Finding:
    try:
        measured = list(planned.check.measure(answers, now))
        if planned.id in bulkheads.watching.get(planned.source, ()):
            unseen = sorted(bulkheads.unseen.get(planned.source, ()))
            measured = [_with_unseen(one, unseen) for one in measured]
        verdicts = judge(planned.id, measured, planned.tiers, now)
    except ValueError as error:
        return _error(planned, due_at, now, f"the answer cannot be read: {error}")
    except Exception as error:  # as above
        log.exception("check %s could not measure", planned.id)
        return _error(planned, due_at, now, f"the kind failed while measuring: {error!r}")
    maintainer = next((answer.maintainer for answer in answers if answer.maintainer), None)
    link = next((answer.link for answer in answers if answer.link), None)
    if maintainer is None and link is None:
        return Finding(planned.id, due_at, now, verdicts)
    told = tuple(replace(verdict, maintainer=maintainer, link=link) for verdict in verdicts)
    return Finding(planned.id, due_at, now, told)


def _with_unseen(measured: Measured, unseen: list[str]) -> Measured:
    """Add to what is known of a load the checks that cannot look because of it."""
    if not unseen or not isinstance(measured, Sample):
        return measured
    return replace(measured, evidence={**measured.evidence, "unseen": unseen})


def _failed(
    planned: PlannedCheck,
    due_at: datetime | None,
    now: datetime,
    error: SourceError,
    bulkheads: Bulkheads,
) -> tuple[Finding, ...]:
    reason = f"{planned.source} could not be asked ({error.fault}): {error}"
    watcher = bulkheads.spared.get(planned.source)
    is_harmed = watcher is not None and error.fault == "slow"
    is_watcher = planned.id in bulkheads.watching.get(planned.source, ())
    if is_watcher or (error.blames_check and not is_harmed):
        return (_error(planned, due_at, now, reason),)
    bulkheads.unseen.setdefault(planned.source, set()).add(planned.id)
    if is_harmed:
        slow = _error(planned, due_at, now, reason).verdicts[0]
        told = replace(slow, blocked_by=f"check:{watcher}")
        return (Finding(planned.id, due_at, now, (told,)),)
    cause = source_check(planned.source)
    bulkheads.failing.add(planned.source)
    ill = Verdict(cause, (), now, Outcome.WARN, Tier.WARN, reason)
    blind = replace(_error(planned, due_at, now, reason).verdicts[0], blocked_by=f"check:{cause}")
    return (
        Finding(cause, None, now, (ill,)),
        Finding(planned.id, due_at, now, (blind,)),
    )


def _error(planned: PlannedCheck, due_at: datetime | None, now: datetime, reason: str) -> Finding:
    verdict = Verdict(planned.id, (), now, Outcome.ERROR, reason=reason)
    return Finding(planned.id, due_at, now, (verdict,))


def skipped(
    check: str, due_at: datetime, now: datetime, reason: str, blocked_by: str | None = None
) -> Finding:
    """Account for a slot in which nobody looked."""
    verdict = Verdict(check, (), now, Outcome.SKIPPED, reason=reason, blocked_by=blocked_by)
    return Finding(check, due_at, now, (verdict,))


def spare(
    planned: PlannedCheck, due_at: datetime, now: datetime, reason: str, bulkheads: Bulkheads
) -> Finding:
    """Leave a check out because its source is overloaded; the check that says so names it."""
    bulkheads.unseen.setdefault(planned.source, set()).add(planned.id)
    cause = f"check:{bulkheads.spared[planned.source]}"
    return skipped(planned.id, due_at, now, reason, cause)
