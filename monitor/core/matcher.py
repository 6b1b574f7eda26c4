"""Matchers: ``name OP value`` on labels, in the strict UTF-8 grammar of Alertmanager >= 0.27.

A label that is missing has the empty value. Regular expressions are RE2 and match the whole value.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from monitor.core.matcher_text import MatcherError, read_matchers
from monitor.core.re2 import RegexError, compile_pattern

__all__ = ["Matcher", "MatcherError", "Operator", "match_all", "parse_matcher", "parse_matchers"]


class Operator(StrEnum):
    """How a value is compared."""

    EQUAL = "="
    NOT_EQUAL = "!="
    REGEX = "=~"
    NOT_REGEX = "!~"


@dataclass(frozen=True, slots=True, order=True)
class Matcher:
    """One condition on one label. Raise MatcherError for no name or a pattern that is not RE2."""

    name: str
    operator: Operator
    value: str

    def __post_init__(self) -> None:
        """Refuse what could never be meant."""
        if not self.name:
            raise MatcherError("a matcher needs the name of a label")
        if self.operator in {Operator.REGEX, Operator.NOT_REGEX}:
            try:
                compile_pattern(self.value)
            except RegexError as error:
                raise MatcherError(f"the pattern '{self.value}' is wrong: {error}") from None

    def holds(self, value: str) -> bool:
        """Say whether a value fulfils it."""
        operator = self.operator
        if operator is Operator.EQUAL:
            return value == self.value
        if operator is Operator.NOT_EQUAL:
            return value != self.value
        found = compile_pattern(self.value).matches(value)
        return found if operator is Operator.REGEX else not found

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Say whether labels fulfil it."""
        return self.holds(labels.get(self.name, ""))

    def __str__(self) -> str:
        """Write it so that it is read again as the same matcher."""
        return f"{_quoted_name(self.name)}{self.operator}{_quoted(self.value)}"


def match_all(matchers: Iterable[Matcher], labels: Mapping[str, str]) -> bool:
    """Say whether labels fulfil all matchers; no matchers match everything."""
    # A plain loop: with a hundred routes this is where the time goes, and all() costs half of it.
    for matcher in matchers:  # noqa: SIM110  # see above
        if not matcher.holds(labels.get(matcher.name, "")):
            return False
    return True


def parse_matchers(text: str) -> tuple[Matcher, ...]:
    """Read ``a="b"`` or ``{a="b",c=~"d"}``; the empty text and ``{}`` hold no matchers.

    Raise MatcherError with the column.
    """
    return tuple(
        Matcher(name, Operator(operator), value) for name, operator, value in read_matchers(text)
    )


def parse_matcher(text: str) -> Matcher:
    """Read exactly one matcher, without braces; raise MatcherError."""
    if text.startswith("{") or text.endswith("}"):
        raise MatcherError("one matcher stands without braces")
    found = parse_matchers(text)
    if len(found) != 1:
        raise MatcherError(f"one matcher is needed, not {len(found)}")
    return found[0]


def _quoted_name(name: str) -> str:
    is_plain = name.isascii() and name.replace("_", "a").isalnum()
    return name if is_plain else _quoted(name)


def _quoted(text: str) -> str:
    inner = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{inner}"'
