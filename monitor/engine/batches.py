"""Batches: checks that are due together and ask the same wait in one task for one answer."""

import logging
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from monitor.api.errors import SourceError
from monitor.api.query import Query
from monitor.core.advance import Finding
from monitor.engine.bulkheads import Bulkheads
from monitor.engine.look import Looker, answered, failed, look

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question and those who ask it; without a question, one that asks in a way of its own."""

    query: Query | None
    lookers: list[Looker] = field(default_factory=list)


def gather(lookers: Iterable[Looker], now: datetime) -> list[Asked]:
    """Put those together who ask one source one and the same question, and wait equally long."""
    alone: list[Asked] = []
    shared: dict[Hashable, Asked] = {}
    for looker in lookers:
        query = _only_question(looker, now)
        if query is None:
            alone.append(Asked(None, [looker]))
            continue
        planned = looker.planned
        key = (planned.source, query, planned.check.timeout)
        try:
            asked = shared.setdefault(key, Asked(query))
        except TypeError:  # a question of a plugin that holds a list
            alone.append(Asked(query, [looker]))
            continue
        asked.lookers.append(looker)
    return [*alone, *shared.values()]


def _only_question(looker: Looker, now: datetime) -> Query | None:
    check = looker.planned.check
    try:
        if check.remembers(now) is not None:
            return None
        queries = check.ask(now)
    except Exception:  # noqa: BLE001  # its look will say what is wrong with the plugin
        return None
    return queries[0] if len(queries) == 1 else None


async def look_together(
    asked: Asked, now: datetime, bulkheads: Bulkheads, found: Callable[[Sequence[Finding]], None]
) -> None:
    """Ask once, and hand over what each found."""
    first = asked.lookers[0]
    if asked.query is None:
        found(await look(first.planned, first.due_at, now, bulkheads))
        return
    teams = [one.planned.team for one in asked.lookers]
    try:
        answer = await bulkheads.ask(first.planned.source, asked.query, first.asking(now), teams)
    except SourceError as error:
        found(failed(asked.lookers, now, error, bulkheads))
        return
    found(answered(asked.lookers, now, [answer], bulkheads))
