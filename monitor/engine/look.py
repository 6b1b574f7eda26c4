"""One look: ask the source, measure, judge. Every way that it can go wrong ends as a verdict."""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeAlias

from monitor.api.answer import Answer
from monitor.api.buckets import Buckets
from monitor.api.errors import SourceError
from monitor.api.query import Query
from monitor.api.source import Asking
from monitor.config.plan import PlannedCheck
from monitor.core.advance import Finding
from monitor.core.judge import judge
from monitor.core.model import Measured, Outcome, Sample, Tier, Verdict
from monitor.core.value import value
from monitor.engine.bulkheads import Bulkheads, LeftOutError, source_check

log = logging.getLogger(__name__)

Credit: TypeAlias = tuple[str | None, str | None]
"""Whose answers are, and where the evidence is."""


@value(frozen=True, slots=True)
class Looker:
    """A check that looks for a slot; ``due_at`` is None when somebody asked for the look."""

    planned: PlannedCheck
    due_at: datetime | None

    def asking(self, now: datetime) -> Asking:
        """Say who asks."""
        planned = self.planned
        timeout = planned.check.timeout
        who = (planned.id, planned.team)
        return Asking(now, timeout, *who, urgent=planned.is_urgent, askers=(who,))


async def look(
    planned: PlannedCheck, due_at: datetime | None, now: datetime, bulkheads: Bulkheads
) -> tuple[Finding, ...]:
    """Look once; return what was found, of the check and, when it changed, of its source."""
    looker = Looker(planned, due_at)
    try:
        answers = await _answers(planned, looker.asking(now), bulkheads)
    except SourceError as error:
        return failed([looker], now, error, bulkheads)
    except Exception as error:  # a plugin may raise anything; only its own checks may suffer
        log.exception("check %s could not ask", planned.id)
        return (_error(looker, now, f"the kind failed while asking: {error!r}"),)
    if not any(isinstance(answer, Buckets) for answer in answers):
        return answered([looker], now, answers, bulkheads)
    # The first look learns weeks of history: that must not hold up the others.
    findings = await asyncio.to_thread(answered, [looker], now, answers, bulkheads)
    for answer in answers:
        if isinstance(answer, Buckets) and "says" in answer.memory:
            log.info("%s %s", planned.id, answer.memory.pop("says"))
    return findings


async def _answers(planned: PlannedCheck, asking: Asking, bulkheads: Bulkheads) -> list[Answer]:
    """Ask anew, or for what is new where the daemon remembers the rest."""
    is_shared = planned.batch and bulkheads.sources[planned.source].batch

    async def ask(query: Query) -> Answer:
        return await bulkheads.ask(planned.source, query, asking, is_shared=is_shared)

    what = planned.check.remembers(asking.now)
    if what is not None and bulkheads.histories is not None:
        return [await bulkheads.histories().ask(planned, what, ask, asking.now)]
    queries = planned.check.ask(asking.now)
    if len(queries) == 1:  # most have one, and gathering costs a task
        return [await ask(queries[0])]
    return await asyncio.gather(*map(ask, queries))


def answered(
    lookers: Sequence[Looker], now: datetime, answers: list[Answer], bulkheads: Bulkheads
) -> tuple[Finding, ...]:
    """Return what those found who got these answers from one source, and that the source is well.

    Only where the source was ill is it said that it is well.
    """
    source = lookers[0].planned.source
    watching, unseen = bulkheads.watching.get(source, ()), bulkheads.unseen.get(source)
    credit = _credit(answers)
    findings: list[Finding] = []
    is_answered = False
    for looker in lookers:
        name = looker.planned.id
        blind = sorted(unseen or ()) if name in watching else ()
        findings.append(_measured(looker, now, answers, blind, credit))
        # That the load can be watched by REST does not prove that the source answers questions.
        if name not in watching:
            is_answered = True
            if unseen:
                unseen.discard(name)
    if not is_answered or source not in bulkheads.failing:
        return tuple(findings)
    cause = source_check(source)
    well = Finding(cause, None, (Verdict(cause, (), now, Outcome.OK),))
    return (well, *findings)


def _credit(answers: Iterable[Answer]) -> Credit:
    """Return whose answers are, and where the evidence is, as far as they tell."""
    maintainer: str | None = None
    link: str | None = None
    for one in answers:
        maintainer, link = maintainer or one.maintainer, link or one.link
    return maintainer or None, link or None


