"""What an alert of a metric says beyond its number: how rare, since when, where, around what."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, TypeGuard

from monitor.render.units import local, number

DAYS_OF_MONTH, DAYS_OF_YEAR = 30, 365
MOST_SLICES = 5


def explained(evidence: Mapping[str, Any], zone: str | None = None) -> list[str]:
    """Return lines, times in a zone or UTC; evidence that is not as expected is left out."""
    return [
        line
        for line in (*_of_time(evidence, zone), *_of_place(evidence), *_around(evidence))
        if line
    ]


def _of_time(evidence: Mapping[str, Any], zone: str | None) -> Iterator[str]:
    since, lost, days = (evidence.get(name) for name in ("since", "lost_since", "once_in_days"))
    if isinstance(since, str):
        amount = lost if _is_number(lost) else 0.0
        more = f", {number(abs(amount))} {_gap(is_rise=amount < 0)} since then" if amount else ""
        yield f"since {_moment(since, zone)}{more}"
    if _is_number(days):
        yield f"by chance once in {_span(float(days))}"
    before, value = evidence.get("last_week"), evidence.get("value")
    if _is_number(before) and _is_number(value) and before:
        yield f"a week before {number(before)} ({value / before - 1:+.0%})"


def _of_place(evidence: Mapping[str, Any]) -> Iterator[str]:
    share, slices = evidence.get("share"), evidence.get("slices")
    if _is_number(share):
        value, expected = evidence.get("value"), evidence.get("expected")
        is_rise = _is_number(value) and _is_number(expected) and value > expected
        yield f"carries {share:.0%} of what is {_gap(is_rise=is_rise)} in total"
    if slices == "broad":
        yield "broad: spread over most of its slices"
    elif isinstance(slices, list):
        told = [one for one in slices[:MOST_SLICES] if isinstance(one, Mapping)]
        parts = [text for text in map(_slice, told) if text]
        if parts:
            yield "most of it in " + "; ".join(parts)


def _gap(*, is_rise: bool) -> str:
    return "too much" if is_rise else "missing"


def _slice(one: Mapping[str, Any]) -> str:
    labels, share = one.get("slice"), one.get("share")
    if not isinstance(labels, Mapping) or not _is_number(share):
        return ""
    where = ", ".join(f"{name}={value}" for name, value in labels.items())
    return f"{where} {share:.0%}"


def _around(evidence: Mapping[str, Any]) -> Iterator[str]:
    launches, complete = evidence.get("launches"), evidence.get("complete")
    if isinstance(launches, list) and launches:
        yield "launched shortly before: " + "; ".join(map(str, launches))
    if evidence.get("holiday") is True:
        yield "a holiday, judged with a wider band"
    if _is_number(complete):
        yield f"data of this age is {complete:.1%} complete or more, nine times in ten"
    note = evidence.get("note")
    if isinstance(note, str) and note and "holiday" not in note:
        yield note


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _moment(text: str, zone: str | None) -> str:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    return local(at, zone) if zone else f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _span(days: float) -> str:
    if days < DAYS_OF_MONTH:
        return f"{days:.0f} days"
    if days < DAYS_OF_YEAR:
        return f"{days / DAYS_OF_MONTH:.0f} months"
    return f"{days / DAYS_OF_YEAR:.0f} years"
