"""The plan: all that the files say, resolved and typed, ready to run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path
from typing import NamedTuple, TypeAlias

from monitor.api.check import Check
from monitor.api.receiver import Receiver
from monitor.api.source import Source
from monitor.core.business_days import EVERY_DAY, BusinessDays
from monitor.core.digest import Edition
from monitor.core.labels import Labels
from monitor.core.model import Maintainer, OnCall, Resource, Tier, TierRule
from monitor.core.routing import Routing

EXPOSED = (
    "'web: {{listen: {host}:...}}' can be reached from other machines: set `web: {{token: "
    '"${{MONITOR_TOKEN}}"}}` or `web: {{proxy: ...}}`, or listen on 127.0.0.1'
)

Network: TypeAlias = IPv4Network | IPv6Network


class Place(NamedTuple):
    """Where something is written; lines and columns count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        """Write ``file:line:column``."""
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a check is due: every so often, or by cron in an IANA zone. One of the two is given."""

    every: timedelta | None = None
    cron: str | None = None
    timezone: str = "UTC"


@dataclass(frozen=True, slots=True)
class CheckTest:
    """One of ``tests:``: what a file of rows must lead to at a moment, in UTC.

    ``expect`` is a tier or an outcome; ``slice`` are labels that the slice must have, none means
    the worst slice.
    """

    at: datetime
    rows: Path
    expect: str
    slice: Labels
    place: Place


@dataclass(frozen=True, slots=True)
class PlannedCheck:
    """One check, ready to run.

    ``maintainer`` is resolved: the check's own key, else the resource's, else the defaults';
    None means that discovery or on-call decides. ``after`` names checks whose red state blocks
    this one. A ``critical`` one is asked even while its source is overloaded; one
    without ``batch`` asks for itself. ``written`` is the
    id as it stands in the file, before ``for_each`` fills it in; ``origins`` says where each of
    its keys is written, where somebody wants to know. ``is_urgent`` says that it goes before others
    where a source is slow: it may page, or is critical.
    """

    check: Check
    source: str
    schedule: Schedule
    tiers: tuple[TierRule, ...]
    place: Place
    team: str
    maintainer: str | None = None
    resource: str | None = None
    after: tuple[str, ...] = ()
    wake: bool = False
    runbook: str | None = None
    description: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    keep_firing_for: timedelta = timedelta(0)
    critical: bool = False
    batch: bool = True
    tests: tuple[CheckTest, ...] = ()
    written: str = ""
    origins: Mapping[str, Place] = field(default_factory=dict)
    # Known from the others; each look reads them several times.
    id: str = field(init=False, repr=False, compare=False)
    kind: str = field(init=False, repr=False, compare=False)
    is_urgent: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Remember what each look asks for."""
        object.__setattr__(self, "id", self.check.id)
        object.__setattr__(self, "kind", self.check.kind)
        may_page = any(rule.tier is Tier.PAGE for rule in self.tiers)
        object.__setattr__(self, "is_urgent", self.critical or may_page)


@dataclass(frozen=True, slots=True)
class DigestPlan:
    """When a digest leaves (local time, weekdays with Monday 0), for whom, and which edition.

    ``audience`` is ``on_call`` or ``maintainers``, each of whom reads of its own things only and,
    without ``heartbeat``, nothing where nothing was. ``timezone`` is empty for the platform's. On
    a day off of the ``calendar`` none leaves.
    """

    name: str
    hour: int
    minute: int
    weekdays: frozenset[int]
    audience: str = "on_call"
    edition: Edition = Edition.FULL
    heartbeat: bool = False
    timezone: str = ""
    calendar: BusinessDays = EVERY_DAY


@dataclass(frozen=True, slots=True)
class Problem:
    """One error of the configuration, with its place and the nearest valid name."""

    place: Place
    message: str
    suggestion: str | None = None
    check: str | None = None

    def __str__(self) -> str:
        """Write the line that ``monitor lint`` prints."""
        hint = f"; did you mean '{self.suggestion}'?" if self.suggestion else ""
        return f"{self.place}: {self.message}{hint}"


@dataclass(frozen=True, slots=True)
class BrokenFile:
    """A file of checks with problems: whom it concerns, and what is wrong with it."""

    file: str
    maintainer: str | None
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Proxy:
    """The proxy that signs people in: it alone is believed when a header says who somebody is."""

    trusted: tuple[Network, ...]
    user_header: str = "X-Forwarded-Email"
    groups_header: str = "X-Forwarded-Groups"


@dataclass(frozen=True, slots=True)
class Web:
    """Where the pages are served, and who is let in.

    Whoever brings the ``token`` is an administrator; so are the ``admins``, by address or as
    ``group:<name>``.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    token: str | None = field(default=None, repr=False)
    proxy: Proxy | None = None
    admins: tuple[str, ...] = ()

    @property
    def is_guarded(self) -> bool:
        """Whether somebody must say who they are."""
        return self.token is not None or self.proxy is not None

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the address."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


@dataclass(frozen=True, slots=True)
class AuditorPlan:
    """Who is paged when the monitor itself fails, and what waits outside for its word."""

    fallback: tuple[str, ...] = ()
    ping: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that runs. ``revision`` is a hash of what the files say.

    ``broken`` are the files whose checks do not run as written, by their path below the folder of
    checks; ``asks`` says that a query found some of the checks, so that it may find others later,
    and ``is_stale`` that it could not be asked: its last good answer goes on. ``unasked`` are
    definitions, as written, whose queries nobody was to ask; they make no checks here.
    """

    timezone: str
    store: str
    web: Web
    sources: Mapping[str, Source]
    receivers: Mapping[str, Receiver]
    maintainers: Mapping[str, Maintainer]
    resources: Mapping[str, Resource]
    on_call: OnCall
    checks: Mapping[str, PlannedCheck]
    digests: tuple[DigestPlan, ...] = ()
    routing: Routing = field(default_factory=Routing)
    holidays: frozenset[date] = frozenset()
    templates: Path | None = None
    auditor: AuditorPlan = AuditorPlan()
    revision: str = ""
    loaded_at: datetime | None = None
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    broken: Mapping[str, BrokenFile] = field(default_factory=dict)
    asks: bool = False
    is_stale: bool = False
    unasked: frozenset[str] = frozenset()
