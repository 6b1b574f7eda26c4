"""Alerts that another system sends: kept first, answered then, taken in afterwards."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from monitor.api.errors import BusyError, MonitorError
from monitor.core.advance import Finding
from monitor.core.external import check_of
from monitor.core.labels import Labels, labels_of
from monitor.core.model import Outcome, Tier, Verdict
from monitor.core.moments import is_unset
from monitor.core.whole import read_json

MOST_ALERTS = 10_000
PAGES = frozenset({"page", "critical"})
"""Values of the label ``severity`` that wake people; every other one warns."""


MOST_WAITING = 50_000
"""Alerts that may wait, about 50 MB; who sends more is told to come again."""

HOLD = timedelta(seconds=1)
"""How long what arrived may wait while more arrives."""

QUIET = timedelta(milliseconds=10)
"""A burst is over when nothing came for this long; two that come closer than this are one."""


class BatchError(MonitorError):
    """A batch of alerts is not in Alertmanager's form."""


@dataclass(frozen=True, slots=True)
class Batch:
    """A received batch that no step took in yet."""

    key: str
    at: datetime
    findings: tuple[Finding, ...]
    size: int


def read_batch(key: str, body: str | bytes, at: datetime) -> Batch:
    """Read Alertmanager's webhook, or the list that is posted to its API. Raise BatchError."""
    try:
        read = read_json(body)
    except (ValueError, RecursionError) as error:
        raise BatchError(f"the body is no JSON: {error}") from None
    alerts = read.get("alerts") if isinstance(read, dict) else read
    if not isinstance(alerts, list) or not alerts:
        raise BatchError("the body needs a list 'alerts' with at least one alert")
    if len(alerts) > MOST_ALERTS:
        raise BatchError(f"{len(alerts)} alerts are too many for one request: {MOST_ALERTS}")
    found: dict[str, dict[Labels, Verdict]] = {}
    for number, alert in enumerate(alerts):
        verdict = _verdict(number, alert, at)
        found.setdefault(verdict.check, {})[verdict.slice] = verdict
    findings = (
        Finding(check, None, tuple(verdicts.values()), is_partial=True)
        for check, verdicts in found.items()
    )
    return Batch(key, at, tuple(findings), sum(map(len, found.values())))


def _verdict(number: int, alert: Any, at: datetime) -> Verdict:
    labels = alert.get("labels") if isinstance(alert, dict) else None
    if not isinstance(labels, dict) or not labels.get("alertname"):
        raise BatchError(f"alert {number} needs labels with an alertname")
    if not all(isinstance(value, str) for value in labels.values()):
        raise BatchError(f"alert {number} has a label whose value is no text")
    told = {name: value for name, value in labels.items() if value}
    annotations = alert.get("annotations")
    is_over = _is_over(number, alert, at)
    tier = Tier.PAGE if told.get("severity") in PAGES else Tier.WARN
    link = alert.get("generatorURL")
    return Verdict(
        check_of(told),
        labels_of(told),
        at,
        Outcome.OK if is_over else Outcome(tier),
        None if is_over else tier,
        _summary(annotations if isinstance(annotations, dict) else {}),
        maintainer=told.get("maintainer"),
        link=link if isinstance(link, str) and link else None,
    )


def _is_over(number: int, alert: Mapping[str, Any], at: datetime) -> bool:
    status = alert.get("status")
    if status in {"firing", "resolved"}:
        return bool(status == "resolved")
    ends = alert.get("endsAt")
    if not ends:
        return False
    try:
        ends_at = datetime.fromisoformat(str(ends))
        return not is_unset(ends_at) and ends_at <= at
    except (ValueError, TypeError):
        raise BatchError(f"alert {number} ends at '{ends}', which is no moment") from None


def _summary(annotations: Mapping[str, Any]) -> str:
    texts: Sequence[Any] = [annotations.get(name) for name in ("summary", "description")]
    return next((text for text in texts if isinstance(text, str) and text), "")


class Inbox:
    """Batches that are kept and wait to be taken in.

    While more of a burst arrives, what is here waits for up to ``HOLD``: answering comes first,
    because who is not answered sends again. One that is sent alone is taken in at once.
    """

    def __init__(self) -> None:
        """Start empty."""
        self._waiting: deque[Batch] = deque()
        self._count = 0
        self._arriving = 0
        self._last_at: datetime | None = None
        self._is_burst = False

    def __bool__(self) -> bool:
        """Say whether something waits."""
        return bool(self._waiting)

    @contextmanager
    def arrival(self) -> Iterator[None]:
        """Let one more batch arrive. Raise BusyError while too much waits."""
        if self._count >= MOST_WAITING:
            raise BusyError(f"{self._count} alerts wait to be taken in; send again")
        self._arriving += 1
        try:
            yield
        finally:
            self._arriving -= 1

    def put(self, batch: Batch) -> None:
        """Add a batch that is kept."""
        self._is_burst = self._last_at is not None and _is_within(batch.at - self._last_at, QUIET)
        self._last_at = batch.at
        self._waiting.append(batch)
        self._count += batch.size

    def take(self, now: datetime, most: int) -> list[Batch]:
        """Remove and return the first batches with about so many alerts, at least one batch."""
        if not self._waiting or (
            self._goes_on(now) and _is_within(now - self._waiting[0].at, HOLD)
        ):
            return []
        taken: list[Batch] = []
        count = 0
        while self._waiting and (not taken or count < most):
            taken.append(self._waiting.popleft())
            count += taken[-1].size
        self._count -= count
        return taken

    def _goes_on(self, now: datetime) -> bool:
        """Say whether more is on its way, or was a moment ago in a burst."""
        if self._arriving:
            return True
        last_at = self._last_at
        return self._is_burst and last_at is not None and _is_within(now - last_at, QUIET)

    def put_back(self, batches: Sequence[Batch]) -> None:
        """Let batches wait again that could not be taken in."""
        self._waiting.extendleft(reversed(batches))
        self._count += sum(batch.size for batch in batches)


def _is_within(span: timedelta, most: timedelta) -> bool:
    return timedelta(0) <= span < most
