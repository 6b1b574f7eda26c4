"""Running a pattern: all ways through it at once, one letter at a time, each step remembered."""

from dataclasses import dataclass, field
from enum import Enum, auto
from functools import lru_cache

from monitor.core.re2.letters import PERL, Letters, Part
from monitor.core.re2.parse import parse
from monitor.core.re2.tree import At, Choice, Node, One, Place, RegexError, Repeat, Sequence

MAX_STEPS = 20_000
"""The largest program; a pattern beyond it is refused."""
MAX_REMEMBERED = 5_000
"""How many moves of one pattern are remembered before it starts afresh."""

_WORD = Letters((Part(PERL["w"]),))


class _Side(Enum):
    """What stands beside a place in the text: enough to decide every assertion."""

    EDGE = auto()
    NEWLINE = auto()
    WORD = auto()
    OTHER = auto()


@dataclass(slots=True)
class _Step:
    """Takes a letter of ``letters`` or passes the place ``at``, then goes on at ``to``."""

    letters: Letters | None = None
    at: At | None = None
    to: tuple[int, ...] = ()


@dataclass(eq=False, slots=True)
class _State:
    """Where all ways through the program are, and what stands before them."""

    steps: frozenset[int]
    before: _Side
    moves: dict[str, "_State"] = field(default_factory=dict)
    accepts: bool | None = None


class Pattern:
    """A compiled pattern."""

    def __init__(self, text: str) -> None:
        """Compile; raise RegexError for what is not RE2."""
        self.text = text
        program = _Program()
        start = program.add(parse(text), program.end)
        self._steps, self._end = program.steps, program.end
        self._looks_around = any(step.at is not None for step in program.steps)
        self._start = frozenset({start})
        self._forget()

    def matches(self, text: str) -> bool:
        """Say whether the whole text matches, in time linear in its length."""
        state = self._first
        for letter in text:
            known = state.moves.get(letter)
            state = known if known is not None else self._move(state, letter)
            if not state.steps:
                return False
        if state.accepts is None:
            state.accepts = self._end in self._reach(state, _Side.EDGE)
        return state.accepts

    def _forget(self) -> None:
        self._states: dict[tuple[frozenset[int], _Side], _State] = {}
        self._remembered = 0
        self._first = self._state(self._start, _Side.EDGE)

    def _state(self, steps: frozenset[int], before: _Side) -> _State:
        # Without assertions nothing depends on what came before, and states can be shared.
        side = before if self._looks_around else _Side.OTHER
        return self._states.setdefault((steps, side), _State(steps, side))

    def _move(self, state: _State, letter: str) -> _State:
        if self._remembered >= MAX_REMEMBERED:
            self._forget()
        side = _side_of(letter)
        after: set[int] = set()
        for number in self._reach(state, side):
            step = self._steps[number]
            if step.letters is not None and step.letters.hold(letter):
                after.update(step.to)
        moved = self._state(frozenset(after), side)
        state.moves[letter] = moved
        self._remembered += 1
        return moved

    def _reach(self, state: _State, after: _Side) -> set[int]:
        """Follow everything that takes no letter."""
        reached: set[int] = set()
        waiting = list(state.steps)
        while waiting:
            number = waiting.pop()
            if number in reached:
                continue
            reached.add(number)
            step = self._steps[number]
            if step.letters is None and (step.at is None or _holds(step.at, state.before, after)):
                waiting.extend(step.to)
        return reached


@lru_cache(maxsize=4096)
def compile_pattern(text: str) -> Pattern:
    """Compile a pattern, each text once; raise RegexError for what is not RE2."""
    return Pattern(text)


def _side_of(letter: str) -> _Side:
    if letter == "\n":
        return _Side.NEWLINE
    return _Side.WORD if _WORD.hold(letter) else _Side.OTHER


def _holds(at: At, before: _Side, after: _Side) -> bool:
    match at:
        case At.TEXT_START:
            return before is _Side.EDGE
        case At.TEXT_END:
            return after is _Side.EDGE
        case At.LINE_START:
            return before in {_Side.EDGE, _Side.NEWLINE}
        case At.LINE_END:
            return after in {_Side.EDGE, _Side.NEWLINE}
        case At.WORD_EDGE:
            return (before is _Side.WORD) != (after is _Side.WORD)
        case At.NO_WORD_EDGE:
            return (before is _Side.WORD) == (after is _Side.WORD)


class _Program:
    """The steps, built from the end to the start: each part is told where to go on."""

    def __init__(self) -> None:
        self.steps: list[_Step] = [_Step()]
        self.end = 0

    def add(self, node: Node, to: int) -> int:
        """Add a part that goes on at ``to``; return where it starts."""
        if isinstance(node, One):
            return self._put(_Step(letters=node.letters, to=(to,)))
        if isinstance(node, Place):
            return self._put(_Step(at=node.at, to=(to,)))
        if isinstance(node, Sequence):
            for part in reversed(node.parts):
                to = self.add(part, to)
            return to
        if isinstance(node, Choice):
            return self._put(_Step(to=tuple(self.add(option, to) for option in node.options)))
        return self._repeat(node, to)

    def _repeat(self, node: Repeat, to: int) -> int:
        if node.high is None:
            loop = self._put(_Step())
            self.steps[loop].to = (self.add(node.part, loop), to)
            to = loop
        else:
            for _ in range(node.high - node.low):
                to = self._put(_Step(to=(self.add(node.part, to), to)))
        for _ in range(node.low):
            to = self.add(node.part, to)
        return to

    def _put(self, step: _Step) -> int:
        if len(self.steps) >= MAX_STEPS:
            raise RegexError(f"the pattern is too large: more than {MAX_STEPS} steps")
        self.steps.append(step)
        return len(self.steps) - 1
