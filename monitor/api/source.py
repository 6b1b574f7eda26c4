"""A source: a system that is asked."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, ClassVar, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from monitor.api.answer import Answer
from monitor.api.query import Query
from monitor.api.workers import Workers

QueryType: TypeAlias = type[Query]

MOST_TOGETHER = 50
"""Questions in one request: half a request fails with the fault of one of them."""

SOURCES: dict[str, type["Source"]] = {}
"""Every source type that was imported, by name."""


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks, about which moment, and how long it may take (queueing included).

    An ``urgent`` one goes before others: what it asks may page somebody.
    ``askers`` names every check that will get the answer, with its team, where they share it.
    """

    now: datetime
    timeout: timedelta
    check: str = ""
    team: str = ""
    urgent: bool = field(default=False, kw_only=True)
    askers: tuple[tuple[str, str], ...] = field(default=(), kw_only=True)


class Source(BaseModel, ABC):
    """A system that is asked: subclass it as ``class Sql(Source, type="sql")``.

    Fields are its settings in config.yaml. ``answers`` declares which questions it can answer; a
    check that asks another is an error when the configuration is loaded. ``ungated`` are those
    that cost the system next to nothing: they wait for no other question.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    type: ClassVar[str]
    answers: ClassVar[frozenset[QueryType]]
    ungated: ClassVar[frozenset[QueryType]] = frozenset()
    extra: ClassVar[str | None] = None
    remembers: ClassVar[bool] = False
    """Whether it answers about ``asking.now`` however long ago that is, and so can be replayed."""

    name: str = Field(description="The name of the source, from its key.")
    maintainer: str | None = Field(default=None, description="Who is told when it cannot be asked.")
    max_concurrency: int = Field(default=4, ge=1, description="Questions under way at once.")
    batch: bool = Field(
        default=True, description="`false`: each check asks for itself, nothing is merged."
    )

    def __init_subclass__(cls, type: str | None = None, **options: Any) -> None:  # noqa: A002  # the word of the configuration
        """Register the source under its type."""
        super().__init_subclass__(**options)
        if type is not None:
            cls.type = type
            SOURCES[type] = cls

    @abstractmethod
    async def ask(self, query: Query, asking: Asking) -> Answer:
        """Answer one question within ``asking.timeout``; raise SourceError when it cannot be done.

        Cancellation must leave nothing running on the system that was asked.
        """

    def merge(self, questions: Sequence[Query]) -> Sequence[Sequence[int]]:
        """Say which questions may be asked together, as places in the sequence.

        Each set is asked as one ``Together``, at most ``MOST_TOGETHER`` at once. Only what is sure
        to be answered as it would be alone may be merged: what is not named is asked alone.
        The same questions must have the same answer: it is remembered.
        """
        return ()

    def objections(self, query: Query) -> Iterable[str]:
        """Say why the source would refuse a question, as far as it can tell without asking."""
        return ()

    def keepsake(self, now: datetime) -> str | None:
        """Return what is known and shall outlive the daemon, a short text; None for nothing.

        It is asked for every ten minutes and at the end, in another thread than questions.
        """
        return None

    def recall(self, kept: str, now: datetime) -> None:
        """Take up, before the first question, what a source of this name and type knew.

        Raise ValueError, with why, for what is of no use any more; it is then learned again.
        """

    async def close(self) -> None:
        """Let go of connections; asking again is an error after that."""


class BlockingSource(Source):
    """A source whose driver blocks: it gets threads of its own, never the loop's.

    A call that nobody waits for any more is given up: another thread takes the place of its own.
    """

    _workers: Workers | None = PrivateAttr(default=None)

    async def ask(self, query: Query, asking: Asking) -> Answer:
        """Answer in one of the source's own threads."""
        if self._workers is None:
            self._workers = Workers(self.max_concurrency, f"source-{self.name}")
        return await self._workers.run(partial(self.ask_blocking, query, asking))

    @property
    def is_local(self) -> bool:
        """Whether most questions take less time than their way into a thread and back: a file."""
        return False

    @property
    def lost(self) -> int:
        """How many threads hang in calls that were given up."""
        return 0 if self._workers is None else self._workers.lost

    @abstractmethod
    def ask_blocking(self, query: Query, asking: Asking) -> Answer:
        """Answer one question; must itself keep the deadline and cancel on the server."""

    async def close(self) -> None:
        """Let go of the threads."""
        if self._workers is not None:
            self._workers.close()
