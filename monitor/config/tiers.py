"""``warn:`` and ``page:`` into limits, typed by the measures of the kind."""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache

from monitor.api.check import Measure
from monitor.api.fields import UnitError, meant_duration, parse_duration, parse_share
from monitor.config.plan import Place
from monitor.config.report import Report, or_known
from monitor.config.typed import Subject
from monitor.config.yaml_tree import Entry, Fields, Node, Text
from monitor.core.model import Direction, Hold, Limit, Tier, TierRule, Unit

_COUNT = re.compile(r"(\d{1,3})\s+of\s+(\d{1,3})")
_BYTES = re.compile(r"(\d+(?:\.\d+)?)\s*(B|kB|MB|GB|TB|PB|KiB|MiB|GiB|TiB|PiB)")
_POWERS = ("", "k", "m", "g", "t", "p")
_NO_HOLD = Hold()
# Thousands of checks have few different tiers: shared ones take less memory, and are read faster.
_shared_rule = lru_cache(maxsize=4096)(TierRule)


def read_tiers(
    entries: Mapping[str, Entry],
    measures: Mapping[str, Measure],
    complete: Callable[[Sequence[TierRule]], tuple[TierRule, ...]],
    report: Report,
    subject: Subject,
) -> tuple[TierRule, ...]:
    """Read both tiers of a check; what is wrong is reported and left out.

    ``complete`` is the kind's own word on them: it may have defaults.
    """
    rules: list[TierRule] = []
    for tier in Tier:
        entry = entries.get(tier.value)
        if entry is None:
            continue
        limits = tuple(_limits(tier, entry, measures, report, subject))
        rules.append(_shared_rule(tier, limits, _hold(entry.value, report, subject)))
    completed = complete(rules)
    if not completed:
        message = f"{subject.name} needs 'warn' or 'page': without a limit it never tells anybody"
        report.add(subject.place, message, check=subject.check)
    _compare(rules, entries, report, subject)
    return completed


@lru_cache(maxsize=1024)
def parse_hold(text: str) -> Hold:
    """Read ``5m`` or ``2 of 3``. Raise ValueError for the rest."""
    count = _COUNT.fullmatch(text.strip())
    if count is None:
        try:
            return Hold(duration=parse_duration(text))
        except ValueError:
            message = f"'{text}' must be a duration, as 5m, or a count, as 2 of 3"
            raise UnitError(message, meant_duration(text)) from None
    needed, window = int(count.group(1)), int(count.group(2))
    if not 1 <= needed <= window:
        raise ValueError(f"'{text}' can never be true; write it as 2 of 3")
    return Hold(needed=needed, window=window)


@lru_cache(maxsize=4096)
def parse_bound(text: str, unit: Unit) -> float:
    """Read a limit in the unit of its measure; see ``Limit.bound``. Raise ValueError."""
    if unit is Unit.SECONDS:
        return parse_duration(text).total_seconds()
    if unit is Unit.SHARE:
        return _finite(parse_share(text), text)
    if unit is Unit.BYTES:
        return _bytes(text)
    try:
        return _finite(float(text), text)
    except ValueError:
        raise ValueError(f"'{text}' is not a number") from None


def _finite(number: float, text: str) -> float:
    if not math.isfinite(number):
        raise ValueError(f"'{text}' is not a number")
    return number


def _bytes(text: str) -> float:
    match = _BYTES.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"'{text}' is not a size; write it as 500MB or 2GiB")
    unit = match.group(2).lower()
    base = 1024 if "i" in unit else 1000
    return float(match.group(1)) * float(base ** _POWERS.index(unit.rstrip("b").rstrip("i")))


def _limits(
    tier: Tier, entry: Entry, measures: Mapping[str, Measure], report: Report, subject: Subject
) -> Iterator[Limit]:
    node = entry.value
    written: dict[str, Entry] = {}
    if isinstance(node, Text):
        written = {next(iter(measures), ""): Entry(node.place, node)}
    elif isinstance(node, Fields):
        written = {key: value for key, value in node.entries.items() if key != "for"}
    if not written:
        message = f"'{tier}' of {subject.name} needs a number or measures: {', '.join(measures)}"
        report.add(entry.place, message, check=subject.check)
    for name, value in written.items():
        measure = measures.get(name)
        if measure is None:
            named, hint = or_known(name, (*measures, "for"))
            message = f"'{tier}' of {subject.name} has no measure '{name}'{named}"
            report.add(value.place, message, suggestion=hint, check=subject.check)
            continue
        bound = _bound(f"'{tier}.{name}' of {subject.name}", value, measure, report, subject)
        if bound is None:
            continue
        limit = Limit(name, bound, measure.bad, measure.unit)
        if _never(limit, measure):
            message = f"'{tier}.{name}' of {subject.name} can never be: {name} is never that "
            message += "high" if measure.bad is Direction.ABOVE else "low"
            report.add(value.value.place, message, check=subject.check)
        yield limit


def _never(limit: Limit, measure: Measure) -> bool:
    """Say whether no number that the measure can have breaches the limit."""
    if limit.bad is Direction.ABOVE:
        return measure.most is not None and not limit.is_breached_by(measure.most)
    return limit.bound <= measure.least


def _bound(
    name: str, entry: Entry, measure: Measure, report: Report, subject: Subject
) -> float | None:
    if not isinstance(entry.value, Text):
        report.add(entry.place, f"{name} must be one value", check=subject.check)
        return None
    try:
        return parse_bound(entry.value.text, measure.unit)
    except ValueError as error:
        hint = getattr(error, "suggestion", None)
        place = entry.value.place
        report.add(place, f"{name} is wrong: {error}", suggestion=hint, check=subject.check)
        return None


def _hold(node: Node, report: Report, subject: Subject) -> Hold:
    entry = node.entries.get("for") if isinstance(node, Fields) else None
    if entry is None:
        return _NO_HOLD
    text = entry.value.text if isinstance(entry.value, Text) else "a list or map"
    try:
        return parse_hold(text)
    except ValueError as error:
        message = f"'for' of {subject.name} is wrong: {error}"
        hint = getattr(error, "suggestion", None)
        report.add(entry.value.place, message, suggestion=hint, check=subject.check)
        return _NO_HOLD


def _compare(
    rules: list[TierRule], entries: Mapping[str, Entry], report: Report, subject: Subject
) -> None:
    """Report a page limit that is reached before or with the warn limit: warn says nothing then."""
    by_tier = {rule.tier: {limit.measure: limit for limit in rule.limits} for rule in rules}
    warn, page = by_tier.get(Tier.WARN, {}), by_tier.get(Tier.PAGE, {})
    for name in warn.keys() & page.keys():
        first, second = warn[name].bound, page[name].bound
        is_above = warn[name].bad is Direction.ABOVE
        if second > first if is_above else second < first:
            continue
        side = "above" if is_above else "below"
        message = f"'page' of {subject.name} must be {side} 'warn' for {name}: warn could never be"
        report.add(_place(entries["page"], name), f"{message} seen alone", check=subject.check)


def _place(entry: Entry, measure: str) -> Place:
    node = entry.value
    if isinstance(node, Fields) and measure in node.entries:
        return node.entries[measure].value.place
    return node.place
