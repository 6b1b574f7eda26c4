"""Reading a pattern, sign by sign as Go's regexp/syntax does with its Perl flags."""

from dataclasses import dataclass, replace

from monitor.core.re2.escapes import Source, read_escape, read_group
from monitor.core.re2.letters import LAST, POSIX, Letters, Part
from monitor.core.re2.tree import At, Choice, Node, One, Place, Repeat, Sequence

MAX_DEPTH = 100
"""How deep groups may nest (Go: 1000, which Python's stack does not bear)."""
MAX_REPEAT = 1000
"""How often a part may be repeated by numbers, all nested repetitions multiplied, as in Go."""

_PLACES = {
    "A": At.TEXT_START,
    "z": At.TEXT_END,
    "b": At.WORD_EDGE,
    "B": At.NO_WORD_EDGE,
}
_EDGES = {
    ("^", False): At.TEXT_START,
    ("^", True): At.LINE_START,
    ("$", False): At.TEXT_END,
    ("$", True): At.LINE_END,
}
_ANY = Letters((Part(((0, LAST),)),))
_NO_NEWLINE = Letters((Part(((10, 10),)),), is_negated=True)
_REPEATS = {"*": (0, None), "+": (1, None), "?": (0, 1)}


@dataclass(frozen=True, slots=True)
class _Flags:
    """Case ignored (i), ``^`` and ``$`` at lines (m), ``.`` takes newlines (s)."""

    i: bool = False
    m: bool = False
    s: bool = False
    U: bool = False


def parse(text: str) -> Node:
    """Read a whole pattern; raise RegexError for what RE2 refuses."""
    return _Parser(Source(text)).pattern()


class _Parser:
    def __init__(self, source: Source) -> None:
        self.source = source
        self.flags = _Flags()
        self.depth = 0
        self.names: set[str] = set()

    def pattern(self) -> Node:
        node = self._choice()
        if not self.source.is_done:
            raise self.source.error("')' has no '('")
        return node

    def _choice(self) -> Node:
        options = [self._sequence()]
        while self.source.take("|"):
            options.append(self._sequence())
        return options[0] if len(options) == 1 else Choice(tuple(options))

    def _sequence(self) -> Node:
        parts: list[Node] = []
        is_repeated = False
        while not self.source.is_done and self.source.sign not in "|)":
            bounds = self._bounds()
            if bounds is None:
                parts.extend(self._atom())
                is_repeated = False
                continue
            if not parts:
                raise self.source.error("a repetition has nothing to repeat")
            if is_repeated:
                raise self.source.error("a repetition of a repetition is not RE2; use a group")
            is_repeated = True
            parts[-1] = self._repeated(parts[-1], *bounds)
        return parts[0] if len(parts) == 1 else Sequence(tuple(parts))

    def _repeated(self, part: Node, low: int, high: int | None) -> Node:
        if low > MAX_REPEAT or (high is not None and (high > MAX_REPEAT or high < low)):
            raise self.source.error(f"a repetition must be in order and at most {MAX_REPEAT}")
        node = Repeat(part, low, high)
        if _times(node) > MAX_REPEAT:
            raise self.source.error(f"nested repetitions multiply to more than {MAX_REPEAT}")
        return node

    def _bounds(self) -> tuple[int, int | None] | None:
        """Read a repetition, None where none stands here."""
        found = _REPEATS.get(self.source.sign)
        if found is not None:
            self.source.take(self.source.sign)
        else:
            found = self.source.take_bounds()
        if found is not None:
            self.source.take("?")  # which way is tried first does not matter for a whole match
        return found

    def _atom(self) -> list[Node]:
        source = self.source
        sign = source.next()
        if sign == "(":
            return self._group()
        if sign == "[":
            return [One(self._class())]
        if sign == ".":
            return [One(_ANY if self.flags.s else _NO_NEWLINE)]
        if sign in "^$":
            return [Place(_EDGES[sign, self.flags.m])]
        return self._escaped() if sign == "\\" else [self._literal(sign)]

    def _escaped(self) -> list[Node]:
        source = self.source
        place = _PLACES.get(source.sign)
        if place is not None:
            source.next()
            return [Place(place)]
        if source.take("Q"):
            return [self._literal(letter) for letter in source.take_until("\\E")]
        group = read_group(source)
        if group is not None:
            return [One(Letters((group,), folds=self.flags.i))]
        return [self._literal(read_escape(source))]

    def _literal(self, letter: str) -> Node:
        point = ord(letter)
        return One(Letters((Part(((point, point),)),), folds=self.flags.i))

    def _group(self) -> list[Node]:
        outer = self.flags
        if self.source.take("?") and not self._opens():
            return []
        if self.depth >= MAX_DEPTH:
            raise self.source.error(f"groups nest deeper than {MAX_DEPTH}")
        self.depth += 1
        node = self._choice()
        self.depth -= 1
        if not self.source.take(")"):
            raise self.source.error("'(' has no ')'")
        self.flags = outer
        return [node]

    def _opens(self) -> bool:
        """Read what follows ``(?``; False for flags that hold from here on and open no group."""
        source = self.source
        for sign, meaning in (("=", "ahead"), ("!", "ahead"), ("<=", "behind"), ("<!", "behind")):
            if source.take(sign):
                raise source.error(f"looking {meaning}, (?{sign}, is not part of RE2")
        if source.take("P<") or source.take("<"):
            self._name(source.take_until(">"))
            return True
        is_on = True
        saw = False
        while not source.is_done:
            sign = source.next()
            if sign in "imsU":
                self.flags = replace(self.flags, **{sign: is_on})
                saw = True
            elif sign == "-" and is_on:
                is_on = saw = False
            elif sign in ":)" and (is_on or saw):
                return sign == ":"
            else:
                break
        raise source.error("what follows '(?' is not part of RE2")

    def _name(self, name: str) -> None:
        if not name or not name.isascii() or not name.replace("_", "a").isalnum():
            raise self.source.error(f"'{name}' cannot be the name of a group")
        if name in self.names:
            raise self.source.error(f"two groups have the name '{name}'")
        self.names.add(name)

    def _class(self) -> Letters:
        source = self.source
        is_negated = source.take("^")
        parts: list[Part] = []
        while not parts or source.sign != "]":
            if source.is_done:
                raise source.error("'[' has no ']'")
            parts.append(self._class_part())
        source.next()
        return Letters(tuple(parts), is_negated, self.flags.i)

    def _class_part(self) -> Part:
        source = self.source
        if source.take("[:"):
            return _posix(source)
        if source.sign == "\\":
            source.next()
            group = read_group(source)
            if group is not None:
                return group
            low = read_escape(source)
        else:
            low = source.next()
        high = low
        if source.rest.startswith("-") and not source.rest.startswith("-]"):
            source.next()
            high = read_escape(source) if source.take("\\") else source.next()
        if high < low:
            raise source.error(f"the range {low}-{high} is not in order")
        return Part(((ord(low), ord(high)),))


def _posix(source: Source) -> Part:
    is_negated = source.take("^")
    name = source.take_until(":]")
    if name not in POSIX:
        raise source.error(f"there is no class [:{name}:]")
    return Part(POSIX[name], is_negated=is_negated)


def _times(node: Node) -> int:
    """Multiply nested repetitions by numbers."""
    if isinstance(node, Repeat):
        by_number = node.low > 1 or (node.high or 0) > 1
        own = max(node.low, node.high or 0, 1) if by_number else 1
        return own * _times(node.part)
    if isinstance(node, Sequence):
        return max(map(_times, node.parts), default=1)
    if isinstance(node, Choice):
        return max(map(_times, node.options))
    return 1
