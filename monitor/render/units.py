"""Numbers, durations and moments for people."""

import math
from datetime import datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator

from monitor.core.model import Unit
from monitor.core.moments import bounded

_STEPS = (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1))
_SIZES = ("B", "kB", "MB", "GB", "TB", "PB")
_KILO = 1000
_WHOLE_FROM = 100
"""Numbers from here on are written without a fraction: further digits say nothing to people."""

_LONG_FROM = 1e15
_LONGEST_SECONDS = timedelta(days=999_999_999).total_seconds()


def known_zone(name: str) -> str:
    """Return the name of a zone. Raise ValueError for what is none."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"'{name}' is no IANA time zone, as Asia/Kolkata") from None
    return name


Zone = Annotated[str, AfterValidator(known_zone)]
"""A setting that names an IANA time zone; one that is unknown is an error at load."""


def number(value: float, unit: Unit = Unit.NUMBER) -> str:
    """Write a measured number in its unit: ``2h 30m``, ``300ms``, ``12 %``, ``12,345``, ``4.2 GB``.

    What is not finite is written as ``inf`` or ``nan``, whatever the unit.
    """
    if not math.isfinite(value):
        return str(value)
    if unit is Unit.SECONDS and abs(value) < _LONGEST_SECONDS:
        return duration(timedelta(seconds=value))
    if unit is Unit.SHARE:
        return f"{_plain(value * 100)} %"
    if unit is Unit.BYTES:
        return _bytes(value)
    return _plain(value)


def duration(span: timedelta) -> str:
    """Write a duration with its two largest parts; below a second in milliseconds."""
    seconds = span.total_seconds()
    sign = "-" if seconds < 0 else ""
    milliseconds = round(abs(seconds) * _KILO)
    if milliseconds == 0:
        return "0s"
    if milliseconds < _KILO:
        return f"{sign}{milliseconds}ms"
    parts = []
    rest = round(abs(seconds))
    for name, size in _STEPS:
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{name}")
    return sign + " ".join(parts[:2])


def since(at: datetime, now: datetime) -> str:
    """Write how long ago a moment was; one that is still to come is ``0s`` ago."""
    return duration(max(now - at, timedelta(0)))


def local(at: datetime, timezone: str) -> str:
    """Write a moment in an IANA zone: ``Tue 24 Nov 03:10``; those that none has at their bounds."""
    return f"{bounded(at).astimezone(ZoneInfo(timezone)):%a %d %b %H:%M}"


def _plain(value: float) -> str:
    if abs(value) >= _LONG_FROM:
        return f"{value:.3g}"
    if abs(value) >= _WHOLE_FROM or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _bytes(value: float) -> str:
    sizes = iter(_SIZES)
    size = next(sizes)
    for larger in sizes:
        if abs(value) < _KILO:
            break
        value, size = value / _KILO, larger
    return f"{value:.3g} {size}"
