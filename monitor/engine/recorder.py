"""Keeps the numbers of looks for charts and digests; nothing is decided on them."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import islice
from sys import intern
from typing import TypeAlias

from monitor.core.advance import Finding
from monitor.core.judge import worst
from monitor.core.model import Evidence, Outcome, Sample, Unit, Verdict
from monitor.core.series import Point
from monitor.store.fresh import Fresh, minute_of
from monitor.store.hours import SeriesKey
from monitor.store.samples import Samples

MOST_POINTS = 200_000
"""Numbers in memory, until they are stored; a check that fans out without end must not fill it."""

SAVE_EVERY = timedelta(minutes=1)
MANY = 10_000
"""Numbers that are stored at once, as soon as somebody asks: a minute of 100,000 checks would be
30 MB in memory, and a second in which the store does nothing else."""
KEEP = timedelta(days=90)

LETTERS = {
    Outcome.OK: "o",
    Outcome.WARN: "w",
    Outcome.PAGE: "p",
    Outcome.NO_DATA: "n",
    Outcome.ERROR: "e",
    Outcome.BLOCKED: "b",
    Outcome.PENDING: "l",
    Outcome.SKIPPED: "s",
}
NOTHING = "-"
NO_HOURS = NOTHING * 24
_WORST_FIRST = "pwebnols-"


Changes: TypeAlias = tuple[list[Fresh], dict[tuple[str, date], str], datetime]
"""New numbers and changed days, as the store takes them, and until when they came."""


class Recorder:
    """Gathers in memory what the store keeps; a kill costs the charts at most a minute.

    Of a series it keeps one number a minute, the newest.
    """

    def __init__(self, samples: Samples) -> None:
        """Start empty; ``load`` remembers the day that a daemon before began."""
        self._samples = samples
        self._fresh: dict[tuple[SeriesKey, int], Fresh] = {}
        self._days: dict[date, dict[str, str]] = {}
        self._changed_days: set[tuple[str, date]] = set()
        self._unsaved: dict[tuple[SeriesKey, int], Fresh] = {}
        self._unsaved_days: dict[tuple[str, date], str] = {}
        self._saved_at: datetime | None = None

    def load(self, now: datetime) -> None:
        """Go on where the last daemon stopped; blocking."""
        self._days = {}
        for check, days in self._samples.days(now.astimezone(UTC).date()).items():
            for day, letters in days.items():
                self._days.setdefault(day, {})[check] = intern(letters)

    def take(self, findings: Iterable[Finding]) -> None:
        """Note the numbers and the worst outcome of looks."""
        for finding in findings:
            for verdict in finding.verdicts:
                self._take_samples(verdict)
            if finding.verdicts:
                self._take_outcome(worst(finding.verdicts))

    def _take_outcome(self, verdict: Verdict) -> None:
        today, hour = _day_and_hour(verdict.at)
        day = self._days.setdefault(today, {})
        before = day.get(verdict.check, NO_HOURS)
        hours = _marked(before, hour, verdict.outcome)
        if hours != before:
            day[verdict.check] = hours
            self._changed_days.add((verdict.check, today))

    def _take_samples(self, verdict: Verdict) -> None:
        metrics: set[str] = set()
        for sample in verdict.samples:
            evidence = sample.evidence
            metric = evidence.get("metric") if evidence else None
            if isinstance(metric, str):
                if metric not in metrics:
                    metrics.add(metric)
                    self._take_metric(verdict, metric, sample)
                continue
            key = (verdict.check, sample.slice, sample.measure)
            point = Point(verdict.at, sample.value)
            self._add(Fresh(key, sample.unit, point, _kept_of(evidence) if evidence else None))

    def _take_metric(self, verdict: Verdict, metric: str, sample: Sample) -> None:
        """Keep the metric itself with its band, at the start of its bucket."""
        evidence = sample.evidence
        value = evidence.get("value")
        if not isinstance(value, int | float):
            return
        at = evidence.get("at")
        moment = datetime.fromisoformat(at) if isinstance(at, str) else verdict.at
        band = (_number(evidence.get(name)) for name in ("low", "high", "expected"))
        key = (verdict.check, sample.slice, metric)
        # The unit of the sample is that of its deviation, a share.
        self._add(Fresh(key, Unit.NUMBER, Point(moment, value, *band), _kept_of(evidence)))

    def _add(self, fresh: Fresh) -> None:
        place = (fresh.key, minute_of(fresh.point.at))
        if len(self._fresh) < MOST_POINTS or place in self._fresh:
            self._fresh[place] = fresh

    def changes(self, now: datetime, *, is_last: bool = False) -> Changes | None:
        """Return what is to be stored; until ``saved`` it is so again.

        It is so at most once a minute, or when there is much of it.
        """
        is_early = self._saved_at is not None and now - self._saved_at < SAVE_EVERY
        if is_early and not is_last and len(self._fresh) + len(self._changed_days) < MANY:
            return None
        self._saved_at = now
        if self._unsaved:
            room = max(0, MOST_POINTS - len(self._unsaved))
            self._unsaved.update(islice(self._fresh.items(), room))
        else:
            self._unsaved = self._fresh
        self._fresh = {}
        changed = self._changed_days
        self._unsaved_days.update(((check, day), self._days[day][check]) for check, day in changed)
        self._changed_days = set()
        today = now.astimezone(UTC).date()
        self._days = {day: checks for day, checks in self._days.items() if day >= today}
        # Copies: they are written in another thread while looks go on.
        came, days = list(self._unsaved.values()), dict(self._unsaved_days)
        return (came, days, now) if came or days else None

    def saved(self) -> None:
        """Forget what was returned last: it is stored."""
        self._unsaved, self._unsaved_days = {}, {}


@lru_cache(maxsize=4096)
def _marked(hours: str, hour: int, outcome: Outcome) -> str:
    """Put an outcome into its hour; the worst of an hour stays. Most checks share one text."""
    letter = min(hours[hour], LETTERS[outcome], key=_WORST_FIRST.index)
    return hours if letter == hours[hour] else hours[:hour] + letter + hours[hour + 1 :]


@lru_cache(maxsize=64)  # looks of one moment
def _day_and_hour(at: datetime) -> tuple[date, int]:
    at = at.astimezone(UTC)
    return at.date(), at.hour


def _kept_of(evidence: Evidence) -> Evidence | None:
    holders = evidence.get("holders")
    return {"holders": holders} if holders else None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
