"""Types of settings: durations, shares and numbers as people write them."""

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)")


def parse_duration(text: str) -> timedelta:
    """Read ``30s``, ``5m``, ``250ms``, ``1h30m``. Raise ValueError with the known forms."""
    compact = text.strip().replace(" ", "")
    parts = _PART.findall(compact)
    if not parts or "".join(number + unit for number, unit in parts) != compact:
        raise ValueError(f"'{text}' is not a duration; write it as 250ms, 30s, 5m, 2h, 1d or 1w")
    return timedelta(seconds=sum(float(number) * _SECONDS[unit] for number, unit in parts))


def parse_share(text: str) -> float:
    """Read ``12%`` as 0.12. Raise ValueError without the percent sign."""
    compact = text.strip()
    if not compact.endswith("%"):
        raise ValueError(f"'{text}' is not a share; write it with a percent sign, as 12%")
    return float(compact[:-1]) / 100


def _duration(given: Any) -> Any:
    return parse_duration(given) if isinstance(given, str) else given


def _share(given: Any) -> Any:
    return parse_share(given) if isinstance(given, str) else given


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
