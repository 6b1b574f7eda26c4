"""The values that the whole monitor speaks of. Frozen, standard library only.

Moments are aware and in UTC, durations are ``timedelta``, shares are fractions (0.12 is 12 %).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar, TypeAlias

from monitor.core.business_days import EVERY_DAY, BusinessDays
from monitor.core.labels import Labels
from monitor.core.value import value
from monitor.core.whole import INFINITE_AS_TEXT

Evidence: TypeAlias = Mapping[str, Any]
"""JSON values by name: numbers, texts, lists and mappings that survive a trip through the store."""


class Tier(StrEnum):
    """What a breached limit means for people."""

    WARN = "warn"
    PAGE = "page"


class Outcome(StrEnum):
    """What one look at one slice came to.

    ``pending`` is an answer that may not be judged yet (an incomplete bucket, a detector that is
    still learning); ``skipped`` is a due slot that was left out for a stored reason.
    """

    OK = "ok"
    WARN = "warn"
    PAGE = "page"
    NO_DATA = "no_data"
    ERROR = "error"
    BLOCKED = "blocked"
    PENDING = "pending"
    SKIPPED = "skipped"

    @property
    def is_judged(self) -> bool:
        """Whether the slice was really looked at and compared with its limits."""
        return self in {Outcome.OK, Outcome.WARN, Outcome.PAGE, Outcome.BLOCKED}


class Unit(StrEnum):
    """The unit of a measure: it decides how limits are read and how numbers are written."""

    NUMBER = "number"
    SECONDS = "seconds"
    SHARE = "share"
    BYTES = "bytes"


class Direction(StrEnum):
    """The side of a limit that is bad."""

    ABOVE = "above"
    BELOW = "below"


@value(frozen=True, slots=True)
class Sample:
    """One measured number of one slice.

    ``is_noise`` marks a number that the kind has shown to be explained by chance (an anomaly
    inside its band): it is kept and shown, and never breaches a limit.
    """

    __pydantic_config__: ClassVar = INFINITE_AS_TEXT

    measure: str
    value: float
    slice: Labels = ()
    unit: Unit = Unit.NUMBER
    evidence: Evidence = field(default_factory=dict)
    is_noise: bool = False


@dataclass(frozen=True, slots=True)
class NoData:
    """A slice about which the answer says nothing; never a falling number."""

    reason: str
    slice: Labels = ()


@dataclass(frozen=True, slots=True)
class NotYet:
    """A slice that may not be judged yet: its bucket is incomplete or its detector is learning."""

    reason: str
    slice: Labels = ()


Measured: TypeAlias = Sample | NoData | NotYet


@dataclass(frozen=True, slots=True)
class Limit:
    """A bound on one measure; ``bound`` is in the measure's unit (seconds, fraction, number)."""

    __pydantic_config__: ClassVar = INFINITE_AS_TEXT

    measure: str
    bound: float
    bad: Direction
    unit: Unit = Unit.NUMBER

    def is_breached_by(self, value: float) -> bool:
        """Say whether the value lies on the bad side; the bound itself is bad above.

        ``queued: 50`` means that 50 queued queries are too many; ``workers: 50%`` that fewer than
        half of the workers are too few.
        """
        return value >= self.bound if self.bad is Direction.ABOVE else value < self.bound


@dataclass(frozen=True, slots=True)
class Hold:
    """How long a breach must last before it counts.

    Either a duration, or ``needed`` breaches among the last ``window`` looks. The default asks
    for nothing: the first breach counts.
    """

    duration: timedelta = timedelta(0)
    needed: int = 1
    window: int = 1


@dataclass(frozen=True, slots=True)
class TierRule:
    """The limits of one tier; any one that is breached makes the slice that tier."""

    tier: Tier
    limits: tuple[Limit, ...]
    hold: Hold = Hold()


@dataclass(frozen=True, slots=True)
class Breach:
    """A sample on the bad side of a limit, kept so that messages show the judged numbers."""

    sample: Sample
    limit: Limit


@value(frozen=True, slots=True)
class Verdict:
    """The outcome of one slice of one check at one time.

    ``tier`` is what the limits say before lineage and ``hold`` are considered; ``blocked_by``
    names the red resource upstream when the outcome is ``blocked``. ``maintainer`` is one that
    the asked system itself named (a tag, a Spark conf), or None.
    """

    check: str
    slice: Labels
    at: datetime
    outcome: Outcome
    tier: Tier | None = None
    reason: str = ""
    samples: tuple[Sample, ...] = ()
    breach: Breach | None = None
    blocked_by: str | None = None
    maintainer: str | None = None
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Resource:
    """Anything with an owner: a table, pipeline, cluster, service, model, dashboard.

    ``backfill`` is a Jinja template of the command that fills a gap; it sees ``from`` and ``to``
    (first and last missing partition), ``end`` (exclusive) and ``partitions``.
    """

    name: str
    maintainer: str | None = None
    upstream: tuple[str, ...] = ()
    backfill: str | None = None
    links: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Hours:
    """Working hours: weekdays (Monday is 0) and a local range that may cross midnight.

    ``start`` and ``end`` are minutes after local midnight; ``end`` is exclusive. Of the weekdays
    only those days count that count in the calendar. ``timezone`` is that of the platform where it
    is None.
    """

    weekdays: frozenset[int]
    start: int
    end: int
    timezone: str | None = None
    calendar: BusinessDays = EVERY_DAY


@dataclass(frozen=True, slots=True)
class Maintainer:
    """A team or person: who is told (``receivers``), who is woken (``page``), and when.

    ``people`` are addresses, ``groups`` what sign-in calls the same people.
    """

    name: str
    receivers: tuple[str, ...]
    page: tuple[str, ...] = ()
    hours: Hours | None = None
    people: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Override:
    """Somebody is on call instead of the rotation; ``end`` is exclusive."""

    person: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class EscalationStep:
    """Receivers that are told of a page that was not acknowledged for ``after``."""

    after: timedelta
    receivers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OnCall:
    """A rotation of people with a hand-over every ``every`` since ``start``.

    Hand-overs keep their local time in ``timezone`` when the clocks change.
    """

    rotation: tuple[str, ...]
    receivers: tuple[str, ...]
    every: timedelta = timedelta(weeks=1)
    start: datetime | None = None
    timezone: str = "UTC"
    overrides: tuple[Override, ...] = ()
    escalation: tuple[EscalationStep, ...] = ()
