"""The gate of a source: so many questions at once, and fair turns for those who wait."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

QUANTUM_SECONDS = 0.1
"""What a team that owes is let off in each round of turns."""

QUICK_SECONDS = 0.02
"""What is answered within it is not worth a turn of its own."""

Turn: TypeAlias = asyncio.Future[None]


@dataclass
class Gate:
    """Lets ``free`` questions through at once; urgent ones first, each kind in turns by team.

    Turns are a deficit round robin: a team whose questions took long owes their seconds, and lets
    the others pass until it is let off. Nobody owes anything once nobody waits.

    Up to ``ahead`` more may pass to wait behind the gate, one for each answer in a row that came at
    once: threads of a source then go from one question to the next without the loop between.
    """

    free: int
    ahead: int = 0
    _lent: int = 0
    _urgent: dict[str, deque[Turn]] = field(default_factory=dict)
    _others: dict[str, deque[Turn]] = field(default_factory=dict)
    _owed: dict[str, float] = field(default_factory=dict)

    @property
    def waiting(self) -> int:
        """How many wait."""
        return sum(map(len, [*self._urgent.values(), *self._others.values()]))

    async def enter(self, team: str, is_urgent: bool) -> None:
        """Wait for a turn; whoever has had it leaves."""
        if self._has_room:
            self.free -= 1
        else:
            await self._wait(self._urgent if is_urgent else self._others, team)

    def leave(self) -> None:
        """Give a turn back."""
        self.free += 1
        while self._has_room:
            turn = self._next(self._urgent) or self._next(self._others)
            if turn is None:
                self._owed.clear()
                return
            self.free -= 1
            turn.set_result(None)

    @property
    def _has_room(self) -> bool:
        return self.free + self._lent > 0

    def charge(self, teams: Sequence[str], seconds: float) -> None:
        """Let teams owe what a question took, in equal parts for each check that asked."""
        self._lent = min(self._lent + 1, self.ahead) if seconds < QUICK_SECONDS else 0
        share = seconds / len(teams)
        for team in teams:
            self._owed[team] = self._owed.get(team, 0.0) + share

    async def _wait(self, queue: dict[str, deque[Turn]], team: str) -> None:
        mine: Turn = asyncio.get_running_loop().create_future()
        queue.setdefault(team, deque()).append(mine)
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():  # the turn came too late
                self.leave()
            raise

    def _next(self, queue: dict[str, deque[Turn]]) -> Turn | None:
        """Take out whose turn it is; None when nobody waits who still wants it."""
        while queue:
            team = next(iter(queue))
            waiting = queue.pop(team)
            while waiting and waiting[0].done():  # whoever waited was cancelled
                waiting.popleft()
            if not waiting:
                continue
            queue[team] = waiting
            if self._owed.get(team, 0.0) > 0:
                self._owed[team] -= QUANTUM_SECONDS
                continue
            turn = waiting.popleft()
            if not waiting:
                del queue[team]
            return turn
        return None
