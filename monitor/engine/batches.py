"""Batches: checks that are due together wait in one task for answers that come together."""

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from monitor.api.query import Query
from monitor.api.source import MOST_TOGETHER
from monitor.engine.bulkheads import Bulkheads
from monitor.engine.look import Looker

ALONE_FOR = timedelta(hours=1)
"""How long a question is asked alone that made a batch fail, or was in one that was too slow."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question and those who ask it; without a question, one that asks in a way of its own."""

    query: Query | None
    lookers: list[Looker] = field(default_factory=list)

    @property
    def source(self) -> str:
        """The source that is asked."""
        return self.lookers[0].planned.source


@dataclass
class Apart:
    """The questions that are asked alone for a while, by their source."""

    _until: dict[tuple[str, Query], datetime] = field(default_factory=dict)

    def put(self, batch: Iterable[Asked], now: datetime) -> None:
        """Ask these alone from now on, for a while."""
        self._until = {key: until for key, until in self._until.items() if until > now}
        for one in batch:
            assert one.query is not None
            self._until[one.source, one.query] = now + ALONE_FOR

    def has(self, one: Asked, now: datetime) -> bool:
        """Say whether a question is asked alone now."""
        if not self._until:  # to hash a question takes as long as all else here
            return False
        assert one.query is not None
        until = self._until.get((one.source, one.query))
        return until is not None and until > now


def gather(
    lookers: Iterable[Looker], now: datetime, bulkheads: Bulkheads, apart: Apart
) -> list[list[Asked]]:
    """Cut what is due into batches, each of which asks its source once.

    Who asks one source the same, and waits equally long, shares a question; different questions
    are together where their source says that it answers them as it would alone.
    """
    alone: list[Asked] = []
    shared: dict[Hashable, Asked] = {}
    for looker in lookers:
        planned = looker.planned
        query = _only_question(looker, now)
        if query is None or not (planned.batch and bulkheads.sources[planned.source].batch):
            alone.append(Asked(None, [looker]))
            continue
        key = (planned.source, planned.check.timeout, query)
        try:
            asked = shared.get(key)
        except TypeError:  # a question of a plugin that holds a list
            alone.append(Asked(None, [looker]))
            continue
        if asked is None:
            asked = shared[key] = Asked(query)
        asked.lookers.append(looker)
    return [*([one] for one in alone), *_merged(shared.values(), now, bulkheads, apart)]


def _only_question(looker: Looker, now: datetime) -> Query | None:
    check = looker.planned.check
    try:
        if check.remembers(now) is not None:
            return None
        queries = check.ask(now)
    except Exception:  # noqa: BLE001  # the look itself will say what is wrong with the plugin
        return None
    return queries[0] if len(queries) == 1 else None


def _merged(
    questions: Iterable[Asked], now: datetime, bulkheads: Bulkheads, apart: Apart
) -> list[list[Asked]]:
    fits: dict[Hashable, list[Asked]] = {}
    batches: list[list[Asked]] = []
    for one in questions:
        if apart.has(one, now):
            batches.append([one])
            continue
        planned = one.lookers[0].planned
        fits.setdefault((planned.source, planned.check.timeout), []).append(one)
    for group in (part for one in fits.values() for part in _by_beat(one)):
        queries = tuple(one.query for one in group if one.query is not None)
        sets = bulkheads.merge(group[0].source, queries)
        taken = {place for places in sets for place in places}
        batches += [[one] for n, one in enumerate(group) if n not in taken]
        batches += [
            [group[place] for place in places[start : start + MOST_TOGETHER]]
            for places in sets
            for start in range(0, len(places), MOST_TOGETHER)
        ]
    return batches


def _by_beat(group: Iterable[Asked]) -> Iterator[list[Asked]]:
    """Keep those apart that are due at one moment and fill a request: they come again together.

    So what was found out of them, how they merge and what is then asked, is known the next time.
    """
    beats: dict[datetime | None, list[Asked]] = {}
    for one in group:
        beats.setdefault(one.lookers[0].due_at, []).append(one)
    yield from (mine for mine in beats.values() if len(mine) >= MOST_TOGETHER)
    others = [one for mine in beats.values() if len(mine) < MOST_TOGETHER for one in mine]
    if others:
        yield others
