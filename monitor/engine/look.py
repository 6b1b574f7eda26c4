"""One look: ask the source, measure, judge. Every way that it can go wrong ends as a verdict."""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from time import perf_counter

from monitor.api.answer import Answer
from monitor.api.errors import SourceError
from monitor.api.query import Query
from monitor.api.source import Asking, Source
from monitor.config.plan import PlannedCheck
from monitor.core.advance import Finding
from monitor.core.judge import judge
from monitor.core.model import Outcome, Tier, Verdict
from monitor.engine.metrics import Metrics

log = logging.getLogger(__name__)

GRACE = timedelta(seconds=2)
"""How long after its deadline a source may take to give up by itself."""


def source_check(name: str) -> str:
    """Return the id under which the health of a source is kept."""
    return f"source/{name}"


@dataclass
class Bulkheads:
    """One gate for each source: a source that hangs delays only those who ask it."""

    sources: Mapping[str, Source]
    metrics: Metrics
    failing: set[str] = field(default_factory=set)
    _gates: dict[str, asyncio.Semaphore] = field(default_factory=dict)

    async def ask(self, name: str, query: Query, asking: Asking) -> Answer:
        """Ask within the deadline, waiting at the gate included. Raise SourceError."""
        source = self.sources[name]
        gate: AbstractAsyncContextManager[object]
        gate = self._gates.setdefault(name, asyncio.Semaphore(source.max_concurrency))
        if type(query) in source.ungated:
            gate = nullcontext()
        started = perf_counter()
        try:
            async with asyncio.timeout((asking.timeout + GRACE).total_seconds()):
                async with gate:
                    return await source.ask(query, asking)
        except TimeoutError:
            self.metrics.source_errors.labels(name, "timeout").inc()
            seconds = asking.timeout.total_seconds()
            raise SourceError("timeout", f"{name} did not answer within {seconds:g} s") from None
        except SourceError as error:
            self.metrics.source_errors.labels(name, error.code).inc()
            raise
        finally:
            self.metrics.source_seconds.labels(name).observe(perf_counter() - started)


async def look(
    planned: PlannedCheck, due_at: datetime | None, now: datetime, bulkheads: Bulkheads
) -> tuple[Finding, ...]:
    """Look once; return what was found, of the check and, when it changed, of its source."""
    asking = Asking(now, planned.check.timeout, planned.id, planned.team)
    source = planned.source
    try:
        queries = planned.check.ask(now)
        answers = await asyncio.gather(*(bulkheads.ask(source, query, asking) for query in queries))
    except SourceError as error:
        return _failed(planned, due_at, now, error, bulkheads)
    except Exception as error:  # a plugin may raise anything; only its own checks may suffer
        log.exception("check %s could not ask", planned.id)
        return (_error(planned, due_at, now, f"the kind failed while asking: {error!r}"),)
    findings = (_measured(planned, due_at, now, answers),)
    if source not in bulkheads.failing:
        return findings
    bulkheads.failing.discard(source)
    well = Verdict(source_check(source), (), now, Outcome.OK)
    return (Finding(source_check(source), None, now, (well,)), *findings)


def _measured(
    planned: PlannedCheck, due_at: datetime | None, now: datetime, answers: list[Answer]
) -> Finding:
    try:
        measured = list(planned.check.measure(answers, now))
    except ValueError as error:
        return _error(planned, due_at, now, f"the answer cannot be read: {error}")
    except Exception as error:  # as above
        log.exception("check %s could not measure", planned.id)
        return _error(planned, due_at, now, f"the kind failed while measuring: {error!r}")
    maintainer = next((answer.maintainer for answer in answers if answer.maintainer), None)
    link = next((answer.link for answer in answers if answer.link), None)
    verdicts = judge(planned.id, measured, planned.tiers, now)
    told = tuple(replace(verdict, maintainer=maintainer, link=link) for verdict in verdicts)
    return Finding(planned.id, due_at, now, told)


def _failed(
    planned: PlannedCheck,
    due_at: datetime | None,
    now: datetime,
    error: SourceError,
    bulkheads: Bulkheads,
) -> tuple[Finding, ...]:
    reason = f"{planned.source} could not be asked ({error.fault}): {error}"
    if error.blames_check:
        return (_error(planned, due_at, now, reason),)
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


def skipped(check: str, due_at: datetime, now: datetime, reason: str) -> Finding:
    """Account for a slot in which nobody looked."""
    return Finding(check, due_at, now, (Verdict(check, (), now, Outcome.SKIPPED, reason=reason),))
