"""Working hours, in the local time of a zone."""

from datetime import date, datetime, time, timedelta

from monitor.core.business_days import LONGEST_BREAK
from monitor.core.model import Hours
from monitor.core.moments import first_moment, local_time

OFFICE = Hours(frozenset(range(5)), 9 * 60, 17 * 60)
"""Taken for the hours of whoever has none, where a morning is needed."""


def is_within(hours: Hours | None, now: datetime, timezone: str) -> bool:
    """Say whether somebody is at work; without hours, always.

    A range that ends before it starts crosses midnight and belongs to the day it starts on.
    """
    if hours is None:
        return True
    local = local_time(now, hours.timezone or timezone)
    minute, today = local.hour * 60 + local.minute, local.date()
    if hours.start <= hours.end:
        return hours.start <= minute < hours.end and _is_worked(hours, today)
    if minute >= hours.start:
        return _is_worked(hours, today)
    return minute < hours.end and _is_worked(hours, today - timedelta(days=1))


def next_morning(hours: Hours | None, now: datetime, timezone: str) -> datetime:
    """Return when work begins next, in UTC: today where the day has not begun yet.

    Without hours that is Monday to Friday at nine; a day later where no day is worked.
    """
    mine = hours or OFFICE
    zone = mine.timezone or timezone
    today = datetime.combine(local_time(now, zone), time())
    for ahead in range(LONGEST_BREAK.days):
        day = today + timedelta(days=ahead)
        start = first_moment(day + timedelta(minutes=mine.start), zone)
        if start > now and _is_worked(mine, day.date()):
            return start
    return now + timedelta(days=1)


def _is_worked(hours: Hours, day: date) -> bool:
    return day.weekday() in hours.weekdays and hours.calendar.has(day)
