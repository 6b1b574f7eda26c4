"""``every`` and ``cron``: when a check is due."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache

from cronsim import CronSim, CronSimError

from monitor.api.check import Check
from monitor.config.plan import Schedule
from monitor.config.report import Report
from monitor.config.sections import CommonSection
from monitor.config.typed import Subject
from monitor.config.yaml_tree import Entry

_shared = lru_cache(maxsize=4096)(Schedule)

SMALLEST_EVERY = timedelta(seconds=1)
_ANY_MOMENT = datetime.fromisoformat("2026-01-01T00:00:00+00:00")


def read_schedule(
    cls: type[Check],
    common: CommonSection,
    entries: Mapping[str, Entry],
    *,
    timezone: str,
    report: Report,
    subject: Subject,
) -> Schedule:
    """Return the schedule of a check; without one its kind decides."""
    if common.every is not None and common.cron is not None:
        message = f"{subject.name} has both 'every' and 'cron'; keep one"
        report.add(entries["cron"].place, message, check=subject.check)
    if common.cron is not None:
        wrong = _why_no_cron(common.cron)
        if wrong:
            message = f"'{common.cron}' is no cron expression: {wrong}"
            report.add(entries["cron"].value.place, message, check=subject.check)
        return _shared(cron=common.cron, timezone=timezone)
    if common.every is not None and common.every < SMALLEST_EVERY:
        place = entries["every"].value.place
        report.add(place, "'every' must be at least 1s", check=subject.check)
    return _shared(every=common.every or cls.default_every, timezone=timezone)


@lru_cache(maxsize=4096)
def _why_no_cron(text: str) -> str:
    """Return what is wrong with a cron expression; empty when it can come true."""
    try:
        next(CronSim(text, _ANY_MOMENT))
    except CronSimError as error:
        return str(error)
    except StopIteration:
        return "it names no day that ever comes"
    return ""
