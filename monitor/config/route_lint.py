"""Routes that no alert ever reaches."""

from collections.abc import Iterator
from dataclasses import dataclass

from monitor.core.matcher import Matcher, Operator
from monitor.core.route_tree import Route

_ALWAYS = frozenset({".*", "(.*)", "(?s).*", "(?s:.*)", "(?:.*)"})
"""What matches every value; a line break in a label, which the first does not match, aside."""


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
