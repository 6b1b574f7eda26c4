"""The rows of the status page: one a check, and there are thousands, so each is one text."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from heapq import nsmallest
from typing import Any, TypeAlias
from urllib.parse import quote

from markupsafe import Markup, escape

from monitor.core.judge import WORST_FIRST
from monitor.core.labels import text_of
from monitor.core.model import Outcome, Unit
from monitor.render.units import local, number
from monitor.web import strips

MOST_TEXT = 240
NOT_YET = "not yet"
_RANKS = {outcome: rank for rank, outcome in enumerate((*WORST_FIRST[:-1], NOT_YET, Outcome.OK))}

Row: TypeAlias = tuple[int, str, str, str, str]
"""Rank, check, outcome, moment, what it says: the worst are the smallest. A bare tuple of texts:
thousands of anything else would be gone through by the collector of garbage."""

Told: TypeAlias = Mapping[str, Any]
"""A verdict as JSON values, without what is as by default."""


def row_of(check: str, verdicts: list[Told], timezone: str) -> Row:
    """Say how a check is by its newest look; ``verdicts`` are the newest of its slices."""
    if not verdicts:
        return (_RANKS[NOT_YET], check, NOT_YET, "", "")
    at = max(verdict["at"] for verdict in verdicts)
    fresh = (verdict for verdict in verdicts if verdict["at"] == at)
    top = min(fresh, key=lambda verdict: _RANKS[verdict["outcome"]])
    says = _says(top)
    return (_RANKS[top["outcome"]], check, top["outcome"], _local(at, timezone), says)


def worst_of(names: Sequence[str], outcomes: Iterable[tuple[str, str]], most: int) -> set[str]:
    """Return so many checks, those that are worst by the newest outcomes of their slices."""
    worst = outcome_of_each(names, outcomes)
    key = lambda name: (_RANKS[worst[name]], name)  # noqa: E731  # of these outcomes
    return set(nsmallest(most, names, key))


def outcome_of_each(names: Iterable[str], outcomes: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the worst of the newest outcomes of each check's slices; ``NOT_YET`` without any."""
    found: dict[str, str] = {}
    for name, outcome in outcomes:
        if _RANKS[outcome] < _RANKS[found.setdefault(name, outcome)]:
            found[name] = outcome
    return {name: found.get(name, NOT_YET) for name in names}


def html_of(rows: Iterable[Row], strip: Callable[[str], str]) -> Markup:
    """Write rows of the table, each with the strip of its letters.

    A template takes three times as long for thousands of them.
    """
    made = [
        # The names of outcomes, moments and strips are ours; everything else is escaped.
        f"<tr><td>{_link(check)}</td><td>{strips.strip(strip(check))}</td>"
        f'<td><span class="tag {outcome}">{outcome}</span></td><td>{at}</td>'
        f'<td class="says">{escape(says) if says else ""}</td></tr>\n'
        for _, check, outcome, at, says in rows
    ]
    return Markup("".join(made))  # noqa: S704  # see above


@lru_cache(maxsize=20_000)
def _link(check: str) -> str:
    return f'<a href="/checks/{quote(check)}">{escape(check)}</a>'


@lru_cache(maxsize=10_000)
def _local(at: str, timezone: str) -> str:
    return local(datetime.fromisoformat(at), timezone)


def _says(verdict: Told) -> str:
    said = verdict.get("reason") or _breach(verdict)
    if said and verdict["slice"]:
        said = f"{text_of(tuple(map(tuple, verdict['slice'])))} {said}"
    return said if len(said) <= MOST_TEXT else said[: MOST_TEXT - 2] + " …"


def _breach(verdict: Told) -> str:
    if verdict["outcome"] == Outcome.OK or verdict.get("breach") is None:
        return ""
    sample, limit = verdict["breach"]["sample"], verdict["breach"]["limit"]
    value, bound = _number(sample, "value"), _number(limit, "bound")
    return f"{sample['measure']} {value} (limit {bound})"


def _number(told: Told, name: str) -> str:
    return number(float(told[name]), Unit(told.get("unit", Unit.NUMBER)))
