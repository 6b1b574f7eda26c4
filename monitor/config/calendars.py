"""``calendars:`` and ``holidays:`` of config.yaml: which days count."""

import warnings
from collections.abc import Iterator, Mapping
from datetime import date
from functools import cache
from types import ModuleType

from monitor.config.report import Report
from monitor.config.sections import CalendarSection
from monitor.config.tree_parts import maps_in
from monitor.config.typed import Subject, construct
from monitor.config.yaml_tree import Entry, Fields, Items, Text
from monitor.core.business_days import BusinessDays

YEARS = range(2000, 2041)
"""The years whose holidays are known: all that a check or a backtest may look at."""


@cache
def _package() -> ModuleType:
    import holidays  # noqa: PLC0415  # a tenth of a second that few configurations need to pay

    return holidays


@cache
def countries() -> frozenset[str]:
    """Return the codes of all countries, with those of their parts as ``US-CA``."""
    found = _package().list_supported_countries()
    return frozenset(found) | {f"{code}-{part}" for code, parts in found.items() for part in parts}


@cache
def holidays_of(code: str) -> frozenset[date]:
    """Return the public holidays of a country or a part of one; empty for an unknown code."""
    if code not in countries():
        return frozenset()
    country, _, part = code.partition("-")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some countries are known for fewer years
        return frozenset(_package().country_holidays(country, subdiv=part or None, years=YEARS))


class HolidayNames(Mapping[str, object]):
    """Days by the names that a setting may write: calendars first, then countries."""

    def __init__(self, calendars: Mapping[str, BusinessDays]) -> None:
        """Keep the calendars; countries are looked up when they are named."""
        self._calendars = calendars

    def __getitem__(self, name: str) -> object:
        """Return a calendar, or the holidays of a country. Raise KeyError."""
        if name in self._calendars:
            return self._calendars[name]
        if name in countries():
            return holidays_of(name)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        """Go through all names."""
        yield from self._calendars
        yield from sorted(countries() - self._calendars.keys())

    def __len__(self) -> int:
        """Count the names."""
        return sum(1 for _ in self)


def read_calendars(root: Fields, report: Report) -> dict[str, BusinessDays]:
    """Read ``calendars:``; one with problems stays by name, with what could be read."""
    found: dict[str, BusinessDays] = {}
    for name, place, fields in maps_in(root, "calendars", report, {}):
        subject = Subject(f"calendar '{name}'", place)
        section = construct(CalendarSection, fields.entries, report, subject) or CalendarSection()
        off = set(section.off)
        for text in _texts(fields.entries.get("holidays")):
            off |= _country(text, report)
        found[name] = BusinessDays(section.weekdays, frozenset(off), section.extra)
        if section.weekdays <= set() and not section.extra:
            report.add(place, f"calendar '{name}' has no day")
    return found


def read_holidays(
    root: Fields, calendars: Mapping[str, BusinessDays], report: Report
) -> frozenset[date]:
    """Read ``holidays:``, the days on which metrics are not as on other days."""
    entry = root.entries.get("holidays")
    if entry is None or report.add_faults(entry.value, "'holidays'"):
        return frozenset()
    texts = _texts(entry)
    if not texts:
        report.add(entry.place, "'holidays' must be a country or a list of them, as IN")
    days: set[date] = set()
    for text in texts:
        known = calendars.get(text.text)
        days |= known.off if known else _country(text, report)
    return frozenset(days)


def _texts(entry: Entry | None) -> list[Text]:
    if entry is None:
        return []
    items = entry.value.items if isinstance(entry.value, Items) else (entry.value,)
    return [item for item in items if isinstance(item, Text)]


def _country(text: Text, report: Report) -> frozenset[date]:
    if not report.is_known("country", text.text, countries(), text.place):
        return frozenset()
    return holidays_of(text.text)
