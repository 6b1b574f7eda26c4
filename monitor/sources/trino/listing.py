"""The list of queries, within what one look may read: a busy cluster remembers thousands.

Trino knows no shorter form of the list, but the queries of one state. Where the whole is too long
those that run are read first, then those that wait, that failed and that do not end; those that
ended well are left out, and the counters of the cluster stand for them. What is too long even so is
cut, and said to be.
"""

import json
from datetime import timedelta
from typing import Any

from monitor.sources.trino.busy import busy_by_rest
from monitor.sources.trino.past import Past
from monitor.sources.trino.rest import Facts, Rest
from monitor.sources.trino.turn import Turn

WHOLE = "/v1/query"
STATES = ("RUNNING", "QUEUED", "FAILED", "FINISHING", "WAITING_FOR_RESOURCES")
"""In the order of reading: each may take half of what is left."""

KEPT_FOR_GROUPS = 2000
"""Bytes that are left for the resource groups in which somebody waits."""

REMEMBERED_FOR = timedelta(minutes=15)
"""How long Trino remembers a query that ended, and so how long a list stays long."""


def listed(rest: Rest, past: Past, turn: Turn) -> Facts:
    """Read the queries. Raise SourceError, also for an answer of another shape."""
    if past.long_until is None or turn.now >= past.long_until:
        text, was_cut = rest.part(WHOLE, rest.left - KEPT_FOR_GROUPS)
        past.long_until = turn.now + REMEMBERED_FOR if was_cut else None
        return busy_by_rest(_entries(text)) | {"is_cut": was_cut}
    found: list[Any] = []
    for state in STATES:
        left = rest.left - KEPT_FOR_GROUPS
        if left > 0:
            found += _entries(rest.part(f"{WHOLE}?state={state}", left // 2)[0])
    return busy_by_rest(found) | {"is_cut": True}


def _entries(text: str) -> list[Any]:
    """Return the entries of a list that may have been cut anywhere."""
    decoder, found, at = json.JSONDecoder(), list[Any](), text.index("[") + 1
    while (begin := text.find("{", at)) >= 0:
        try:
            entry, at = decoder.raw_decode(text, begin)
        except ValueError:
            break
        found.append(entry)
    return found
