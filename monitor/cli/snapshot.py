"""What ``monitor route`` reads: alerts and silences of a moment, as JSON."""

import json
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field, ValidationError

from monitor.api.errors import MonitorError
from monitor.core.matcher import Matcher, MatcherError, Operator, parse_matchers
from monitor.core.moments import EARLIEST, LATEST, bounded, is_unset
from monitor.core.silence import Silence

_OPERATORS = {
    (False, True): Operator.EQUAL,
    (False, False): Operator.NOT_EQUAL,
    (True, True): Operator.REGEX,
    (True, False): Operator.NOT_REGEX,
}


class SnapshotError(MonitorError):
    """The input is no snapshot: what is wrong, and where."""


class _MatcherObject(BaseModel):
    """A matcher as Alertmanager's API writes it."""

    name: str
    value: str
    is_regex: bool = Field(default=False, alias="isRegex")
    is_equal: bool = Field(default=True, alias="isEqual")


class _Alert(BaseModel):
    labels: dict[str, str]
    ends_at: datetime | None = Field(default=None, alias="endsAt")


class _Silence(BaseModel):
    matchers: list[str | _MatcherObject] = Field(min_length=1)
    starts_at: datetime | None = Field(default=None, alias="startsAt")
    ends_at: datetime | None = Field(default=None, alias="endsAt")


class _Snapshot(BaseModel):
    at: datetime | None = None
    alerts: list[_Alert]
    silences: list[_Silence] = []


class Snapshot:
    """Alerts and silences of a moment; times without an offset are local in ``timezone``."""

    def __init__(self, text: str, timezone: str, now: datetime) -> None:
        """Read it; without ``at`` it is of ``now``. Raise SnapshotError."""
        self._zone = ZoneInfo(timezone)
        try:
            raw = _Snapshot.model_validate(json.loads(text))
        except (json.JSONDecodeError, RecursionError) as error:
            raise SnapshotError(f"the input is no JSON: {error}") from None
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise SnapshotError(
                f"the input is wrong at {_path(first['loc'])}: {first['msg']}"
            ) from None
        self.at = self._moment(raw.at, now)
        self.alerts = [alert.labels for alert in raw.alerts]
        self.resolved = frozenset(
            n
            for n, alert in enumerate(raw.alerts)
            if not is_unset(alert.ends_at) and self._moment(alert.ends_at, LATEST) <= self.at
        )
        self.silences = [self._silence(n, one) for n, one in enumerate(raw.silences)]

    def _moment(self, given: datetime | None, default: datetime) -> datetime:
        if given is None:
            return default
        local = given if given.tzinfo else given.replace(tzinfo=self._zone)
        return bounded(local)

    def _silence(self, number: int, raw: _Silence) -> Silence:
        matchers: list[Matcher] = []
        for one in raw.matchers:
            try:
                matchers.extend(_matchers(one))
            except MatcherError as error:
                message = f"the input is wrong at silences.{number}.matchers: {error}"
                raise SnapshotError(message) from None
        if not matchers:
            raise SnapshotError(f"the input is wrong at silences.{number}: it has no matchers")
        start, end = self._moment(raw.starts_at, EARLIEST), self._moment(raw.ends_at, LATEST)
        return Silence(str(number), tuple(matchers), start, end, "", "")


def _matchers(one: str | _MatcherObject) -> tuple[Matcher, ...]:
    if isinstance(one, str):
        return parse_matchers(one)
    return (Matcher(one.name, _OPERATORS[one.is_regex, one.is_equal], one.value),)


def _path(steps: tuple[Any, ...]) -> str:
    return ".".join(map(str, steps)) or "the top"
