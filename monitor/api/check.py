"""A kind: what to ask, and what the answers measure. Pure."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from monitor.api.answer import Answer
from monitor.api.buckets import Remembered
from monitor.api.fields import Duration
from monitor.api.query import Query
from monitor.core.model import Direction, Measured, TierRule, Unit

KINDS: dict[str, type["Check"]] = {}
"""Every kind that was imported, by name; ``monitor.config.plugins`` imports them all."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One number that a kind measures: which side is bad, in what unit.

    ``least`` and ``most`` bound what it can be: a limit beyond them would never fire.
    """

    bad: Direction
    unit: Unit = Unit.NUMBER
    about: str = ""
    least: float = -math.inf
    most: float | None = None


class Slices(BaseModel):
    """How a check fans out, and how much of it is told."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    by: tuple[str, ...] = Field(default=(), description="Columns or labels that make slices.")
    min_value: float = Field(
        default=0,
        description="Slices expected below this (of a rate: its numerator) are not judged.",
    )
    max: int = Field(default=500, ge=1, description="More slices than this are an error.")
    report: int = Field(default=5, ge=1, description="How many slices a message shows.")
    new: Literal["learn"] | None = Field(
        default=None,
        description="`learn`: a new slice is learned before it is judged, by kinds that learn.",
    )


class Check(BaseModel, ABC):
    """A kind of check: subclass it as ``class Threshold(Check, kind="threshold")``.

    Fields are the settings that the kind adds to the common ones; their descriptions become the
    reference page. ``measures`` names what it measures, the first being the primary one that a
    bare number in ``warn:`` or ``page:`` means. A field named like a common setting (``cron``)
    takes that setting over.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    kind: ClassVar[str]
    measures: ClassVar[Mapping[str, Measure]]
    default_every: ClassVar[timedelta] = timedelta(minutes=5)
    default_source: ClassVar[str | None] = None
    default_keep: ClassVar[timedelta] = timedelta(0)
    extra: ClassVar[str | None] = None
    learns: ClassVar[bool] = False
    """Whether it learns a new slice before it judges it."""
    tells_of_missing_data: ClassVar[bool] = False
    """Whether it says when data does not come: what lies downstream leaves that to it."""

    id: str = Field(description="The name of the check, from its key.")
    timezone: str = Field(default="UTC", description="IANA zone of the check's days and hours.")
    slices: Slices = Field(default=Slices(), description="How the check fans out.")
    timeout: Duration = Field(
        default=timedelta(seconds=30), description="How long one look may take, queueing included."
    )

    def __init_subclass__(cls, kind: str | None = None, **options: Any) -> None:
        """Register the kind under its name."""
        super().__init_subclass__(**options)
        if kind is not None:
            cls.kind = kind
            KINDS[kind] = cls

    def complete(self, given: Sequence[TierRule]) -> tuple[TierRule, ...]:
        """Return the tiers of a check that gives these; override where a kind has defaults.

        Without any limit a check never tells anybody, so returning nothing is an error for it.
        """
        return tuple(given)

    @model_validator(mode="after")
    def _learns_if_told(self) -> Self:
        if self.slices.new is not None and not self.learns:
            message = "`slices: {new: learn}` is for kinds that learn; this one judges at once"
            raise ValueError(message)
        return self

    def measures_of(self) -> Mapping[str, Measure]:
        """Return the measures of this very check; override where settings decide the bad side."""
        return self.measures

    def queries(self) -> tuple[type[Query], ...]:
        """Return the types of question that this check asks, for the check against its source."""
        return tuple(type(query) for query in self.ask(_ANY_MOMENT))

    def remembers(self, now: datetime) -> Remembered | None:
        """Say what the daemon shall remember for this check; None asks anew each time.

        Where it remembers, `measure` gets one `Buckets` in the place of the answers.
        """
        return None

    @abstractmethod
    def ask(self, now: datetime) -> Sequence[Query]:
        """Say what to ask at this moment."""

    @abstractmethod
    def measure(self, answers: Sequence[Answer], now: datetime) -> Iterable[Measured]:
        """Turn the answers, in the order of the questions, into samples.

        Yield ``NoData`` for a slice about which they say nothing, ``NotYet`` for one that may not
        be judged yet; yielding nothing at all means no data for the whole check. Raise ValueError
        when an answer cannot be read (a column is missing): the check ends as ``error``.
        """

    def remeasure(
        self, answers: Sequence[Answer], moments: Sequence[datetime]
    ) -> Iterator[Iterable[Measured]] | None:
        """Measure at many moments of the past at once, oldest first; None: look by look.

        ``answers`` are those to the questions of the first moment, asked after the last one. What
        is measured at a moment must not depend on anything that came after it.
        """
        return None


_ANY_MOMENT = datetime.fromisoformat("2026-01-01T00:00:00+00:00")
