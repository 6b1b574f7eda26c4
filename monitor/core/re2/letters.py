"""Sets of letters: ranges, Unicode categories, negation, and upper and lower case as one."""

import unicodedata
from dataclasses import dataclass
from functools import cache

LAST = 0x10FFFF
_LAST_CASED = 0x1E943
"""The last letter that has a case (Adlam, Unicode 9)."""


@dataclass(frozen=True, slots=True)
class Part:
    """Ranges of code points (both ends included) and categories, negated or not.

    A category is a prefix of Unicode's general category: ``L`` or ``Lu``.
    """

    ranges: tuple[tuple[int, int], ...] = ()
    category: str | None = None
    is_negated: bool = False

    def holds(self, points: tuple[int, ...]) -> bool:
        """Say whether any of the code points, which are one letter's cases, is in the set."""
        found = any(low <= point <= high for point in points for low, high in self.ranges)
        if not found and self.category is not None:
            found = any(_is_of(self.category, point) for point in points)
        return found != self.is_negated


@dataclass(frozen=True, slots=True)
class Letters:
    """A set of letters; ``folds`` ignores case."""

    parts: tuple[Part, ...]
    is_negated: bool = False
    folds: bool = False

    def hold(self, letter: str) -> bool:
        """Say whether a letter is in the set."""
        point = ord(letter)
        points = cases_of(point) if self.folds else (point,)
        return any(part.holds(points) for part in self.parts) != self.is_negated


def _is_of(category: str, point: int) -> bool:
    found = unicodedata.category(chr(point))
    # C without a second letter leaves out what Unicode has not given out yet.
    return found.startswith(category) and found != "Cn"


def cases_of(point: int) -> tuple[int, ...]:
    """Return the code points that differ from one only in case, itself among them.

    Simple case folding, as Go has it: k, K and the Kelvin sign are one letter.
    """
    return _families().get(point, (point,))


@cache
def _families() -> dict[int, tuple[int, ...]]:
    by_fold: dict[int, list[int]] = {}
    for point in range(_LAST_CASED + 1):
        folded = _fold(point)
        if folded != point:
            by_fold.setdefault(folded, [folded]).append(point)
    return {point: tuple(family) for family in by_fold.values() for point in family}


def _fold(point: int) -> int:
    letter = chr(point)
    # Full folding writes some letters as two; the simple one of those is their lower case.
    for folded in (letter.casefold(), letter.lower()):
        if len(folded) == 1:
            return ord(folded)
    return point


def ranges(text: str) -> tuple[tuple[int, int], ...]:
    """Make ranges from pairs of letters: ``09AZ`` is 0-9 and A-Z."""
    return tuple((ord(text[n]), ord(text[n + 1])) for n in range(0, len(text), 2))


PERL = {
    "d": ranges("09"),
    "w": ranges("09AZ__az"),
    "s": ranges("\t\n\f\r  "),
}
POSIX = {
    "alnum": ranges("09AZaz"),
    "alpha": ranges("AZaz"),
    "ascii": ranges("\0\x7f"),
    "blank": ranges("\t\t  "),
    "cntrl": ranges("\0\x1f\x7f\x7f"),
    "digit": ranges("09"),
    "graph": ranges("!~"),
    "lower": ranges("az"),
    "print": ranges(" ~"),
    "punct": ranges("!/:@[`{~"),
    "space": ranges("\t\r  "),
    "upper": ranges("AZ"),
    "word": ranges("09AZ__az"),
    "xdigit": ranges("09AFaf"),
}
CATEGORIES = frozenset(
    major + minor
    for major, minors in (
        ("C", "cfos"),
        ("L", "lmotu"),
        ("M", "cen"),
        ("N", "dlo"),
        ("P", "cdefios"),
        ("S", "ckmo"),
        ("Z", "lps"),
    )
    for minor in ("", *minors)
)
