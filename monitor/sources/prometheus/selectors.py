"""Reading PromQL of one shape: selectors that differ in one value become one question.

Only what is certain is read: a selector of one metric, alone or in a function of its own past, each
series of which is answered by itself. Anything else is asked alone, as it is written.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TypeAlias

_LABEL = r"[A-Za-z_][A-Za-z0-9_]*"
_MATCHER = re.compile(rf'\s*({_LABEL})\s*(=~|!~|!=|=)\s*("[^"\\\n]*")\s*')
_SELECTOR = re.compile(
    r"\s*(?:(?P<function>[a-z_]+)\s*\(\s*)?(?P<metric>[A-Za-z_:][A-Za-z0-9_:]*)\s*"
    r'\{(?P<matchers>(?:[^"{}]|"[^"\\\n]*")*)\}\s*(?:\[(?P<span>[0-9]+[smhd])\]\s*\)\s*)?'
)
_BY_ITSELF = frozenset(
    {
        "rate",
        "irate",
        "increase",
        "delta",
        "idelta",
        "deriv",
        "changes",
        "resets",
        "avg_over_time",
        "count_over_time",
        "last_over_time",
        "max_over_time",
        "min_over_time",
        "sum_over_time",
    }
)
"""Functions of the past of one series, which keep its labels."""

_SPECIAL = re.compile(r"[.+*?()|\[\]{}^$]")

Matcher: TypeAlias = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Selector:
    """A selector of one metric: matchers are (label, sign, quoted value)."""

    function: str
    metric: str
    span: str
    matchers: tuple[Matcher, ...]

    def without(self, label: str) -> "Selector":
        """Return what it has in common with those that differ in this label."""
        return replace(self, matchers=tuple(one for one in self.matchers if one[0] != label))

    def value(self, label: str) -> str:
        """Return what a label must equal."""
        return next(text[1:-1] for name, _, text in self.matchers if name == label)


@lru_cache(maxsize=20_000)
def read_selector(text: str) -> Selector | None:
    """Read a text; None where it is not certain what it asks for."""
    match = _SELECTOR.fullmatch(text)
    if match is None or (match["function"] is None) is not (match["span"] is None):
        return None
    if match["function"] is not None and match["function"] not in _BY_ITSELF:
        return None
    matchers = [_MATCHER.fullmatch(part) for part in _parts(match["matchers"])]
    read = tuple((m[1], m[2], m[3]) for m in matchers if m is not None)
    if len(read) < len(matchers) or len({label for label, _, _ in read}) < len(read):
        return None
    return Selector(match["function"] or "", match["metric"], match["span"] or "", read)


def _parts(matchers: str) -> list[str]:
    """Cut at the commas that stand in no quotes; one at the end is allowed."""
    parts = re.findall(r'(?:[^",]|"[^"]*")+', matchers)
    return [part for part in parts if part.strip()]


def shapes(selectors: Mapping[int, Selector]) -> list[tuple[str, list[int]]]:
    """Return which differ in one label only: the label, and their keys."""
    could = {
        key: [
            (label, one.without(label))
            for label, sign, text in one.matchers
            if sign == "=" and text != '""' and label != "__name__"
        ]
        for key, one in selectors.items()
    }
    sizes = Counter(shape for mine in could.values() for shape in mine)
    found: dict[tuple[str, Selector], list[int]] = {}
    for key, mine in could.items():
        if mine:
            found.setdefault(max(mine, key=lambda shape: sizes[shape]), []).append(key)
    return [(label, keys) for (label, _), keys in found.items() if len(keys) > 1]


def merged(selectors: Sequence[Selector], label: str) -> str:
    """Write one text that asks for the series of all of them."""
    first = selectors[0]
    values = dict.fromkeys(one.value(label) for one in selectors)
    either = "|".join(_SPECIAL.sub(lambda match: rf"\\{match[0]}", value) for value in values)
    matchers = ", ".join(
        f'{name}=~"{either}"' if name == label else f"{name}{sign}{text}"
        for name, sign, text in first.matchers
    )
    selector = f"{first.metric}{{{matchers}}}"
    return f"{first.function}({selector}[{first.span}])" if first.function else selector
