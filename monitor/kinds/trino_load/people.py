"""Who holds the cluster, against what they usually hold, and whose work suffers."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cache

from monitor.api import ClusterQuery, LoadSnapshot, holders_of
from monitor.core.re2 import Pattern, compile_pattern
from monitor.kinds.trino_load.picture import lost_and_waiting, running

TOP = 3
MOST_VICTIMS = 10
TOOLS: Mapping[str, re.Pattern[str]] = {
    "superset": re.compile(r"superset", re.IGNORECASE),
    "tableau": re.compile(r"tableau", re.IGNORECASE),
    "looker": re.compile(r"looker", re.IGNORECASE),
    "metabase": re.compile(r"metabase", re.IGNORECASE),
    "dbt": re.compile(r"dbt", re.IGNORECASE),
    "airflow": re.compile(r"airflow", re.IGNORECASE),
    "spark": re.compile(r"\bspark", re.IGNORECASE),
}
"""The tools whose queries somebody waits for, by source, user agent or client information."""

NAMED: Mapping[str, tuple[re.Pattern[str], ...]] = {
    "superset": (re.compile(r"dashboard(?:_?(?:id|slug|title))?[\"']?\s*[=:/]\s*[\"']?([\w.-]+)"),),
    "tableau": (re.compile(r"(?:workbook|dashboard)[\"']?\s*[=:/]\s*[\"']?([\w.-]+)"),),
    "looker": (re.compile(r"dashboard(?:_id)?[\"']?\s*[=:/]\s*[\"']?([\w.-]+)"),),
    "metabase": (re.compile(r"(?:dashboard|card)(?:ID)?[\"']?\s*[=:]\s*[\"']?([\w.-]+)"),),
    "dbt": (re.compile(r"\"node_id\":\s*\"(?:\w+\.)*(\w+)\""),),
    "airflow": (
        re.compile(r"dag_id[\"']?\s*[=:]\s*[\"']?([\w.-]+)"),
        re.compile(r"^airflow[/:.]([\w.-]+)", re.IGNORECASE),
    ),
    "spark": (re.compile(r"^spark[/:.]([\w.-]+)", re.IGNORECASE),),
}
"""How the tools name what they run: in the source or the client information, in a comment."""


def evidence(load: LoadSnapshot, resources: Mapping[str, Pattern]) -> Mapping[str, object]:
    """Tell who and whom. ``resources`` maps names to patterns of source, agent, tags and SQL."""
    held, (lost, waiting) = running(load), lost_and_waiting(load)
    shares = holders_of(held)
    top = sorted(shares, key=lambda who: _excess(who, shares[who], load), reverse=True)[:TOP]
    mine = {who: [one for one in held if (one.user, one.source) == who] for who in top}
    asking = Counter((one.user, one.source) for one in waiting)
    return {
        "holders": [_holder(who, mine[who], shares[who], asking[who], load) for who in top],
        "groups": _groups(load),
        "waiting": [
            {"user": user, "source": source, "count": count}
            for (user, source), count in asking.most_common(TOP)
        ],
        "queries": [one.id for who in top for one in _heaviest(mine[who])],
        "victims": _victims(lost, waiting, resources),
    }


@cache
def anywhere(pattern: str) -> Pattern:
    """Compile a pattern that may match anywhere. Raise RegexError."""
    return compile_pattern(f"(?s:.*)(?:{pattern})(?s:.*)")


def _excess(who: tuple[str, str], share: float, load: LoadSnapshot) -> tuple[float, float]:
    """Order holders by how much more they hold than they usually do; a tie by what they hold."""
    return share - load.usual.get("|".join(who), 0.0), share


def _holder(
    who: tuple[str, str],
    mine: Sequence[ClusterQuery],
    share: float,
    queued: int,
    load: LoadSnapshot,
) -> Mapping[str, object]:
    usual = load.usual.get("|".join(who))
    return {
        "user": who[0],
        "source": who[1],
        "group": mine[0].group,
        "queries": len(mine),
        "queued": queued,
        "slots": sum(one.slots for one in mine),
        "cpu_s": round(sum(one.cpu.total_seconds() for one in mine), 1),
        "memory_bytes": sum(one.memory_bytes for one in mine),
        "share": round(share, 3),
        "usual": None if usual is None else round(usual, 3),
    }


def _heaviest(mine: Sequence[ClusterQuery]) -> Sequence[ClusterQuery]:
    return sorted(mine, key=lambda q: (q.memory_bytes, q.cpu, q.elapsed), reverse=True)[:TOP]


def _groups(load: LoadSnapshot) -> list[Mapping[str, object]]:
    full = sorted(load.groups, key=lambda one: -one.queued)[:TOP]
    return [
        {"name": one.name, "queued": one.queued, "max": one.max_queued, "running": one.running}
        for one in full
    ]


def _victims(
    lost: Iterable[ClusterQuery],
    waiting: Iterable[ClusterQuery],
    resources: Mapping[str, Pattern],
) -> list[Mapping[str, object]]:
    """Group what fails or waits by the dashboard or pipeline that it belongs to."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for word, queries in (("failed", lost), ("waiting", waiting)):
        for query in queries:
            name = victim(query, resources)
            if name is not None:
                counts[name][word] += 1
    worst = sorted(counts.items(), key=lambda item: -item[1].total())[:MOST_VICTIMS]
    return [
        {"resource": name, "waiting": count["waiting"], "failed": count["failed"]}
        for name, count in worst
    ]


def victim(query: ClusterQuery, resources: Mapping[str, Pattern]) -> str | None:
    """Return whose work a query is: a resource, else the source of a known tool, else None."""
    marks = (query.source, query.client_info, query.agent, " ".join(query.tags), query.text)
    whole = "\n".join(marks)
    for name, pattern in resources.items():
        if pattern.matches(whole):
            return name
    by_mark = "\n".join(marks[:4])
    tool = next((name for name, mark in TOOLS.items() if mark.search(by_mark)), None)
    if tool is None:
        return None
    found = (pattern.search(mark) for pattern in NAMED[tool] for mark in marks)
    named = next((match[1] for match in found if match), None)
    return f"{tool}.{named}" if named else query.source
