"""The people of config.yaml: maintainers, the on-call rotation, and the digests."""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime

from monitor.api.receiver import Receiver
from monitor.config.grammar import parse_local, zones
from monitor.config.plan import AuditorPlan, DigestPlan, Place
from monitor.config.report import Report
from monitor.config.sections import (
    AuditorSection,
    DigestSection,
    MaintainerSection,
    OnCallSection,
)
from monitor.config.tree_parts import known_name, known_names, maps_in
from monitor.config.typed import Subject, construct
from monitor.config.yaml_tree import Fields, Items
from monitor.core.business_days import EVERY_DAY, BusinessDays
from monitor.core.digest import Edition
from monitor.core.model import EscalationStep, Hours, Maintainer, OnCall, Override

Usable = Mapping[str, Receiver | None]
"""Receivers that work, by name; of one that is None only the name is known."""

_FIT = "use opsgenie, pagerduty, alertmanager, webhook or slack"


def read_maintainers(
    root: Fields,
    report: Report,
    usable: Usable,
    written: Collection[str],
    calendars: Mapping[str, BusinessDays],
) -> dict[str, Maintainer]:
    """Read ``maintainers:``. ``usable`` are receivers that work, ``written`` all that are named.

    A maintainer with problems stays, with what could be read: its checks must not lose their owner.
    """
    found: dict[str, Maintainer] = {}
    for name, place, fields in maps_in(root, "maintainers", report, {}):
        subject = Subject(f"maintainer '{name}'", place)
        section = construct(MaintainerSection, fields.entries, report, subject)
        told = known_names(fields, "receivers", "receiver", written, report)
        paged = known_names(fields, "page", "receiver", written, report)
        for unfit in (usable.get(one) for one in paged):
            if unfit is not None and not unfit.may_page:
                report.add(
                    fields.place_of("page"),
                    f"'{unfit.name}' cannot page maintainer '{name}': type {unfit.type} is not fit "
                    f"to wake people; {_FIT}",
                )
        if section is not None and not section.receivers:
            report.add(place, f"maintainer '{name}' needs receivers: nobody would be told")
        elif told and usable.keys().isdisjoint(told):
            message = f"maintainer '{name}' cannot be reached: none of its receivers can be used"
            report.add(place, message)
        found[name] = Maintainer(
            name=name,
            receivers=tuple(one for one in told if one in usable),
            page=tuple(one for one in paged if one in usable),
            hours=_hours(fields, section, calendars, report),
            people=section.people if section else (),
            groups=section.groups if section else (),
        )
    return found


def _hours(
    fields: Fields,
    section: MaintainerSection | None,
    calendars: Mapping[str, BusinessDays],
    report: Report,
) -> Hours | None:
    node = fields.get("hours")
    if not isinstance(node, Fields):
        return None
    zone = known_name(node, "timezone", "timezone", zones(), report)
    name = known_name(node, "calendar", "calendar", calendars, report)
    if section is None or section.hours is None:
        return None
    said = section.hours
    return Hours(said.weekdays, *said.times, zone, calendars[name] if name else EVERY_DAY)


def read_on_call(
    root: Fields,
    report: Report,
    usable: Usable,
    written: Collection[str],
    timezone: str,
) -> OnCall:
    """Read ``on_call:``; without a receiver that works the configuration cannot be used."""
    node = root.get("on_call")
    place = root.place_of("on_call")
    if not isinstance(node, Fields):
        report.add(
            place, "on_call needs receivers: who is told of what nobody owns?", is_fatal=True
        )
        return OnCall((), ())
    if report.add_faults(node):
        report.is_fatal = True
        return OnCall((), ())
    section = construct(OnCallSection, node.entries, report, Subject("on_call", place))
    told = known_names(node, "receivers", "receiver", written, report)
    receivers = tuple(one for one in told if one in usable)
    if section is None or not receivers:
        report.is_fatal = True
        if section is not None and not told:
            report.add(place, "on_call needs receivers: who is told of what nobody owns?")
        return OnCall((), receivers)
    _report_if_none_may_page("on_call", told, node.place_of("receivers"), usable, report)
    start = None
    if section.start is not None:
        start = _moment(node, "from", section.start, timezone, report)
        report.is_fatal = report.is_fatal or start is None
    return OnCall(
        rotation=section.rotation,
        receivers=receivers,
        every=section.every,
        start=start,
        timezone=timezone,
        overrides=tuple(_overrides(node, section, timezone, report)),
        escalation=tuple(_escalation(node, section, usable, written, report)),
    )


