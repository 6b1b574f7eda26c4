"""Tokens exactly as Trino's own lexer cuts them, as far as a guard must know.

A second parser may read a text in another way than Trino does: comments that nest, a quote that is
escaped. What is hidden from it in that way is still run. This one follows Trino's grammar
(`SqlBase.g4` of 476): ``--`` to the end of the line, ``/* */`` that do not nest, texts in ``'``
and names in ``"`` that double their quote, ``$$ ... $$``, and nothing else.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

_TOKEN = re.compile(
    r"""
    (?P<space>   [ \r\n\t]+ )
  | (?P<comment> --[^\r\n]* | /\*.*?\*/ )
  | (?P<text>    '(?:[^']|'')*' | \$\$.*?\$\$ )
  | (?P<quoted>  "(?:[^"]|"")*" | `(?:[^`]|``)*` )
  | (?P<word>    [A-Za-z0-9_]+ )
  | (?P<sign>    . )
    """,
    re.VERBOSE | re.DOTALL,
)


class Token(NamedTuple):
    """A word, a quoted name, a text or a sign; ``word`` is in capitals, empty for the others."""

    text: str
    kind: str
    word: str

    @property
    def name(self) -> str:
        """The name as Trino compares it: in small letters, without its quotes."""
        if self.kind == "quoted":
            return self.text[1:-1].replace('""', '"').lower()
        return self.text.lower() if self.kind == "word" else ""


def tokens(text: str) -> Iterator[Token]:
    """Cut a text into what is neither space nor comment."""
    for match in _TOKEN.finditer(text):
        kind = str(match.lastgroup)
        if kind not in {"space", "comment"}:
            yield Token(match[0], kind, match[0].upper() if kind == "word" else "")
