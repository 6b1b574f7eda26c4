"""config.yaml: the systems that are asked, the people who are told, and what belongs to whom."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from monitor.api.receiver import Receiver
from monitor.api.source import Source
from monitor.config.calendars import read_calendars, read_holidays
from monitor.config.defaults import Defaults, defaults_at
from monitor.config.grammar import zones
from monitor.config.integrations import disown_strangers, read_receivers, read_sources
from monitor.config.people import read_auditor, read_digests, read_maintainers, read_on_call
from monitor.config.plan import EXPOSED, AuditorPlan, DigestPlan, Place, Proxy, Web
from monitor.config.report import Report, nearest
from monitor.config.resources import read_resources
from monitor.config.routing import Around, read_routing
from monitor.config.sections import WebSection
from monitor.config.tree_parts import text_of
from monitor.config.typed import Subject, construct
from monitor.config.yaml_tree import Fields
from monitor.core.business_days import BusinessDays
from monitor.core.model import Maintainer, OnCall, Resource
from monitor.core.routing import Routing

KEYS = (
    "timezone",
    "store",
    "checks",
    "templates",
    "web",
    "sources",
    "receivers",
    "slack",
    "maintainers",
    "on_call",
    "resources",
    "digests",
    "calendars",
    "holidays",
    "defaults",
    "route",
    "inhibit_rules",
    "auditor",
    "time_intervals",
    "mute_time_intervals",
)


@dataclass(frozen=True, slots=True)
class Platform:
    """What config.yaml says. ``broken`` are sources that are written but cannot be used."""

    timezone: str
    store: str
    web: Web
    checks: Path
    templates: Path | None
    sources: Mapping[str, Source]
    broken: Mapping[str, Place]
    receivers: Mapping[str, Receiver]
    maintainers: Mapping[str, Maintainer]
    resources: Mapping[str, Resource]
    on_call: OnCall
    routing: Routing
    digests: tuple[DigestPlan, ...]
    calendars: Mapping[str, BusinessDays]
    holidays: frozenset[date]
    defaults: Defaults
    auditor: AuditorPlan


def read_platform(root: Fields, base: Path, report: Report, failed: Sequence[str]) -> Platform:
    """Read the whole file; problems go into the report, and what they concern is left out.

    Relative folders start at ``base``; ``failed`` are the plugins that cannot be imported.
    """
    _top_keys(root, report)
    timezone = read_timezone(root, report)
    templates = _folder(root, "templates", base, report) if root.get("templates") else None
    receivers, broken_receivers = read_receivers(root, report, failed, templates)
    sources, broken = read_sources(root, report, failed)
    written = {*receivers, *broken_receivers}
    calendars = read_calendars(root, report)
    maintainers = read_maintainers(root, report, receivers, written, calendars)
    return Platform(
        timezone=timezone,
        store=text_of(root, "store", report) or "sqlite:///monitor.db",
        web=_web(root, report),
        checks=_folder(root, "checks", base, report),
        templates=templates,
        sources=disown_strangers(root, sources, maintainers, report),
        broken=broken,
        receivers=receivers,
        maintainers=maintainers,
        resources=read_resources(root, report, maintainers),
        on_call=read_on_call(root, report, receivers, written, timezone),
        routing=read_routing(root, report, Around(written, receivers, calendars)),
        digests=read_digests(root, report, calendars),
        calendars=calendars,
        holidays=read_holidays(root, calendars, report),
        defaults=defaults_at(root, "the configuration", report),
        auditor=read_auditor(root, report, receivers, written),
    )


def _top_keys(root: Fields, report: Report) -> None:
    for fault in root.faults:
        report.add(fault.place, fault.message)
    for key, entry in root.entries.items():
        if key not in KEYS:
            message = f"unknown key '{key}' in the configuration"
            report.add(entry.place, message, suggestion=nearest(key, KEYS))


def read_timezone(root: Fields, report: Report) -> str:
    """Read ``timezone:``; what is wrong with it is fatal."""
    name = text_of(root, "timezone", report) or "UTC"
    if name in zones():
        return name
    place = root.entries["timezone"].value.place
    report.is_known("timezone", name, zones(), place)
    report.is_fatal = True
    return "UTC"


def _web(root: Fields, report: Report) -> Web:
    node = root.get("web")
    if node is None:
        return Web()
    place = root.place_of("web")
    made = None
    if not isinstance(node, Fields):
        report.add(place, "'web' must be a map of keys, as {listen: 127.0.0.1:8080}")
    elif not report.add_faults(node):
        made = construct(WebSection, node.entries, report, Subject("web", place))
    report.is_fatal = report.is_fatal or made is None
    if made is None:
        return Web()
    proxy = Proxy(**dict(made.proxy)) if made.proxy else None
    web = replace(made.listen, token=made.token or None, proxy=proxy, admins=made.admins)
    if not web.is_loopback and not web.is_guarded:
        report.add(place, EXPOSED.format(host=web.host), is_fatal=True)
    if web.admins and proxy is None:
        message = "'admins' of 'web' are never known: only a 'proxy' says who somebody is"
        report.add(place, message)
    return web


def _folder(root: Fields, key: str, base: Path, report: Report) -> Path:
    path = base / (text_of(root, key, report) or key)
    if not path.is_dir():
        message = f"'{key}' is the folder {path}, which does not exist"
        report.add(root.place_of(key), message, is_fatal=True)
    return path
