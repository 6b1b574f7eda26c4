"""When digests leave: local times and weekdays, over daylight saving and late starts."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from monitor.core.business_days import EVERY_DAY, LONGEST_BREAK, BusinessDays
from monitor.core.moments import first_moment

LATEST = timedelta(hours=6)
"""A digest whose moment passed longer ago than this (the daemon was off) waits for its next day:
a morning digest in the afternoon misleads."""


@dataclass(frozen=True, slots=True)
class Agenda:
    """A local time of day on some weekdays (Monday is 0), in an IANA zone.

    On a day off of the ``calendar`` nothing leaves; the next one tells of it.
    """

    hour: int
    minute: int
    weekdays: frozenset[int]
    timezone: str
    calendar: BusinessDays = EVERY_DAY

    def moment(self, day: date) -> datetime:
        """Return the moment on a local day, in UTC.

        A time that does not exist on that day (clocks go forward) is the moment of the jump; of one
        that comes twice, the first is meant. So do hand-overs of on-call.
        """
        local = datetime.combine(day, time(self.hour, self.minute))
        return first_moment(local, self.timezone)

    def due(self, now: datetime) -> tuple[date, datetime] | None:
        """Return the local day whose digest should have left by now, and when it was due."""
        today = now.astimezone(ZoneInfo(self.timezone)).date()
        # Late in the evening plus a late start is the next day already.
        for day in (today, today - timedelta(days=1)):
            at = self.moment(day)
            if self._has(day) and at <= now < at + LATEST:
                return day, at
        return None

    def next_after(self, now: datetime) -> datetime | None:
        """Return when the digest leaves next; None when there is no such day."""
        today = now.astimezone(ZoneInfo(self.timezone)).date()
        days = (today + timedelta(days=ahead) for ahead in range(LONGEST_BREAK.days))
        moments = (self.moment(day) for day in days if self._has(day))
        return next((at for at in moments if at > now), None)

    def _has(self, day: date) -> bool:
        return day.weekday() in self.weekdays and self.calendar.has(day)
