"""``time_intervals:`` of config.yaml, in Alertmanager's grammar and with our additions."""

import re
from collections.abc import Callable, Mapping
from typing import Annotated

from pydantic import BeforeValidator, Field

from monitor.config.grammar import zones
from monitor.config.plan import Place
from monitor.config.report import Report, nearest
from monitor.config.sections import Section
from monitor.config.tree_parts import known_name
from monitor.config.typed import Subject, construct
from monitor.config.yaml_tree import Fields, Items, Text
from monitor.core.intervals import DAY, Days, Range, TimeInterval

_WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])|24:00")
_LONGEST_MONTH = 31
_SHORTEST_MONTH = 28


def _clock(given: object) -> int:
    text = str(given)
    if not _CLOCK.fullmatch(text):
        raise ValueError(
            f"'{text}' is no time of day; write it as 09:30, the end of a day as 24:00"
        )
    return int(text[:2]) * 60 + int(text[3:])


def _number(text: str) -> int:
    if not re.fullmatch(r"[+-]?\d{1,9}", text, re.ASCII):
        raise ValueError(f"'{text}' is no number")
    return int(text)


def _index(names: tuple[str, ...], what: str, text: str) -> int:
    if text not in names:
        raise ValueError(f"'{text}' is no {what}; write it as {names[1]}")
    return names.index(text)


def _ranges(
    given: object, read: Callable[[str], int], check: Callable[[int, int], tuple[Range, ...]]
) -> object:
    if not isinstance(given, list):
        raise ValueError("must be a list, as ['monday:friday'] or ['1:5']")  # noqa: TRY004  # pydantic
    if not given:
        raise ValueError("lists nothing, so that it would never hold; remove it")
    found: list[Range] = []
    for text in given:
        first, colon, last = str(text).strip().lower().partition(":")
        begin = read(first.strip())
        found.extend(check(begin, read(last.strip()) if colon else begin))
    return tuple(found)


def _weekdays(given: object) -> object:
    def check(first: int, last: int) -> tuple[Range, ...]:
        # Over Sunday (ours): Alertmanager wants its two halves written by hand.
        return ((first, last),) if first <= last else ((first, 6), (0, last))

    return _ranges(given, lambda text: _index(_WEEKDAYS, "weekday", text), check)


def _days_of_month(given: object) -> object:
    def check(first: int, last: int) -> tuple[Range, ...]:
        for day in (first, last):
            if day == 0 or abs(day) > _LONGEST_MONTH:
                raise ValueError(f"{day} is no day of the month; write 1 to 31, or -1 for the last")
        if first < 0 < last:
            raise ValueError(f"a range from {first} must end with a negative day")
        begin, end = (day + _SHORTEST_MONTH if day < 0 else day for day in (first, last))
        if begin > end:
            raise ValueError(f"day {last} is always before day {first}")
        return ((first, last),)

    return _ranges(given, _number, check)


def _months(given: object) -> object:
    def read(text: str) -> int:
        return _index(_MONTHS, "month", text) + 1 if not text.isdecimal() else _number(text)

    def check(first: int, last: int) -> tuple[Range, ...]:
        if not 1 <= first <= last <= len(_MONTHS):
            raise ValueError(f"{first}:{last} is no range of months, which are 1 to 12 in order")
        return ((first, last),)

    return _ranges(given, read, check)


def _years(given: object) -> object:
    def check(first: int, last: int) -> tuple[Range, ...]:
        if first > last:
            raise ValueError(f"the years {first}:{last} are not in order")
        return ((first, last),)

    return _ranges(given, _number, check)


Clock = Annotated[int, BeforeValidator(_clock)]
Ranges = tuple[Range, ...]


class TimeRange(Section):
    """One of ``times:``."""

    start_time: Clock
    end_time: Clock


