"""Local times as moments, over the edges of summer time."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

_SECOND = timedelta(seconds=1)

EARLIEST = datetime(2, 1, 1, tzinfo=UTC)
LATEST = datetime(9000, 1, 1, tzinfo=UTC)
"""Between these every zone can write a moment, and a century be added. People and programs write
9999 for ever, and year 1 for never."""


def bounded(moment: datetime) -> datetime:
    """Return an aware moment in UTC; one before EARLIEST or after LATEST is that."""
    if not EARLIEST <= moment <= LATEST:
        return EARLIEST if moment < EARLIEST else LATEST
    return moment.astimezone(UTC)


def is_unset(moment: datetime | None) -> bool:
    """Say whether a moment is none: programs in Go write their zero, in the year 1, for that."""
    return moment is None or moment.year == 1


@lru_cache(maxsize=4096)
def first_moment(local: datetime, timezone: str) -> datetime:
    """Return the first moment at which the clocks of a zone read a local time or later, in UTC.

    ``local`` is naive. A time that the clocks skip is the moment of the jump; one that they show
    twice is its first. So hand-overs and digests happen once on every day, in order.
    """
    zone = ZoneInfo(timezone)
    early, late = (
        local.replace(tzinfo=zone, fold=fold).astimezone(UTC).replace(tzinfo=UTC) for fold in (1, 0)
    )
    if late.astimezone(zone).replace(tzinfo=None) == local:
        return late
    # Skipped: the jump is between the readings with the offset after and before it.
    while late - early > _SECOND:
        middle = early + (late - early) // 2
        middle = middle.replace(microsecond=0) if middle - early > _SECOND else early + _SECOND
        if middle.astimezone(zone).replace(tzinfo=None) >= local:
            late = middle
        else:
            early = middle
    return late


def local_time(moment: datetime, timezone: str) -> datetime:
    """Return what the clocks of a zone read at a moment; naive."""
    return moment.astimezone(ZoneInfo(timezone)).replace(tzinfo=None)
