"""Reading the PromQL of which it is certain what it asks for.

That is a selector of one metric, alone or in a function of its own past: each series is answered by
itself. And what is computed of aggregations of such: a rate of errors, a quantile of buckets.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import TypeAlias

from monitor.sources.prometheus.expressions import QUANTILE, By, Expression, Matchers, Part

_TOKEN = re.compile(
    r'\s*(?:(?P<name>[A-Za-z_:][A-Za-z0-9_:]*)|(?P<text>"[^"\\\n]*")|(?P<span>\[[0-9]+[smhd]\])'
    r"|(?P<number>[0-9]+(?:\.[0-9]+)?)|(?P<sign>=~|!~|!=|[=(){},/*+-]))"
)
_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
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

_AGGREGATORS = frozenset({"sum", "avg", "min", "max", "count"})
_MATCHES = frozenset({"=", "!=", "=~", "!~"})
_OPERATORS = frozenset("+-*/")
_DEEPEST = 20

Token: TypeAlias = tuple[str, str]


class _UnknownError(Exception):
    """It is not certain what a text asks for."""


class _Reader:
    """Reads the tokens of one text from left to right; the last is an empty one."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens, self._at, self._depth = tokens, 0, 0
        self.parts: list[Part] = []

    @property
    def is_over(self) -> bool:
        return not self._tokens[self._at][0]

    def _next(self, *kinds: str) -> str:
        kind, text = self._tokens[self._at]
        if kind not in kinds:
            raise _UnknownError
        self._at += 1
        return text

    def _has(self, sign: str) -> bool:
        """Pass a sign or a name where it comes next."""
        is_next = self._tokens[self._at][1] == sign
        self._at += is_next
        return is_next

    def _take(self, sign: str) -> None:
        if not self._has(sign):
            raise _UnknownError
        self.parts.append(sign)

    def computed(self) -> None:
        """Read aggregations, and what is computed of them."""
        self._depth += 1
        if self._depth > _DEEPEST:
            raise _UnknownError
        self._operand()
        while self._tokens[self._at][1] in _OPERATORS:
            self.parts.append(f" {self._next('sign')} ")
            self._operand()
        self._depth -= 1

    def _operand(self) -> None:
        if self._tokens[self._at][0] == "number":
            self.parts.append(self._next("number"))
        elif self._tokens[self._at][1] == "(":
            self._take("(")
            self.computed()
            self._take(")")
        elif self._has(QUANTILE):
            self.parts.append(QUANTILE)
            self._take("(")
            self.parts.append(self._next("number"))
            self._take(",")
            self.computed()
            self._take(")")
        else:
            self._aggregation()

    def _aggregation(self) -> None:
        name = self._next("name")
        if name not in _AGGREGATORS:
            raise _UnknownError
        self.parts.append(name)
        place = len(self.parts)
        labels = self._labels() if self._has("by") else None
        self._take("(")
        self.series()
        self._take(")")
        if labels is None:
            labels = self._labels() if self._has("by") else ()
        self.parts.insert(place, By(labels))

    def _labels(self) -> tuple[str, ...]:
        if not self._has("("):
            raise _UnknownError
        found: list[str] = []
        while not self._has(")"):
            if found and not self._has(","):
                raise _UnknownError
            found.append(self._next("name"))
        if not all(map(_LABEL.fullmatch, found)):
            raise _UnknownError
        return tuple(found)

    def series(self) -> None:
        """Read a selector, alone or in a function of the past of each series."""
        name = self._next("name")
        self.parts.append(name)
        if not self._has("("):
            self.parts.append(self._matchers())
        elif name not in _BY_ITSELF:
            raise _UnknownError
        else:
            self.parts += ["(", self._next("name"), self._matchers(), self._next("span")]
            self._take(")")

    def _matchers(self) -> Matchers:
        if not self._has("{"):
            raise _UnknownError
        found: list[tuple[str, str, str]] = []
        while not self._has("}"):
            if found and not self._has(","):
                raise _UnknownError
            if found and self._has("}"):  # a comma at the end is allowed
                break
            label, sign, text = self._next("name"), self._next("sign"), self._next("text")
            if sign not in _MATCHES or not _LABEL.fullmatch(label):
                raise _UnknownError
            found.append((label, sign, text))
        if len({label for label, _, _ in found}) < len(found):
            raise _UnknownError
        return Matchers(tuple(found))


@lru_cache(maxsize=20_000)
def read_expression(text: str) -> Expression | None:
    """Read a text; None where it is not certain what it asks for."""
    tokens, at = [], 0
    text = text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            return None
        tokens.append((match.lastgroup or "", match[0].strip()))
        at = match.end()
    tokens.append(("", ""))
    for is_computed in (True, False):
        reader = _Reader(tokens)
        try:
            reader.computed() if is_computed else reader.series()
        except _UnknownError:
            continue
        found = Expression(tuple(reader.parts))
        if reader.is_over and any(isinstance(one, Matchers) for one in found.parts):
            return found
    return None
