"""The sections of config.yaml as people write them, and what their words mean."""

import re
from datetime import date, datetime, timedelta
from functools import cache
from ipaddress import ip_network
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from monitor.api.fields import Clock, Duration, parse_clock
from monitor.config.plan import Network, Web

_TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,60}")
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@cache
def zones() -> frozenset[str]:
    """Return the names of all time zones."""
    return frozenset(available_timezones())


def parse_weekdays(text: str) -> frozenset[int]:
    """Read ``monday:friday`` or ``monday, saturday``; Monday is 0. A range may cross Sunday."""
    days: set[int] = set()
    for part in text.split(","):
        names = [name.strip().lower() for name in part.split(":")]
        wrong = next((name for name in names if name not in _DAYS), None)
        if wrong is not None or len(names) > 2:  # noqa: PLR2004  # a range has two ends
            raise ValueError(f"'{part.strip()}' is no weekday or range; write it as monday:friday")
        first, last = _DAYS.index(names[0]), _DAYS.index(names[-1])
        days.update((first + n) % 7 for n in range((last - first) % 7 + 1))
    return frozenset(days)


def parse_listen(text: str) -> Web:
    """Read ``127.0.0.1:8080``, ``[::1]:8080`` or ``:8080`` (loopback). Port 0 takes a free one."""
    host, colon, port = text.strip().rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65_535:  # noqa: PLR2004  # the last port
        raise ValueError("write the address as 127.0.0.1:8080")
    return Web(host.strip("[]") or "127.0.0.1", int(port))


def parse_local(text: str, timezone: str) -> datetime:
    """Read ``2026-01-05 09:00`` in a zone as a moment in UTC."""
    zone = ZoneInfo(timezone)
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(f"'{text}' is no moment; write it as 2026-01-05 09:00") from None
    local = moment.replace(tzinfo=zone) if moment.tzinfo is None else moment
    return local.astimezone(ZoneInfo("UTC"))


def _range(text: object) -> tuple[int, int]:
    start, dash, end = str(text).partition("-")
    if not dash:
        raise ValueError(f"'{text}' is no range of hours; write it as 09:00-19:00")
    return parse_clock(start), parse_clock(end)


def _days(given: object) -> frozenset[int]:
    return parse_weekdays(",".join(given) if isinstance(given, list) else str(given))


def _zone_or_nothing(name: str) -> str:
    if name and name not in zones():
        raise ValueError(f"'{name}' is no IANA time zone, as Asia/Kolkata")
    return name


def _positive(duration: timedelta) -> timedelta:
    if duration <= timedelta(0):
        raise ValueError("must be longer than nothing")
    return duration


def _networks(given: object) -> tuple[Network, ...]:
    texts = _texts(given)
    if not isinstance(texts, list):
        raise ValueError("write a list of networks, as [10.0.3.0/28]")  # noqa: TRY004  # pydantic's way
    return tuple(parse_network(str(text)) for text in texts)


def parse_network(text: str) -> Network:
    """Read ``10.0.3.0/28`` or a single address."""
    try:
        found = ip_network(text.strip())
    except ValueError as error:
        raise ValueError(f"'{text}' is no network; write it as 10.0.3.0/28: {error}") from None
    if found.prefixlen == 0:
        raise ValueError(f"'{text}' is everybody: any client could say who it is; name the proxy")
    return found


def _header(given: object) -> str:
    name = str(given)
    if not _TOKEN.fullmatch(name):
        raise ValueError(f"'{name}' is no name of a header; write it as X-Forwarded-Email")
    return name


Networks = Annotated[tuple[Network, ...], BeforeValidator(_networks)]
HeaderName = Annotated[str, BeforeValidator(_header)]
Weekdays = Annotated[frozenset[int], BeforeValidator(_days)]
Names = tuple[str, ...]
PositiveDuration = Annotated[Duration, AfterValidator(_positive)]


