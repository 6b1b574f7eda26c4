"""Routes that no alert ever reaches, and those that never speak."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

from monitor.core.intervals import DAY, Intervals
from monitor.core.matcher import Matcher, Operator
from monitor.core.route_tree import Route

_ALWAYS = frozenset({".*", "(.*)", "(?s).*", "(?s:.*)", "(?:.*)"})
"""What matches every value; a line break in a label, which the first does not match, aside."""


@cache
def _days() -> tuple[date, ...]:
    """Return the days that are tried: the years of which holidays are known.

    Every weekday falls on every date in them.
    """
    return tuple(date(2010, 1, 1) + timedelta(days=n) for n in range(31 * 365))


@dataclass(frozen=True, slots=True)
class Unreachable:
    """A route and the reason why nothing reaches it."""

    route: Route
    reason: str

    def __str__(self) -> str:
        """Write it for people."""
        return f"no alert ever reaches this route: {self.reason}"


def find_unreachable(root: Route) -> Iterator[Unreachable]:
    """Go through the routes that nothing can reach; those below one are not listed again.

    Only what the matchers prove: equal values, contradictions, and an earlier route that takes
    everything. What is not proven is left alone.
    """
    yield from _below(root, (), ())


def find_speechless(root: Route, intervals: Intervals) -> Iterator[tuple[Route, str]]:
    """Go through the routes that are mute for ever, with the reason: nobody would be told."""
    for route in root.walk():
        active = route.active_time_intervals
        always = [name for name in route.mute_time_intervals if _always_holds(intervals, name)]
        if always:
            yield route, f"'{always[0]}' mutes it at any time"
        elif active and set(active) <= set(route.mute_time_intervals):
            yield route, "all intervals in which it is active mute it, too"
        elif active and all(_never_holds(intervals, name) for name in active):
            yield route, f"no moment lies in {', '.join(map(repr, active))}"


def _always_holds(intervals: Intervals, name: str) -> bool:
    """Say whether an element covers all times of all days."""
    return any(
        one.times is None or (0, DAY) in one.times
        for one in intervals.get(name, ())
        if all(
            part is None
            for part in (
                one.weekdays,
                one.days_of_month,
                one.months,
                one.years,
                one.calendar,
                one.except_calendar,
            )
        )
    )


def _never_holds(intervals: Intervals, name: str) -> bool:
    """Say whether no day fits any element, as for the 30th of February."""
    return not any(one.holds_on(day) for one in intervals.get(name, ()) for day in _days())


def _below(
    node: Route, path: tuple[Matcher, ...], earlier: tuple[Route, ...]
) -> Iterator[Unreachable]:
    """``path`` are the matchers from the root to the node, ``earlier`` the routes before it."""
    before = list(earlier)
    for child in node.routes:
        held = (*path, *child.matchers)
        clash = _contradiction(held)
        taker = next((one for one in before if _implies(held, one.matchers)), None)
        if clash is not None:
            yield Unreachable(child, f"{clash[0]} and {clash[1]} exclude each other")
        elif taker is not None:
            yield Unreachable(
                child,
                f"the route at {taker.place} takes all that it would match; put it before that "
                "one, or let that one continue",
            )
        else:
            yield from _below(child, held, tuple(before))
        if not child.continues:
            before.append(child)


def _implies(held: tuple[Matcher, ...], wanted: tuple[Matcher, ...]) -> bool:
    """Say whether whatever fulfils the held matchers fulfils the wanted ones."""
    values = {m.name: m.value for m in held if m.operator is Operator.EQUAL}
    return all(
        one in held
        or (one.operator is Operator.REGEX and one.value in _ALWAYS)
        or (one.name in values and one.holds(values[one.name]))
        for one in wanted
    )


def _contradiction(held: tuple[Matcher, ...]) -> tuple[Matcher, Matcher] | None:
    for fixed in held:
        if fixed.operator is not Operator.EQUAL:
            continue
        for other in held:
            if other.name == fixed.name and not other.holds(fixed.value):
                return fixed, other
    opposite = {Operator.REGEX: Operator.NOT_REGEX, Operator.EQUAL: Operator.NOT_EQUAL}
    for one in held:
        if one.operator in opposite:
            other = Matcher(one.name, opposite[one.operator], one.value)
            if other in held:
                return one, other
    return None
