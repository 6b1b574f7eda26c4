"""Working hours, in the local time of a zone."""

from datetime import date, datetime, timedelta

from monitor.core.model import Hours
from monitor.core.moments import local_time


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


def _is_worked(hours: Hours, day: date) -> bool:
    return day.weekday() in hours.weekdays and hours.calendar.has(day)
