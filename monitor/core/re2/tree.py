"""What a pattern is made of."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from monitor.core.re2.letters import Letters


class RegexError(ValueError):
    """A pattern that RE2 would refuse, or that is too large: what is wrong, and where."""


class At(StrEnum):
    """Places that match between letters and take none."""

    TEXT_START = "text start"
    TEXT_END = "text end"
    LINE_START = "line start"
    LINE_END = "line end"
    WORD_EDGE = "word edge"
    NO_WORD_EDGE = "no word edge"


@dataclass(frozen=True, slots=True)
class One:
    """One letter of a set."""

    letters: Letters


@dataclass(frozen=True, slots=True)
class Place:
    """A place between letters."""

    at: At


@dataclass(frozen=True, slots=True)
class Sequence:
    """One after the other; the empty sequence matches the empty text."""

    parts: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """Any one of several."""

    options: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """At least ``low`` times and at most ``high``, None for any number."""

    part: "Node"
    low: int
    high: int | None


Node: TypeAlias = One | Place | Sequence | Choice | Repeat
