"""Working hours, in the local time of a zone."""

from datetime import datetime
from zoneinfo import ZoneInfo

from monitor.core.model import Hours


def is_within(hours: Hours | None, now: datetime, timezone: str) -> bool:
    """Say whether somebody is at work; without hours, always.

    A range that ends before it starts crosses midnight and belongs to the day it starts on.
    """
    if hours is None:
        return True
    local = now.astimezone(ZoneInfo(timezone))
    minute = local.hour * 60 + local.minute
    if hours.start <= hours.end:
        return local.weekday() in hours.weekdays and hours.start <= minute < hours.end
    yesterday = (local.weekday() - 1) % 7
    is_evening = local.weekday() in hours.weekdays and minute >= hours.start
    return is_evening or (yesterday in hours.weekdays and minute < hours.end)