class Section(BaseModel):
    """What all sections share: no unknown keys, no changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ProxySection(Section):
    """``proxy:`` of ``web:``; who may say who somebody is, and how."""

    trusted: Networks = Field(min_length=1, description="The proxy's addresses, as 10.0.3.0/28.")
    user_header: HeaderName = Field(default="X-Forwarded-Email", description="Names who it is.")
    groups_header: HeaderName = Field(default="X-Forwarded-Groups", description="Their groups.")


class WebSection(Section):
    """``web:``; ``admins`` are addresses, or groups as ``group:sre``."""

    listen: Annotated[Web, BeforeValidator(lambda given: parse_listen(str(given)))] = Web()
    token: str | None = None
    proxy: ProxySection | None = None
    admins: Names = ()


class SlackSection(Section):
    """``slack:``, the defaults of receivers of type slack."""

    token: str = ""
    base_url: str = ""
    app_token: str | None = None
    signing_secret: str | None = None


class HoursSection(Section):
    """``hours:`` of a maintainer."""

    weekdays: Weekdays = frozenset(range(7))
    times: Annotated[tuple[int, int], BeforeValidator(_range)] = (0, 24 * 60)
    timezone: str | None = None
    calendar: str | None = None


class MaintainerSection(Section):
    """One of ``maintainers:``."""

    receivers: Names = ()
    page: Names = ()
    hours: HoursSection | None = None
    people: Names = ()
    groups: Names = Field(default=(), description="What sign-in calls these people.")


class OverrideSection(Section):
    """One of ``overrides:`` of ``on_call:``; local times."""

    person: str
    start: str = Field(alias="from")
    end: str = Field(alias="to")


class EscalationSection(Section):
    """One of ``escalation:`` of ``on_call:``."""

    after: PositiveDuration
    receivers: Names


class AuditorSection(Section):
    """``auditor:``; ``ping`` is told every minute that all is well."""

    fallback: Names = ()
    ping: str | None = None


class OnCallSection(Section):
    """``on_call:``; ``from`` is local time."""

    rotation: Names = ()
    every: PositiveDuration = timedelta(weeks=1)
    start: str | None = Field(default=None, alias="from")
    receivers: Names = ()
    overrides: tuple[OverrideSection, ...] = ()
    escalation: tuple[EscalationSection, ...] = ()


class ResourceSection(Section):
    """One of ``resources:``."""

    maintainer: str | None = None
    upstream: Names = ()
    backfill: str | None = None
    links: dict[str, str] = {}


class DigestSection(Section):
    """One of ``digests:``."""

    at: Clock
    days: Weekdays = frozenset(range(7))
    to: Literal["on_call", "maintainers"] = "on_call"
    only: Literal["changes", "review"] | None = None
    heartbeat: bool = False
    timezone: Annotated[str, AfterValidator(_zone_or_nothing)] = ""


def _texts(given: object) -> object:
    return [given] if isinstance(given, str) else given


def _dates(given: object) -> object:
    texts = _texts(given)
    if not isinstance(texts, list):
        return given
    days: set[date] = set()
    for text in texts:
        try:
            days.add(date.fromisoformat(str(text)))
        except ValueError:
            raise ValueError(f"'{text}' is no day; write it as 2026-11-09") from None
    return frozenset(days)


Dates = Annotated[frozenset[date], BeforeValidator(_dates)]


class CalendarSection(Section):
    """One of ``calendars:``."""

    weekdays: Weekdays = frozenset(range(7))
    holidays: Annotated[Names, BeforeValidator(_texts)] = ()
    off: Dates = Field(default=frozenset(), alias="except")
    extra: Dates = frozenset()


class TestSection(Section):
    """One of ``tests:`` of a check; ``rows`` is a CSV file beside the file of the check."""

    at: str
    rows: str
    expect: Literal["ok", "warn", "page", "no_data", "error", "pending"]
    slice: dict[str, str] = {}


class CommonSection(Section):
    """The keys that every check may have, whatever its kind."""

    source: str | None = None
    resource: str | None = None
    maintainer: str | None = None
    every: PositiveDuration | None = None
    cron: str | None = None
    after: Names = ()
    wake: bool = False
    keep_firing_for: Duration | None = None
    critical: bool = False
    batch: bool = True
    runbook: str | None = None
    labels: dict[str, str] = {}
    enabled: bool = True
    description: str = ""
    tests: tuple[TestSection, ...] = ()
