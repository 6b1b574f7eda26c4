"""What stands behind a backslash, and the text that is read."""

import re

from monitor.core.re2.letters import CATEGORIES, LAST, PERL, Part
from monitor.core.re2.tree import RegexError

_BOUNDS = re.compile(r"\{(\d{1,9})(?:(,)(\d{0,9}))?\}", re.ASCII)
_CONTROLS = {"a": "\a", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_OCTAL = "01234567"
_HEX = "0123456789abcdefABCDEF"


class Source:
    """A pattern and how far it was read."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    @property
    def is_done(self) -> bool:
        """Whether nothing is left."""
        return self.at >= len(self.text)

    @property
    def sign(self) -> str:
        """The next sign; empty at the end."""
        return self.text[self.at : self.at + 1]

    @property
    def rest(self) -> str:
        """What is left."""
        return self.text[self.at :]

    def next(self) -> str:
        """Take one sign; an error at the end."""
        if self.is_done:
            raise self.error("the pattern ends too early")
        self.at += 1
        return self.text[self.at - 1]

    def take(self, words: str) -> bool:
        """Take these signs if they stand here."""
        found = self.text.startswith(words, self.at)
        self.at += len(words) if found else 0
        return found

    def take_until(self, end: str) -> str:
        r"""Take all before an end and the end itself; ``\Q`` alone may reach to the last sign."""
        before, found, _ = self.rest.partition(end)
        if not found and end != "\\E":
            raise self.error(f"'{end}' is missing")
        self.at += len(before) + len(found)
        return before

    def take_bounds(self) -> tuple[int, int | None] | None:
        """Take ``{2}``, ``{2,}`` or ``{2,5}``; anything else in braces stands for itself."""
        found = _BOUNDS.match(self.text, self.at)
        if found is None:
            return None
        self.at = found.end()
        low, comma, high = found.groups()
        if comma is None:
            return int(low), int(low)
        return int(low), int(high) if high else None

    def error(self, message: str) -> RegexError:
        """Make an error that says where."""
        return RegexError(f"{message}, at sign {self.at} of the pattern")


def read_group(source: Source) -> Part | None:
    r"""Read ``d``, ``W``, ``pL`` or ``P{Lu}`` behind a backslash; None where none stands here."""
    sign = source.sign
    if sign and sign.lower() in PERL:
        source.next()
        return Part(PERL[sign.lower()], is_negated=sign.isupper())
    if sign not in {"p", "P"}:
        return None
    source.next()
    name = source.take_until("}") if source.take("{") else source.next()
    is_negated = (sign == "P") != name.startswith("^")
    name = name.removeprefix("^")
    if name == "Any":
        return Part(((0, LAST),), is_negated=is_negated)
    if name not in CATEGORIES:
        raise source.error(
            f"the Unicode class '{name}' is not known; categories are (L, Lu, Nd, ...), "
            "of a script write the range"
        )
    return Part(category=name, is_negated=is_negated)


def read_escape(source: Source) -> str:
    """Read one letter behind a backslash."""
    sign = source.next()
    if sign in _CONTROLS:
        return _CONTROLS[sign]
    if sign == "x":
        return _hex(source)
    if sign in _OCTAL and (sign == "0" or (source.sign and source.sign in _OCTAL)):
        return _octal(sign, source)
    if sign.isdecimal() and sign.isascii():
        raise source.error(f"back-references such as \\{sign} are not part of RE2")
    if sign.isascii() and not sign.isalnum():
        return sign
    raise source.error(f"\\{sign} is not part of RE2")


def _octal(first: str, source: Source) -> str:
    digits = first
    while len(digits) < 3 and source.sign and source.sign in _OCTAL:  # noqa: PLR2004  # \123
        digits += source.next()
    return chr(int(digits, 8))


def _hex(source: Source) -> str:
    digits = source.take_until("}") if source.take("{") else source.next() + source.next()
    if not digits or any(digit not in _HEX for digit in digits) or int(digits, 16) > LAST:
        raise source.error(f"'{digits}' is no code point in hexadecimal digits")
    return chr(int(digits, 16))
