"""Keeps the numbers of looks for charts and digests; nothing is decided on them."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import TypeAlias

from monitor.core.advance import Finding
from monitor.core.judge import worst
from monitor.core.model import Outcome, Sample, Unit, Verdict
from monitor.core.series import Peak, Point
from monitor.store.samples import Hour, Samples, SeriesKey

HOUR = timedelta(hours=1)
CLOSEST = timedelta(minutes=1)
"""Points of one series are at least about this far apart: 60 an hour."""

REMEMBERED = timedelta(hours=2)
"""How long an hour stays in memory after it began: buckets are judged late."""

MOST_SERIES = 20_000
"""Hours of series in memory; a check that fans out without end must not fill it."""

SAVE_EVERY = timedelta(minutes=1)
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
_WORST_FIRST = "pwebnols-"


Changes: TypeAlias = tuple[
    dict[tuple[SeriesKey, datetime], Hour],
    dict[tuple[str, date], str],
]
"""Hours of series and days of checks, as the store takes them."""


class Recorder:
    """Gathers in memory what the store keeps; a kill costs the charts at most a minute."""

    def __init__(self, samples: Samples) -> None:
        """Start empty; ``load`` remembers the hour and the day that a daemon before began."""
        self._samples = samples
        self._hours: dict[tuple[SeriesKey, datetime], Hour] = {}
        self._days: dict[tuple[str, date], str] = {}
        self._changed: set[tuple[SeriesKey, datetime]] = set()
        self._changed_days: set[tuple[str, date]] = set()
        self._saved_at: datetime | None = None

    def load(self, now: datetime) -> None:
        """Go on where the last daemon stopped; blocking."""
        self._hours = self._samples.hours(_hour_of(now - HOUR))
        self._days = {
            (check, day): letters
            for check, days in self._samples.days(now.astimezone(UTC).date()).items()
            for day, letters in days.items()
        }

    def take(self, findings: Iterable[Finding]) -> None:
        """Note the numbers and the worst outcome of looks."""
        for finding in findings:
            for verdict in finding.verdicts:
                self._take_samples(verdict)
            if finding.verdicts:
                self._take_outcome(worst(finding.verdicts))

    def _take_outcome(self, verdict: Verdict) -> None:
        at = verdict.at.astimezone(UTC)
        key = (verdict.check, at.date())
        hours = self._days.get(key, NOTHING * 24)
        letter = min(hours[at.hour], LETTERS[verdict.outcome], key=_WORST_FIRST.index)
        if letter != hours[at.hour]:
            self._days[key] = hours[: at.hour] + letter + hours[at.hour + 1 :]
            self._changed_days.add(key)

    def _take_samples(self, verdict: Verdict) -> None:
        metrics: set[str] = set()
        for sample in verdict.samples:
            metric = sample.evidence.get("metric")
            if isinstance(metric, str):
                if metric not in metrics:
                    metrics.add(metric)
                    self._take_metric(verdict, metric, sample)
                continue
            point = Point(verdict.at, sample.value)
            key = (verdict.check, sample.slice, sample.measure)
            self._add(key, sample, point, sample.unit)

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
        self._add(key, sample, Point(moment, value, *band), Unit.NUMBER)

    def _add(self, key: SeriesKey, sample: Sample, point: Point, unit: Unit) -> None:
        place = (key, _hour_of(point.at))
        kept = self._hours.get(place)
        if kept is None:
            if len(self._hours) >= MOST_SERIES:
                return
            kept = self._hours[place] = Hour(unit)
        last = kept.points[-1] if kept.points else None
        if last is not None and point.at - last.at < CLOSEST:
            if point == last:
                return
            kept.points[-1] = point
        else:
            kept.points.append(point)
        if kept.peak is None or point.value >= kept.peak.value:
            holders = sample.evidence.get("holders")
            kept.peak = Peak(point.at, point.value, {"holders": holders}) if holders else kept.peak
        self._changed.add(place)

    def changes(self, now: datetime, *, is_last: bool = False) -> Changes | None:
        """Return what is to be stored, at most once a minute, and forget what is over."""
        if self._saved_at is not None and now - self._saved_at < SAVE_EVERY and not is_last:
            return None
        self._saved_at = now
        # Copies: they are written in another thread while looks go on.
        hours = {place: _copy(self._hours[place]) for place in self._changed}
        days = {key: self._days[key] for key in self._changed_days}
        self._changed, self._changed_days = set(), set()
        old = _hour_of(now - REMEMBERED)
        self._hours = {place: kept for place, kept in self._hours.items() if place[1] >= old}
        today = now.astimezone(UTC).date()
        self._days = {key: text for key, text in self._days.items() if key[1] >= today}
        return (hours, days) if hours or days else None


def _copy(hour: Hour) -> Hour:
    return Hour(hour.unit, list(hour.points), hour.peak)


def _hour_of(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