class IntervalSection(Section):
    """One of ``time_intervals:`` under a name."""

    times: Annotated[tuple[TimeRange, ...] | None, Field(min_length=1)] = None
    weekdays: Annotated[Ranges, BeforeValidator(_weekdays)] | None = None
    days_of_month: Annotated[Ranges, BeforeValidator(_days_of_month)] | None = None
    months: Annotated[Ranges, BeforeValidator(_months)] | None = None
    years: Annotated[Ranges, BeforeValidator(_years)] | None = None
    location: str = "UTC"
    calendar: str | None = None
    except_calendar: str | None = None


def read_time_intervals(
    root: Fields, report: Report, calendars: Mapping[str, Days]
) -> dict[str, tuple[TimeInterval, ...]]:
    """Read ``time_intervals:``, and ``mute_time_intervals:`` as older files call it.

    A name with problems stays, with what could be read, so that routes still find it.
    """
    found: dict[str, tuple[TimeInterval, ...]] = {}
    for key in ("mute_time_intervals", "time_intervals"):
        node = root.get(key)
        if node is None or report.add_faults(node, f"'{key}'"):
            continue
        if not isinstance(node, Items):
            report.add(root.place_of(key), f"'{key}' must be a list of names with intervals")
            continue
        for item in node.items:
            _read_named(item, key, found, report, calendars)
    return found


def _read_named(
    item: object,
    key: str,
    found: dict[str, tuple[TimeInterval, ...]],
    report: Report,
    calendars: Mapping[str, Days],
) -> None:
    if not isinstance(item, Fields):
        place = item.place if isinstance(item, Text | Items) else Place("", 0, 0)
        report.add(place, f"an item of '{key}' must be a map with 'name' and 'time_intervals'")
        return
    name = item.get("name")
    if not isinstance(name, Text) or not name.text:
        report.add(item.place, f"an item of '{key}' needs the key 'name'")
        return
    if name.text in found:
        report.add(name.place, f"the time interval '{name.text}' is defined twice")
        return
    for other in item.entries.keys() - {"name", "time_intervals"}:
        message = f"unknown key '{other}' in time interval '{name.text}'"
        hint = nearest(other, {"name", "time_intervals"} - item.entries.keys())
        report.add(item.entries[other].place, message, suggestion=hint)
    elements = item.get("time_intervals")
    if not isinstance(elements, Items) or not elements.items:
        message = f"time interval '{name.text}' needs a list of 'time_intervals'"
        report.add(item.place_of("time_intervals"), message)
        found[name.text] = ()
        return
    made = [_element(one, name.text, report, calendars) for one in elements.items]
    found[name.text] = tuple(one for one in made if one is not None)


def _element(
    node: object, name: str, report: Report, calendars: Mapping[str, Days]
) -> TimeInterval | None:
    if not isinstance(node, Fields):
        place = node.place if isinstance(node, Text | Items) else Place("", 0, 0)
        report.add(place, f"an element of time interval '{name}' must be a map of keys")
        return None
    subject = Subject(f"time interval '{name}'", node.place)
    section = construct(IntervalSection, node.entries, report, subject)
    location, days, other_days = (
        known_name(node, key, what, known, report)
        for key, what, known in (
            ("location", "timezone", zones()),
            ("calendar", "calendar", calendars),
            ("except_calendar", "calendar", calendars),
        )
    )
    if section is None:
        return None
    return TimeInterval(
        times=_times(section.times, node, name, report),
        weekdays=section.weekdays,
        days_of_month=section.days_of_month,
        months=section.months,
        years=section.years,
        location=location or "UTC",
        calendar=calendars[days] if days else None,
        except_calendar=calendars[other_days] if other_days else None,
    )


def _times(
    times: tuple[TimeRange, ...] | None, node: Fields, name: str, report: Report
) -> Ranges | None:
    if times is None:
        return None
    for one in times:
        if one.start_time in {one.end_time, DAY}:
            message = f"a range of times of '{name}' is empty; leave 'times' out for the whole day"
            report.add(node.place_of("times"), message)
    return tuple((one.start_time, one.end_time) for one in times)
