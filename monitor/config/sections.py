"""The sections of config.yaml as people write them."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from monitor.api.fields import Clock, Duration
from monitor.config.grammar import (
    ALL_DAY,
    EVERY_DAY,
    Dates,
    HeaderName,
    Names,
    Networks,
    PositiveDuration,
    Weekdays,
    known_zone,
    parse_hours,
    parse_listen,
    texts_of,
)
from monitor.config.plan import Web


class Section(BaseModel):
    """What all sections share: no unknown keys, no changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ProxySection(Section):
    """``proxy:`` of ``web:``; who may say who somebody is, and how."""

    trusted: Networks = Field(min_length=1, description="The proxy's addresses, as 10.0.3.0/28.")
    user_header: HeaderName = Field(default="X-Forwarded-Email", description="Names who it is.")
    groups_header: HeaderName = Field(default="X-Forwarded-Groups", description="Their groups.")


class WebSection(Section):
    """``web:``."""

    listen: Annotated[Web, BeforeValidator(lambda given: parse_listen(str(given)))] = Field(
        default=Web(), description="Where; beyond loopback, `token` or `proxy` must say who may."
    )
    token: str | None = Field(default=None, description="Who knows it may do everything.")
    proxy: ProxySection | None = Field(
        default=None, description="The proxy that people sign in at, see below."
    )
    admins: Names = Field(
        default=(), description="Who may do all: addresses, or groups as `group:sre`."
    )


class SlackSection(Section):
    """``slack:``, the defaults of receivers of type slack."""

    token: str = Field(default="", description="The bot's token, `xoxb-...`.")
    base_url: str = Field(default="", description="Another address of Slack's API, for tests.")
    app_token: str | None = Field(
        default=None, description="The app's token, `xapp-...`: buttons over Socket Mode."
    )
    signing_secret: str | None = Field(
        default=None, description="Buttons over HTTP: Slack signs with it."
    )


class HoursSection(Section):
    """``hours:`` of a maintainer."""

    weekdays: Weekdays = Field(default=EVERY_DAY, description="As `monday:friday`.")
    times: Annotated[tuple[int, int], BeforeValidator(parse_hours)] = Field(
        default=ALL_DAY, description="As `09:00-19:00`; may cross midnight."
    )
    timezone: str | None = Field(default=None, description="An IANA zone; else that of the file.")
    calendar: str | None = Field(
        default=None, description="One of `calendars:`: its days off are no work days."
    )


class MaintainerSection(Section):
    """One of ``maintainers:``."""

    receivers: Names = Field(
        default=(), description="Where they hear of everything that is theirs."
    )
    page: Names = Field(default=(), description="Where pages go, too; receivers that may page.")
    hours: HoursSection | None = Field(
        default=None, description="When they work; without it, always."
    )
    people: Names = Field(
        default=(), description="Their addresses: who may click, who is mentioned."
    )
    groups: Names = Field(default=(), description="What sign-in calls these people.")


class OverrideSection(Section):
    """One of ``overrides:`` of ``on_call:``; local times."""

    person: str = Field(description="Who takes over.")
    start: str = Field(alias="from", description="Local time, as `2026-12-24 09:00`.")
    end: str = Field(alias="to", description="Local time.")


class EscalationSection(Section):
    """One of ``escalation:`` of ``on_call:``."""

    after: PositiveDuration = Field(description="How long a page waits for somebody.")
    receivers: Names = Field(description="Who is told then.")


class AuditorSection(Section):
    """``auditor:``; ``ping`` is told every minute that all is well."""

    fallback: Names = Field(
        default=(), description="Who hears that something was not told; else on-call."
    )
    ping: str | None = Field(
        default=None, description="An address that is called each minute while all is well."
    )


class OnCallSection(Section):
    """``on_call:``; ``from`` is local time."""

    rotation: Names = Field(default=(), description="The people, in their order.")
    every: PositiveDuration = Field(default=timedelta(weeks=1), description="How long a turn is.")
    start: str | None = Field(
        default=None, alias="from", description="When the first turn began, local time."
    )
    receivers: Names = Field(
        default=(), description="Where they hear of what nobody owns, and read digests."
    )
    overrides: tuple[OverrideSection, ...] = Field(
        default=(), description="Who stands in for whom, and when."
    )
    escalation: tuple[EscalationSection, ...] = Field(
        default=(), description="Who hears of a page that nobody acknowledges."
    )


class ResourceSection(Section):
    """One of ``resources:``."""

    maintainer: str | None = Field(default=None, description="Whose it is.")
    upstream: Names = Field(
        default=(), description="Resources that it is made from: their incidents explain its own."
    )
    backfill: str | None = Field(
        default=None, description="The command for a gap: `{{ from }}`, `{{ to }}`, `{{ end }}`."
    )
    links: dict[str, str] = Field(default={}, description="Links by name, for messages and pages.")


class DigestSection(Section):
    """One of ``digests:``."""

    at: Clock = Field(description="When, as `09:00`.")
    days: Weekdays = Field(default=EVERY_DAY, description="On which days, as `monday:friday`.")
    to: Literal["on_call", "maintainers"] = Field(
        default="on_call", description="The on-call's, or one for each maintainer."
    )
    only: Literal["changes", "review"] | None = Field(
        default=None, description="An evening's changes, or a week's review."
    )
    heartbeat: bool = Field(
        default=False, description="`true`: maintainers get theirs on quiet days, too."
    )
    calendar: str | None = Field(
        default=None, description="One of `calendars:`: on its days off none leaves."
    )
    timezone: Annotated[str, AfterValidator(known_zone)] = Field(
        default="", description="An IANA zone; else that of the file."
    )


class CalendarSection(Section):
    """One of ``calendars:``."""

    weekdays: Weekdays = Field(default=EVERY_DAY, description="As `monday:friday`.")
    holidays: Annotated[Names, BeforeValidator(texts_of)] = Field(
        default=(), description="Countries whose public holidays are days off: `IN`, `US-CA`."
    )
    off: Dates = Field(default=frozenset(), alias="except", description="Days off.")
    extra: Dates = Field(default=frozenset(), description="Days that count in any case.")


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
