"""Asking a source for the values of ``for_each``, in a thread and a loop of its own."""

import asyncio
import logging
import threading
from dataclasses import dataclass
from datetime import timedelta

from monitor.api.answer import Answer, Table
from monitor.api.errors import SourceError
from monitor.api.query import Rows
from monitor.api.source import Asking, Source
from monitor.config.finding import Last
from monitor.engine.clock import Clock, SystemClock
from monitor.store import Store
from monitor.store.errors import StoreError

log = logging.getLogger(__name__)

DEADLINE = timedelta(seconds=10)
TOO_LONG = timedelta(days=1)
"""How long the last good answer goes on before the maintainer of the file hears of it."""


@dataclass(frozen=True, slots=True)
class StoredRecall:
    """The last good answers to the queries of ``for_each``, in the store: they outlive a start."""

    store: Store
    clock: Clock

    def keep(self, source: str, query: str, values: tuple[str, ...]) -> None:
        """Remember an answer; a store that cannot be written now is no reason to stop."""
        try:
            self.store.found.keep(source, query, values, self.clock.now())
        except StoreError as error:
            log.warning("what 'for_each' found is not remembered: %s", error)

    def last(self, source: str, query: str) -> Last | None:
        """Return the last one that was good."""
        found = self.store.found.last(source, query)
        if found is None:
            return None
        values, at = found
        is_old = self.clock.now() - at > TOO_LONG
        log.warning("'for_each' cannot ask '%s'; what it found at %s goes on", source, at)
        return Last(values, f"{at:%Y-%m-%d %H:%M} UTC", is_old)


def ask_once(source: Source, query: str, deadline: timedelta = DEADLINE) -> tuple[str, ...]:
    """Return the first column of a query, as texts. Raise SourceError; nothing hangs.

    A source that keeps no deadline is left behind in its thread.
    """
    outcome: list[Answer | BaseException] = []
    thread = threading.Thread(target=_run, args=(source, query, deadline, outcome), daemon=True)
    thread.start()
    thread.join((deadline * 1.5).total_seconds())
    if not outcome:
        raise _too_late(source, deadline)
    (found,) = outcome
    if isinstance(found, SourceError):
        raise found
    if isinstance(found, BaseException):
        raise SourceError("protocol", f"{source.name} failed: {found!r}") from found
    if not isinstance(found, Table):
        raise SourceError("query", f"{source.name} answered with no table")
    return values_of(found)


def values_of(table: Table) -> tuple[str, ...]:
    """Return the texts of the first column; NULLs are left out."""
    cells = next(iter(table.columns.values()), ())
    return tuple(str(cell) for cell in cells if cell is not None)


def _too_late(source: Source, deadline: timedelta) -> SourceError:
    seconds = deadline.total_seconds()
    return SourceError("timeout", f"{source.name} did not answer within {seconds:g} s")


def _run(
    source: Source, query: str, deadline: timedelta, outcome: list[Answer | BaseException]
) -> None:
    try:
        outcome.append(asyncio.run(_ask(source, query, deadline)))
    except BaseException as error:  # noqa: BLE001  # whatever it was, the waiting thread tells it
        outcome.append(error)


async def _ask(source: Source, query: str, deadline: timedelta) -> Answer:
    asking = Asking(SystemClock().now(), deadline, "for_each")
    try:
        async with asyncio.timeout(deadline.total_seconds()):
            return await source.ask(Rows(query), asking)
    except TimeoutError:
        raise _too_late(source, deadline) from None
    finally:
        await source.close()
