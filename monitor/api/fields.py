"""Types of settings: durations, shares and numbers as people write them."""

import re
from collections.abc import Mapping
from datetime import date, timedelta
from functools import lru_cache
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError

from monitor.core.business_days import EVERY_DAY, BusinessDays

_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_WORDS = {
    "ms": ("msec", "msecs", "millis", "milliseconds", "millisecond"),
    "s": ("sec", "secs", "second", "seconds"),
    "m": ("min", "mins", "minute", "minutes"),
    "h": ("hr", "hrs", "hour", "hours"),
    "d": ("day", "days"),
    "w": ("week", "weeks", "wk", "wks"),
}
_AS_SAID = {word: unit for unit, words in _WORDS.items() for word in (unit, *words)}
_SAID = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)")
_SHARE_SAID = re.compile(r"(\d+(?:\.\d+)?)\s*(?:percent|pct|per cent)?")
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)")


class UnitError(ValueError):
    """A number whose unit cannot be read; ``suggestion`` is how it was probably meant."""

    def __init__(self, text: str, suggestion: str | None) -> None:
        """Keep the suggestion beside the text."""
        super().__init__(text)
        self.suggestion = suggestion


LONGEST = timedelta(days=36_500)
"""What is longer can be added to no moment of a calendar that ends with the year 9999."""


@lru_cache(maxsize=4096)
def parse_duration(text: str) -> timedelta:
    """Read ``30s``, ``5m``, ``250ms``, ``1h30m``. Raise ValueError with the known forms."""
    compact = text.strip().replace(" ", "")
    parts = _PART.findall(compact)
    if not parts or "".join(number + unit for number, unit in parts) != compact:
        message = f"'{text}' is not a duration; write it as 250ms, 30s, 5m, 2h, 1d or 1w"
        raise UnitError(message, meant_duration(text))
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in parts)
    if seconds > LONGEST.total_seconds():
        raise UnitError(f"'{text}' is longer than {LONGEST.days // 365} years", None)
    return timedelta(seconds=seconds)


def meant_duration(text: str) -> str | None:
    """Return how a duration in words of everyday is written; None for what is none."""
    low = text.strip().lower()
    said = _SAID.findall(low)
    units = [_AS_SAID.get(word) for _, word in said]
    if not said or None in units or re.sub(r"[\s,]|and", "", _SAID.sub("", low)):
        return None
    return "".join(f"{number}{unit}" for (number, _), unit in zip(said, units, strict=True))


def parse_share(text: str) -> float:
    """Read ``12%`` as 0.12. Raise ValueError without the percent sign."""
    compact = text.strip()
    if not compact.endswith("%"):
        said = _SHARE_SAID.fullmatch(compact.lower())
        message = f"'{text}' is not a share; write it with a percent sign, as 12%"
        raise UnitError(message, f"{said.group(1)}%" if said else None)
    return float(compact[:-1]) / 100


def parse_clock(text: str) -> int:
    """Read ``09:30`` as minutes after midnight; ``24:00`` is the end of the day."""
    match = _CLOCK.fullmatch(text.strip())
    if match is None and text.strip() != "24:00":
        raise ValueError(f"'{text}' is no time of day; write it as 09:30")
    return int(match.group(1)) * 60 + int(match.group(2)) if match else 24 * 60


def _duration(given: Any) -> Any:
    return parse_duration(given) if isinstance(given, str) else given


def _share(given: Any) -> Any:
    return parse_share(given) if isinstance(given, str) else given


def _clock(given: Any) -> Any:
    return parse_clock(given) if isinstance(given, str) else given


def _named(what: str, given: Any, info: ValidationInfo) -> Any:
    """Put what config.yaml defines under a name into the place of the name."""
    if not isinstance(given, str):
        return given
    known: Mapping[str, object] = (info.context or {}).get(what, {})
    if given in known:
        return known[given]
    raise PydanticCustomError(
        "unknown_name", "is not defined", {"what": what, "name": given, "known": tuple(known)}
    )


def _calendar(given: Any, info: ValidationInfo) -> Any:
    return _named("calendar", given, info)


def _holidays(given: Any, info: ValidationInfo) -> Any:
    names = given if isinstance(given, list) else [given]
    days: set[date] = set()
    for name in names:
        found = _named("country or calendar", name, info)
        days |= found.off if isinstance(found, BusinessDays) else found
    return frozenset(days)


Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    WithJsonSchema({"type": "string", "examples": ["250ms", "30s", "5m", "2h", "1d", "1w"]}),
]
Share = Annotated[
    float,
    BeforeValidator(_share),
    WithJsonSchema({"type": "string", "examples": ["12%"]}),
]
Clock = Annotated[
    int,
    BeforeValidator(_clock),
    WithJsonSchema({"type": "string", "examples": ["07:30"]}),
]
"""Minutes after local midnight."""
Calendar = Annotated[
    BusinessDays,
    BeforeValidator(_calendar),
    WithJsonSchema({"type": "string", "description": "One of `calendars:` in config.yaml."}),
]
Holidays = Annotated[
    frozenset[date],
    BeforeValidator(_holidays),
    WithJsonSchema(
        {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
        | {"examples": ["IN", ["IN", "US-CA"], "business-days-in"]}
    ),
]
"""Days: written as countries (`IN`, `US-CA`) or as calendars, whose days off count."""


class ReadyBy(BaseModel):
    """Until when, on which days, something must be ready."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    time: Clock = Field(description="Local time of day in the check's zone, as `07:30`.")
    calendar: Calendar = Field(
        default=EVERY_DAY, description="Days that count, of `calendars:`; default every day."
    )