def _measured(
    looker: Looker, now: datetime, answers: list[Answer], blind: Sequence[str], credit: Credit
) -> Finding:
    """Measure and judge; ``blind`` are the checks that cannot look because of a load."""
    planned = looker.planned
    try:
        measured: Iterable[Measured] = planned.check.measure(answers, now)
        if blind:
            measured = [_with_unseen(one, blind) for one in measured]
        maintainer, link = credit
        verdicts = judge(planned.id, measured, planned.tiers, now, maintainer=maintainer, link=link)
    except ValueError as error:
        return _error(looker, now, f"the answer cannot be read: {error}")
    except Exception as error:  # as above
        log.exception("check %s could not measure", planned.id)
        return _error(looker, now, f"the kind failed while measuring: {error!r}")
    return Finding(planned.id, looker.due_at, verdicts)


def _with_unseen(measured: Measured, unseen: Sequence[str]) -> Measured:
    """Add to what is known of a load the checks that cannot look because of it."""
    if not isinstance(measured, Sample):
        return measured
    return replace(measured, evidence={**measured.evidence, "unseen": unseen})


def failed(
    lookers: Sequence[Looker], now: datetime, error: SourceError, bulkheads: Bulkheads
) -> tuple[Finding, ...]:
    """Return what is known of those whose one question failed, and of the source if it is ill."""
    if isinstance(error, LeftOutError):
        source = lookers[0].planned.source
        cause = f"check:{source_check(source)}" if source in bulkheads.failing else None
        return tuple(skipped(one.planned.id, one.due_at, now, str(error), cause) for one in lookers)
    findings: list[Finding] = []
    ill: Finding | None = None
    for looker in lookers:
        planned = looker.planned
        reason = f"{planned.source} could not be asked ({error.fault}): {error}"
        watcher = bulkheads.spared.get(planned.source)
        is_harmed = watcher is not None and error.fault == "slow"
        is_watcher = planned.id in bulkheads.watching.get(planned.source, ())
        blind = _error(looker, now, reason)
        if not is_watcher and (is_harmed or not error.blames_check):
            bulkheads.unseen.setdefault(planned.source, set()).add(planned.id)
            cause = f"check:{watcher}" if is_harmed else f"check:{source_check(planned.source)}"
            blind = replace(blind, verdicts=(replace(blind.verdicts[0], blocked_by=cause),))
            if not is_harmed:
                ill = _ill(planned.source, now, reason)
                bulkheads.breakers.blind(planned.source, planned.id)
        findings.append(blind)
    if ill is None:
        return tuple(findings)
    bulkheads.failing.add(lookers[0].planned.source)
    return (ill, *findings)


def _ill(source: str, now: datetime, reason: str) -> Finding:
    cause = source_check(source)
    return Finding(cause, None, (Verdict(cause, (), now, Outcome.WARN, Tier.WARN, reason),))


def _error(looker: Looker, now: datetime, reason: str) -> Finding:
    check = looker.planned.id
    verdict = Verdict(check, (), now, Outcome.ERROR, reason=reason)
    return Finding(check, looker.due_at, (verdict,))


def skipped(
    check: str, due_at: datetime | None, now: datetime, reason: str, blocked_by: str | None = None
) -> Finding:
    """Account for a slot in which nobody looked."""
    verdict = Verdict(check, (), now, Outcome.SKIPPED, reason=reason, blocked_by=blocked_by)
    return Finding(check, due_at, (verdict,))


def spare(
    planned: PlannedCheck, due_at: datetime, now: datetime, reason: str, bulkheads: Bulkheads
) -> Finding:
    """Leave a check out because its source is overloaded; the check that says so names it."""
    bulkheads.unseen.setdefault(planned.source, set()).add(planned.id)
    cause = f"check:{bulkheads.spared[planned.source]}"
    return skipped(planned.id, due_at, now, reason, cause)


def unasked(
    planned: PlannedCheck, due_at: datetime, now: datetime, reason: str, bulkheads: Bulkheads
) -> Finding:
    """Leave a check out because its source fails again and again; the source's incident says so."""
    bulkheads.unseen.setdefault(planned.source, set()).add(planned.id)
    return skipped(planned.id, due_at, now, reason, f"check:{source_check(planned.source)}")