def _report_if_none_may_page(
    who: str, told: Collection[str], place: Place, usable: Usable, report: Report
) -> None:
    """Report that none of the receivers is fit to wake people: the last ones asked must be.

    Where the whole file has none that is, as where all is told by mail, that is a warning.
    """
    known = [usable.get(one) for one in told]
    if not known or any(one is None or one.may_page for one in known):
        return
    types = sorted({one.type for one in known if one is not None})
    are = f"type {types[0]} is" if len(types) == 1 else f"types {' and '.join(types)} are"
    said = f"{who} cannot page anybody: {are} not fit to wake people; "
    fit = next((name for name, one in usable.items() if one is not None and one.may_page), None)
    if fit is None:
        report.warn(place, f"{said}{_FIT}")
    else:
        report.add(place, f"{said}name one that is, too, as '{fit}'")


def _moment(fields: Fields, key: str, text: str, timezone: str, report: Report) -> datetime | None:
    try:
        return parse_local(text, timezone)
    except ValueError as error:
        report.add(fields.place_of(key), f"'{key}' of on_call is wrong: {error}")
        return None


def _overrides(
    node: Fields, section: OnCallSection, timezone: str, report: Report
) -> Iterator[Override]:
    items = zip(_maps(node, "overrides"), section.overrides, strict=True)
    for fields, said in items:
        start = _moment(fields, "from", said.start, timezone, report)
        end = _moment(fields, "to", said.end, timezone, report)
        if start is None or end is None:
            continue
        if end <= start:
            report.add(fields.place_of("to"), "the override ends before it starts")
            continue
        yield Override(said.person, start, end)


def _escalation(
    node: Fields,
    section: OnCallSection,
    usable: Usable,
    written: Collection[str],
    report: Report,
) -> Iterator[EscalationStep]:
    for fields, said in zip(_maps(node, "escalation"), section.escalation, strict=True):
        told = known_names(fields, "receivers", "receiver", written, report)
        if not said.receivers:
            report.add(fields.place, "a step of 'escalation' needs receivers")
        _report_if_none_may_page(
            "a step of 'escalation'", told, fields.place_of("receivers"), usable, report
        )
        yield EscalationStep(said.after, tuple(one for one in told if one in usable))


def _maps(node: Fields, key: str) -> list[Fields]:
    items = node.get(key)
    return (
        [one for one in items.items if isinstance(one, Fields)] if isinstance(items, Items) else []
    )


def read_digests(
    root: Fields, report: Report, calendars: Mapping[str, BusinessDays]
) -> tuple[DigestPlan, ...]:
    """Read ``digests:``."""
    plans = []
    for name, place, fields in maps_in(root, "digests", report, {}):
        subject = Subject(f"digest '{name}'", place)
        section = construct(DigestSection, fields.entries, report, subject)
        calendar = known_name(fields, "calendar", "calendar", calendars, report)
        if section is not None:
            hour, minute = divmod(section.at % (24 * 60), 60)
            edition = Edition(section.only or "full")
            plans.append(
                DigestPlan(
                    name,
                    hour,
                    minute,
                    section.days,
                    section.to,
                    edition,
                    section.heartbeat,
                    section.timezone,
                    calendars[calendar] if calendar else EVERY_DAY,
                )
            )
    return tuple(plans)


def read_auditor(
    root: Fields, report: Report, usable: Usable, written: Collection[str]
) -> AuditorPlan:
    """Read ``auditor:``; without it a fault of the monitor itself is told to on-call."""
    node = root.get("auditor")
    if node is None:
        return AuditorPlan()
    place = root.place_of("auditor")
    if not isinstance(node, Fields):
        report.add(place, "'auditor' must be a map of keys, as {fallback: [oncall-pager]}")
        return AuditorPlan()
    if report.add_faults(node):
        return AuditorPlan()
    section = construct(AuditorSection, node.entries, report, Subject("auditor", place))
    told = known_names(node, "fallback", "receiver", written, report)
    _report_if_none_may_page(
        "'fallback' of auditor", told, node.place_of("fallback"), usable, report
    )
    ping = section.ping if section else None
    if ping and not ping.startswith(("http://", "https://")):
        report.add(node.place_of("ping"), "'ping' of auditor must be an http or https address")
        ping = None
    return AuditorPlan(tuple(one for one in told if one in usable), ping or None)
