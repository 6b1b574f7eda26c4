"""The list of queries, within what one look may read: a busy cluster remembers thousands.

Trino has no short form of its list, but the queries of one state. Each state has its share of what
is left to read: what waits, what runs, what failed, and last what ended well, which most of the
list is. That part is left out for a while where it was too long; counters stand for it. Where more
run or failed than can be read, SQL names those that take most and failed last, as long as it is let
in: the list is in no order, and ten queries that were cancelled can hide a victim.

Trino leaves out, without a word, what the user may not see. So where the list is not as long as the
counters say they count, and a list of nothing but our own queries tells nothing.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from monitor.api import SourceError
from monitor.sources.trino.address import ME
from monitor.sources.trino.busy import OVER, busy_by_rest
from monitor.sources.trino.past import Past
from monitor.sources.trino.rest import MORE, Facts, Rest

PATH = "/v1/query"
WAITS = ("QUEUED", "WAITING_FOR_RESOURCES")
RUNS = ("RUNNING", "FINISHING", "PLANNING", "STARTING", "DISPATCHING")
FAILED = "FAILED"

A_FEW = 400
"""Bytes below which no query could be read."""

COUNTS = ("queued", "running", "blocked")
NOBODY = "lists no queries but the monitor's own: has its user the right to view those of others?"
SOME = 3
"""Queries that are counted and not listed: fewer may have come or gone between the two."""

REMEMBERED_FOR = timedelta(minutes=15)
"""How long Trino remembers a query that ended, and so how long a list stays long."""


@dataclass
class Listing:
    """The queries as far as they were read, and the states of which there are more."""

    rest: Rest
    spared: int
    found: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    cut: set[str] = field(default_factory=set)

    def read(self, state: str, share: float) -> None:
        """Read the queries of a state, within a share of what is left."""
        most = int((self.rest.left - self.spared - MORE) * share)
        if most < A_FEW:
            self.cut.add(state)
            return
        text, was_cut = self.rest.part(f"{PATH}?state={state}", most)
        entries = list(_entries(text)) if was_cut else json.loads(text)
        self.found |= {str(one["queryId"]): one for one in entries}
        if was_cut:
            self.cut.add(state)

    def read_all(self, states: Iterable[str], share: float, count: int | None) -> None:
        """Read states until so many queries are found in all; None is unknown."""
        for state in states:
            if count is None or len(self.found) < count:
                self.read(state, share)


def listed(
    rest: Rest, past: Past, known: Facts, now: datetime, *, spared: int, if_cut: int
) -> Facts:
    """Read the queries. Raise SourceError, also for an answer of another shape.

    ``known`` is what the counters told: where nobody waits nobody need be asked for. Numbers that
    can be told neither by them nor by the list are told as ``at_least``. ``spared`` are the bytes
    that are left for what comes later in the look, ``if_cut`` those for a statement about queries.
    """
    listing = Listing(rest, spared + if_cut)
    listing.read_all(WAITS, 0.4, known.get("queued"))
    listing.read_all(RUNS, 0.5, _living(known))
    listing.read(FAILED, 0.5)
    if not listing.cut and _living(known) is not None:
        listing.spared = spared
    is_due = past.long_until is None or now >= past.long_until
    if is_due:
        listing.read("FINISHED", 1.0)
    else:
        listing.cut.add("FINISHED")
    told = _told(listing, past, known, now)
    if is_due:  # not before somebody's queries are known to be on it
        past.long_until = now + REMEMBERED_FOR if "FINISHED" in listing.cut else None
    return told


def _told(listing: Listing, past: Past, known: Facts, now: datetime) -> Facts:
    living = _living(known)
    found = [listing.found[key] for key in sorted(listing.found)]
    facts = busy_by_rest(found)
    unseen = 0 if living is None else living - sum(one["state"] not in OVER for one in found)
    may_view = past.others_at is not None and now - past.others_at <= REMEMBERED_FOR
    if not all(map(_is_ours, found)):
        past.others_at = now
    elif not may_view and (living is None or (unseen >= SOME and (found or not listing.cut))):
        raise SourceError("auth", NOBODY)
    few = {"queued"} if listing.cut & set(WAITS) else set[str]()
    few |= {"running", "blocked"} if listing.cut & set(RUNS) else set()
    if unseen >= SOME:
        few |= set(COUNTS)
    is_partial = bool(listing.cut) or (unseen >= SOME and 2 * unseen > (living or 0))
    least = {key: facts.pop(key) for key in few}
    counted = {key: known[key] for key in few if known.get(key) is not None}
    whole = {"is_partial": is_partial, "cut": frozenset(listing.cut)}
    return facts | counted | whole | {"at_least": {} if counted else least}


def leaves_out(cut: Collection[str], known: Facts, past: Past) -> bool:
    """Say whether a list that was cut leaves out who is to be named.

    That is whoever runs; and of what failed the victims, while some wait and the cluster failed
    queries lately: anybody's mistakes fail, too.
    """
    if not set(RUNS).isdisjoint(cut):
        return True
    if FAILED not in cut or not known.get("queued"):
        return False
    before = [it for one in past.points if (it := one.cluster_failures) is not None]
    failed = known.get("cluster_failures")
    return failed is None or not before or failed > min(before)


def checked(known: Facts, by_sql: Facts) -> Facts:
    """Take what SQL knows instead of a list. Raise SourceError where it shows nobody's queries.

    Where the counters say that there are more, they count.
    """
    living = _living(known)
    unseen = 0 if living is None else living - by_sql["queued"] - by_sql["running"]
    if not by_sql["queries"] and (living is None or unseen >= SOME):
        raise SourceError("auth", NOBODY)
    more = unseen >= SOME
    return {key: it for key, it in by_sql.items() if not (more and key in COUNTS and key in known)}


def joined(listed: Facts, by_sql: Facts) -> Facts:
    """Add to the queries of a list that was cut those that SQL knows, and the numbers it lacks."""
    queries = listed["queries"]
    known = {one.id for one in queries}
    counts = {key: by_sql[key] for key in COUNTS if listed.get(key) is None and key in by_sql}
    more = [one for one in by_sql["queries"] if one.id not in known]
    return counts | {"queries": (*queries, *more)}


def _living(known: Facts) -> int | None:
    """Return how many wait or run by the counters; those call queued what is planned, too."""
    queued, running = known.get("queued"), known.get("running")
    return None if queued is None or running is None else queued + running


def _is_ours(entry: Mapping[str, Any]) -> bool:
    return str(entry["session"].get("source") or "").startswith(ME)


def _entries(text: str) -> Iterable[Mapping[str, Any]]:
    """Yield the whole entries of a list that was cut anywhere."""
    decoder, at = json.JSONDecoder(), 0
    while (begin := text.find("{", at)) >= 0:
        try:
            entry, at = decoder.raw_decode(text, begin)
        except ValueError:
            return
        yield entry
