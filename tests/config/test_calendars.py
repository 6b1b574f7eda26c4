from datetime import date, timedelta

import pytest

from monitor.core.business_days import BusinessDays
from monitor.kinds.freshness import Freshness
from tests.config.conftest import CONFIG, Site

FRESH = """\
checks:
  f:
    kind: freshness
    source: kpi
    table: t
    column: at
    ready_by: {time: "07:30", calendar: office}
    warn: 2h
"""
OFFICE = """\
calendars:
  office: {weekdays: "monday:friday", holidays: IN, except: [2026-11-09], extra: [2026-11-14]}
"""


@pytest.fixture
def office(site: Site) -> Site:
    text = CONFIG.replace("sources:\n", 'sources:\n  kpi: {type: sql, url: "sqlite:///x.db"}\n', 1)
    return site.config(text + OFFICE).checks(FRESH)


def calendar_of(site: Site) -> BusinessDays:
    check = site.load().checks["f"].check
    assert isinstance(check, Freshness)
    assert check.ready_by is not None
    return check.ready_by.calendar


def test_a_calendar_has_weekdays_without_holidays_and_days_off_and_with_extra_days(
    office: Site,
) -> None:
    assert office.lines() == []
    days = calendar_of(office)
    counted = {day: days.has(date(2026, *day)) for day in ((11, 10), (11, 9), (1, 26), (11, 14))}
    assert counted == {(11, 10): True, (11, 9): False, (1, 26): False, (11, 14): True}
    assert not days.has(date(2026, 11, 15))


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ("calendar: office", "calendar: ofice", "the calendar 'ofice', which is not defined; did"),
        ('"07:30"', '"7.30"', "'7.30' is no time of day"),
        ("time:", "tme:", "unknown key 'tme' in 'ready_by'"),
    ],
)
def test_a_wrong_ready_by_is_refused(office: Site, old: str, new: str, wanted: str) -> None:
    (line,) = office.checks(FRESH.replace(old, new)).lines()
    assert line.startswith("checks/recsys/a.yaml:7:")
    assert wanted in line


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ("holidays: IN", "holidays: XX", "country 'XX' is not defined"),
        ("2026-11-09", "2026-13-09", "'2026-13-09' is no day"),
        ("weekdays:", "weekday:", "unknown key 'weekday' in calendar 'office'; did you"),
    ],
)
def test_a_wrong_calendar_is_refused(office: Site, old: str, new: str, wanted: str) -> None:
    path = office.root / "config.yaml"
    path.write_text(path.read_text().replace(old, new))
    assert any(wanted in line for line in office.lines()), office.lines()


def test_metrics_know_the_holidays_of_the_configuration_unless_they_name_their_own(
    office: Site,
) -> None:
    text = """\
checks:
  a: {kind: anomaly, source: kpi, query: "select {{ since }}", warn: {drop: 12%}}
  b: {kind: anomaly, source: kpi, query: "select {{ since }}", holidays: [US-CA], warn: {drop: 12%}}
"""
    office.config((office.root / "config.yaml").read_text() + "holidays: IN\n").checks(text)
    plan = office.load()
    assert plan.problems == ()
    a, b = (plan.checks[name].check.model_dump()["holidays"] for name in "ab")
    assert date(2026, 1, 26) in a
    assert date(2026, 1, 26) not in b
    assert date(2026, 3, 31) in b


def test_the_defaults_of_the_configuration_reach_every_check(site: Site) -> None:
    site.config(CONFIG + "defaults: {every: 42m}\n").one("warn: 1h")
    assert site.load().checks["it"].schedule.every == timedelta(minutes=42)
    site.config(CONFIG + "defaults: {evry: 42m}\n")
    (line,) = site.lines()
    assert line.endswith("in the defaults of the configuration; did you mean 'every'?")
    assert site.load().checks == {}
