"""One flight for identical questions: asked once, answered to everybody who asked."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from monitor.api.answer import Answer
from monitor.engine.metrics import Metrics

Asker: TypeAlias = tuple[str, str]
"""A check that asks, and its team."""

Ask = Callable[[list[Asker]], Awaitable[Answer]]
"""Asks; the list names each check that waits, and grows until the answer is there."""


@dataclass
class Flight:
    """A question under way, who joined it, and how many still wait."""

    task: "asyncio.Task[Answer]"
    askers: list[Asker]
    waiting: int = 0


class Flights:
    """The questions under way, by what makes them the same."""

    def __init__(self, metrics: Metrics) -> None:
        """Start with none."""
        self._metrics = metrics
        self._flying: dict[Hashable, Flight] = {}

    async def share(self, key: Hashable, askers: Sequence[Asker], ask: Ask) -> Answer:
        """Return the answer to a question that somebody asks already, else ask it.

        ``askers`` names each check that now waits for it.
        An error is raised to all who wait. One that is cancelled leaves the others their answer;
        with the last one the question itself is cancelled, and waited for until it has ended.
        """
        flight = self._flying.get(key)
        if flight is None:
            joined: list[Asker] = []
            flight = Flight(asyncio.create_task(_asked(ask, joined)), joined)
            self._flying[key] = flight
            flight.task.add_done_callback(partial(self._landed, key, flight))
        flight.askers.extend(askers)
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if not flight.waiting and not flight.task.done():
                self._forget(key, flight)
                flight.task.cancel()
                await asyncio.wait([flight.task])

    def _landed(self, key: Hashable, flight: Flight, _task: "asyncio.Task[Answer]") -> None:
        self._forget(key, flight)
        self._metrics.batch_checks.observe(len(flight.askers))

    def _forget(self, key: Hashable, flight: Flight) -> None:
        """Let nobody join any more; a later flight of the same question stays."""
        if self._flying.get(key) is flight:
            del self._flying[key]


async def _asked(ask: Ask, askers: list[Asker]) -> Answer:
    return await ask(askers)
