"""What an alert says in one sentence, from the numbers that were judged and no others."""

from collections.abc import Mapping

from monitor.core.alert import AlertState
from monitor.core.incident import IncidentView, Member
from monitor.core.labels import text_of
from monitor.core.model import Direction, Sample
from monitor.render.explained import explained
from monitor.render.storm import storm_headline
from monitor.render.units import number

MOST_NAMES = 24
"""Missing partitions that a message names: a day of hours; further ones are counted."""

MOST_GAPS = 5
"""Gaps of one alert that a message shows, and commands; the pages have them all."""

MOST_VICTIMS = 5
MOST_MEMBERS = 10
"""Alerts of one incident that a message lists, own and folded ones each; the rest is counted."""

_PHRASES = {
    "age": "is {} behind",
    "late": "is {} late",
    "drop": "is {} below what was expected",
    "rise": "is {} above what was expected",
    "failed": "failed {} times in a row",
    "missing": "misses {} partitions",
    "queued": "has {} queries queued",
    "errors": "fails {} of its requests",
}
"""How well-known measures read after the name of what was measured."""


def title(view: IncidentView) -> str:
    """Say the state and the headline: ``PAGE impressions-fresh: ... is 6h behind (limit 6h)``."""
    return f"{state(view)} {headline(view)}"


def state(view: IncidentView) -> str:
    """Return ``PAGE``, ``WARN`` or ``RESOLVED``."""
    return view.incident.tier.upper() if view.is_open else "RESOLVED"


def headline(view: IncidentView) -> str:
    """Say what an incident is about: its worst alert, and how many more there are."""
    if view.storm is not None:
        return storm_headline(view, view.storm)
    if not view.own:
        return view.incident.check
    first = next((m for m in view.own if m.state is AlertState.FIRING), view.own[0])
    more = len(view.own) - 1
    tail = f" (+{more} more)" if more else ""
    return f"{first.check}: {sentence(first)}{tail}"


def subject(view: IncidentView) -> str:
    """Name what an incident was about, without its numbers: for one that is over."""
    if view.storm is not None:
        return f"{view.incident.members} incidents at once"
    first = next(iter(view.own), None)
    where = text_of(first.slice) if first else ""
    more = f" (+{len(view.own) - 1} more)" if len(view.own) > 1 else ""
    parts = [view.incident.check, view.incident.resource or "", where]
    return ": ".join(dict.fromkeys(part for part in parts if part)) + more


def sentence(member: Member) -> str:
    """Say what one alert is about: ``model=ranker: p99 812ms (limit 800ms)``."""
    where = text_of(member.slice)
    return f"{where}: {_what(member)}" if where else _what(member)


def _what(member: Member) -> str:
    told = (member.evidence or {}).get("says")
    if isinstance(told, str) and told and member.state is not AlertState.RESOLVED:
        return f"{member.resource or 'it'} {told}"
    if member.breach is None or member.state is AlertState.RESOLVED:
        return _well(member)
    limit = member.breach.limit
    side = "" if limit.bad is Direction.ABOVE else "at least "
    bound = number(limit.bound, limit.unit)
    text = f"{_measured(member, member.breach.sample)} (limit {side}{bound})"
    count = sum(len(gap.partitions) for gap in member.gaps)
    if not count or member.breach.sample.measure == "missing":
        return text
    return f"{text}, {count} {'partition' if count == 1 else 'partitions'} missing"


def _well(member: Member) -> str:
    """Say what is known where nothing is breached: it is over, or nothing was seen."""
    if member.state is not AlertState.RESOLVED:
        return member.summary or "its last look breached no limit"
    if member.breach is not None:
        return "back within its limits"
    if member.samples:
        return f"back within its limits, {_measured(member, member.samples[0])}"
    return "can be judged again, within its limits"  # it was told because nothing was seen


def _measured(member: Member, sample: Sample) -> str:
    value = number(sample.value, sample.unit)
    phrase = _PHRASES.get(sample.measure)
    subject = str((member.evidence or {}).get("metric") or member.resource or "")
    if phrase is None or sample.value < 0:
        return f"{subject} {sample.measure} {value}".strip()
    return f"{subject or 'it'} {phrase.format(value)}"


def details(member: Member, zone: str | None = None) -> list[str]:
    """Return further lines: what is missing, what was expected, who holds the cluster.

    Times are in a zone, else in UTC, which they say.

    Evidence that is not as expected is left out; a message is never lost to it.
    """
    named = [gap for gap in member.gaps if gap.partitions]
    lines = [f"missing: {_names(gap.partitions)}" for gap in named[:MOST_GAPS]]
    if len(named) > MOST_GAPS:
        lines.append(f"and {len(named) - MOST_GAPS} more gaps")
    evidence = member.evidence or {}
    expectation = _expectation(evidence)
    if expectation:
        lines.append(expectation)
    standing = evidence.get("standing")
    if isinstance(standing, str) and standing:
        lines.append(standing)
    lines.extend(explained(evidence, zone))
    holders = evidence.get("holders")
    if isinstance(holders, list | tuple):
        lines.extend(_holder(one) for one in holders if isinstance(one, Mapping))
    victims = evidence.get("victims")
    if isinstance(victims, list | tuple):
        lines.extend(_victim(one) for one in victims[:MOST_VICTIMS] if isinstance(one, Mapping))
    unseen = evidence.get("unseen")
    if isinstance(unseen, list | tuple) and unseen:
        lines.append(f"checks that cannot look: {_names(tuple(map(str, unseen)))}")
    return lines


def _names(partitions: tuple[str, ...]) -> str:
    more = len(partitions) - MOST_NAMES
    named = ", ".join(partitions[:MOST_NAMES])
    return f"{named} and {more} more" if more > 0 else named


def _expectation(evidence: Mapping[str, object]) -> str:
    value, expected = evidence.get("value"), evidence.get("expected")
    low, high = evidence.get("low"), evidence.get("high")
    if not isinstance(value, int | float) or not isinstance(expected, int | float):
        return ""
    text = f"{number(value)} where {number(expected)} was expected"
    if not isinstance(low, int | float) or not isinstance(high, int | float):
        return text
    return f"{text} ({number(low)} to {number(high)})"


def _victim(one: Mapping[str, object]) -> str:
    """Say whose dashboard or pipeline suffers, and how."""
    owner = f" ({one['maintainer']})" if one.get("maintainer") else ""
    parts = [f"{one[word]} {word}" for word in ("waiting", "failed") if one.get(word)]
    return f"suffers: {one.get('resource') or 'unknown'}{owner}: {', '.join(parts)}"


def _holder(one: Mapping[str, object]) -> str:
    who = str(one.get("user") or "unknown user")
    through = f" through {one['source']}" if one.get("source") else ""
    count, share = one.get("queries"), one.get("share")
    parts = [f"{count} queries"] if isinstance(count, int) else []
    if isinstance(share, int | float):
        parts.append(f"{share * 100:.0f} %")
    usual = one.get("usual")
    if isinstance(usual, int | float):
        parts.append(f"usually {usual * 100:.0f} %")
    return f"held by {who}{through}" + (": " + ", ".join(parts) if parts else "")
