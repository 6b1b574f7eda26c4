"""The text of matchers: names, operators and values, quoted or bare."""

import re
from collections.abc import Iterator

Triple = tuple[str, str, str]

SPACES = "\t\n\v\f\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
"""White space as Unicode has it."""
_TOKEN = re.compile(
    rf"""[{SPACES}]*(?:
        (?P<sign>[{{}},])
      | (?P<operator>=~|!=|!~|=)
      | (?P<quoted>"(?:[^"\\]|\\.)*")
      | (?P<bare>[^{SPACES}{{}}!=~,\\"'`]+)
    )""",
    re.VERBOSE | re.DOTALL,
)
_SPACE = re.compile(f"[{SPACES}]*")
_ESCAPE = re.compile(
    r"\\(?:(?P<sign>[abfnrtv\\\"])|x(?P<byte>[0-9a-fA-F]{2})|(?P<octal>[0-3][0-7]{2})"
    r"|u(?P<short>[0-9a-fA-F]{4})|U(?P<long>[0-9a-fA-F]{8})|(?P<wrong>.))",
    re.DOTALL,
)
_SIGNS = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_LAST = 0x10FFFF
_SURROGATES = range(0xD800, 0xE000)


class MatcherError(ValueError):
    """A text that is no matcher; ``column`` counts from 1, None where no place is to blame."""

    def __init__(self, message: str, column: int | None = None) -> None:
        """Say where, for people."""
        super().__init__(f"{message}, at column {column}" if column else message)
        self.column = column


def read_matchers(text: str) -> Iterator[Triple]:
    """Go through name, operator and value of each matcher."""
    reader = _Reader(text)
    is_braced = reader.take("{")
    while not reader.is_at("}", ""):
        yield reader.matcher()
        if not reader.take(","):
            break
    if is_braced and not reader.take("}"):
        raise reader.error("a comma or '}' is missing")
    if not reader.is_at(""):
        raise reader.error("a comma or the end of the matchers is missing")


class _Reader:
    """Tokens of a text, one ahead."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.kind, self.token = "", ""
        self._next = 0
        self._scan()

    def take(self, sign: str) -> bool:
        """Take a sign if it stands here."""
        found = self.is_at(sign)
        if found:
            self._scan()
        return found

    def is_at(self, *signs: str) -> bool:
        """Say whether one of the signs stands here; the empty one is the end."""
        return self.token in signs and self.kind in {"sign", ""}

    def matcher(self) -> Triple:
        """Take a whole matcher."""
        name = self._word("the name of a label is missing")
        if self.kind != "operator":
            raise self.error("one of the operators = != =~ !~ is missing")
        operator = self.token
        self._scan()
        return name, operator, self._word('a value is missing; the empty one is ""')

    def error(self, message: str) -> MatcherError:
        """Make an error at the token that was not expected."""
        return MatcherError(message, self.at + 1)

    def _word(self, missing: str) -> str:
        if self.kind not in {"quoted", "bare"}:
            raise self.error(missing)
        word = self.token
        if self.kind == "quoted":
            word = _unquoted(word[1:-1], self.at + 2)
        try:
            word.encode()
        except UnicodeEncodeError:
            raise self.error("the text is not valid UTF-8") from None
        self._scan()
        return word

    def _scan(self) -> None:
        space = _SPACE.match(self.text, self._next)
        self.at = space.end() if space else self._next
        found = _TOKEN.match(self.text, self._next)
        if found is not None and found.lastgroup is not None:
            self.kind, self.token = found.lastgroup, found.group(found.lastgroup)
            self._next = found.end()
        elif self.at < len(self.text):
            raise self.error(_why(self.text[self.at]))
        else:
            self.kind, self.token = "", ""


def _why(sign: str) -> str:
    if sign == '"':
        return "the closing quote is missing"
    return f"the sign {sign} needs double quotes around it"


def _unquoted(inner: str, column: int) -> str:
    """Undo the escapes of Go's double-quoted strings; bytes must add up to UTF-8."""
    if "\n" in inner:
        place = column + inner.index("\n")
        raise MatcherError("a line break in quotes is written as \\n", place)
    made = bytearray()
    at = 0
    for found in _ESCAPE.finditer(inner):
        made += inner[at : found.start()].encode(errors="surrogatepass") + _escaped(
            found, column + found.start()
        )
        at = found.end()
    made += inner[at:].encode(errors="surrogatepass")
    try:
        return made.decode()
    except UnicodeDecodeError:
        raise MatcherError("the text is not valid UTF-8", column) from None


def _escaped(found: re.Match[str], column: int) -> bytes:
    sign, byte, octal = found["sign"], found["byte"], found["octal"]
    if sign is not None:
        return _SIGNS.get(sign, sign).encode()
    if byte is not None or octal is not None:
        return bytes([int(byte, 16) if byte is not None else int(octal, 8)])
    digits = found["short"] or found["long"]
    if digits is None:
        message = f"the escape {found[0]} is not known; a backslash is written as \\\\"
        raise MatcherError(message, column)
    point = int(digits, 16)
    if point > _LAST or point in _SURROGATES:
        raise MatcherError(f"the escape {found[0]} is no character", column)
    return chr(point).encode()
