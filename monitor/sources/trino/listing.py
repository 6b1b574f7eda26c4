"""The list of queries, within what one look may read: a busy cluster remembers thousands.

Trino has no short form of its list, but the queries of one state. Each state has its share of what
is left to read: what waits, what runs, what failed, and last what ended well, which most of the
list is. That part is left out for a while where it was too long; counters stand for it. Where more
run than can be read, SQL names those that take most, as long as it is let in.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from monitor.sources.trino.busy import busy_by_rest
from monitor.sources.trino.past import Past
from monitor.sources.trino.rest import Facts, Rest

PATH = "/v1/query"
WAITS = ("QUEUED", "WAITING_FOR_RESOURCES")
RUNS = ("RUNNING", "FINISHING", "PLANNING", "STARTING", "DISPATCHING")
GROUPS_NEED, SQL_NEEDS = 2_000, 5_800
"""Bytes that are left for the resource groups in which somebody waits, and for one statement."""

MORE = 1_200
"""How much more than was asked for may come of an answer that is cut."""

REMEMBERED_FOR = timedelta(minutes=15)
"""How long Trino remembers a query that ended, and so how long a list stays long."""


@dataclass
class Listing:
    """The queries as far as they were read, and the states of which there are more."""

    rest: Rest
    found: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    cut: set[str] = field(default_factory=set)

    def read(self, state: str, share: float) -> None:
        """Read the queries of a state, within a share of what is left."""
        left = self.rest.left - GROUPS_NEED - SQL_NEEDS - MORE
        if left <= 0:
            self.cut.add(state)
            return
        text, was_cut = self.rest.part(f"{PATH}?state={state}", int(left * share))
        entries = list(_entries(text)) if was_cut else json.loads(text)
        self.found |= {str(one["queryId"]): one for one in entries}
        if was_cut:
            self.cut.add(state)

    def read_all(self, states: Iterable[str], share: float, count: int | None) -> None:
        """Read states until so many queries are found in all; None is unknown."""
        for state in states:
            if count is None or len(self.found) < count:
                self.read(state, share)


def listed(rest: Rest, past: Past, known: Facts, now: datetime) -> Facts:
    """Read the queries. Raise SourceError, also for an answer of another shape.

    ``known`` is what the counters told: where nobody waits nobody need be asked for.
    """
    listing = Listing(rest)
    queued, running = known.get("queued"), known.get("running")
    listing.read_all(WAITS, 0.25, queued)
    # Trino counts as queued what is planned and started, too.
    living = None if queued is None or running is None else queued + running
    listing.read_all(RUNS, 0.5, living)
    listing.read("FAILED", 0.5)
    if past.long_until is None or now >= past.long_until:
        listing.read("FINISHED", 1.0)
        past.long_until = now + REMEMBERED_FOR if "FINISHED" in listing.cut else None
    else:
        listing.cut.add("FINISHED")
    facts = busy_by_rest(listing.found[key] for key in sorted(listing.found))
    few = {"queued"} if listing.cut & set(WAITS) else set[str]()
    few |= {"running", "blocked"} if listing.cut & set(RUNS) else set()
    told = {key: it for key, it in facts.items() if key not in few or known.get(key) is None}
    return told | {"is_partial": bool(listing.cut), "cut": frozenset(listing.cut)}


def joined(listed: Facts, by_sql: Facts) -> Facts:
    """Add to the queries of a list that was cut those that SQL knows."""
    queries = listed["queries"]
    known = {one.id for one in queries}
    return {"queries": (*queries, *(one for one in by_sql["queries"] if one.id not in known))}


def _entries(text: str) -> Iterable[Mapping[str, Any]]:
    """Yield the whole entries of a list that was cut anywhere."""
    decoder, at = json.JSONDecoder(), 0
    while (begin := text.find("{", at)) >= 0:
        try:
            entry, at = decoder.raw_decode(text, begin)
        except ValueError:
            return
        yield entry
