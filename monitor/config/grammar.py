"""The grammar of values in config.yaml: days, hours, moments, addresses, networks."""

import re
from datetime import date, datetime, timedelta
from functools import cache
from ipaddress import ip_network
from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator

from monitor.api.fields import Duration, parse_clock
from monitor.config.plan import Network, Web
from monitor.core.moments import bounded

EVERY_DAY = frozenset(range(7))
ALL_DAY = (0, 24 * 60)
_TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,60}")
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@cache
def zones() -> frozenset[str]:
    """Return the names of all time zones."""
    return frozenset(available_timezones())


def parse_weekdays(text: str) -> frozenset[int]:
    """Read ``monday:friday`` or ``monday, saturday``; Monday is 0. A range may cross Sunday."""
    days: set[int] = set()
    for part in text.split(","):
        names = [name.strip().lower() for name in part.split(":")]
        wrong = next((name for name in names if name not in _DAYS), None)
        if wrong is not None or len(names) > 2:  # noqa: PLR2004  # a range has two ends
            raise ValueError(f"'{part.strip()}' is no weekday or range; write it as monday:friday")
        first, last = _DAYS.index(names[0]), _DAYS.index(names[-1])
        days.update((first + n) % 7 for n in range((last - first) % 7 + 1))
    return frozenset(days)


def parse_listen(text: str) -> Web:
    """Read ``127.0.0.1:8080``, ``[::1]:8080`` or ``:8080`` (loopback). Port 0 takes a free one."""
    host, colon, port = text.strip().rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65_535:  # noqa: PLR2004  # the last port
        raise ValueError("write the address as 127.0.0.1:8080")
    return Web(host.strip("[]") or "127.0.0.1", int(port))


def parse_local(text: str, timezone: str) -> datetime:
    """Read ``2026-01-05 09:00`` in a zone as a moment in UTC."""
    zone = ZoneInfo(timezone)
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(f"'{text}' is no moment; write it as 2026-01-05 09:00") from None
    local = moment.replace(tzinfo=zone) if moment.tzinfo is None else moment
    return bounded(local)


def parse_hours(text: object) -> tuple[int, int]:
    """Read ``09:00-19:00`` as minutes of the day."""
    start, dash, end = str(text).partition("-")
    if not dash:
        raise ValueError(f"'{text}' is no range of hours; write it as 09:00-19:00")
    return parse_clock(start), parse_clock(end)


def _days(given: object) -> frozenset[int]:
    return parse_weekdays(",".join(given) if isinstance(given, list) else str(given))


def known_zone(name: str) -> str:
    """Refuse what is no IANA zone; empty stands for that of the file."""
    if name and name not in zones():
        raise ValueError(f"'{name}' is no IANA time zone, as Asia/Kolkata")
    return name


def _positive(duration: timedelta) -> timedelta:
    if duration <= timedelta(0):
        raise ValueError("must be longer than nothing")
    return duration


def _networks(given: object) -> tuple[Network, ...]:
    texts = texts_of(given)
    if not isinstance(texts, list):
        raise ValueError("write a list of networks, as [10.0.3.0/28]")  # noqa: TRY004  # pydantic's way
    return tuple(parse_network(str(text)) for text in texts)


def parse_network(text: str) -> Network:
    """Read ``10.0.3.0/28`` or a single address."""
    try:
        found = ip_network(text.strip())
    except ValueError as error:
        raise ValueError(f"'{text}' is no network; write it as 10.0.3.0/28: {error}") from None
    if found.prefixlen == 0:
        raise ValueError(f"'{text}' is everybody: any client could say who it is; name the proxy")
    return found


def _header(given: object) -> str:
    name = str(given)
    if not _TOKEN.fullmatch(name):
        raise ValueError(f"'{name}' is no name of a header; write it as X-Forwarded-Email")
    return name


def texts_of(given: object) -> object:
    """Take one text for a list of one."""
    return [given] if isinstance(given, str) else given


def _dates(given: object) -> object:
    texts = texts_of(given)
    if not isinstance(texts, list):
        return given
    days: set[date] = set()
    for text in texts:
        try:
            days.add(date.fromisoformat(str(text)))
        except ValueError:
            raise ValueError(f"'{text}' is no day; write it as 2026-11-09") from None
    return frozenset(days)


Networks = Annotated[tuple[Network, ...], BeforeValidator(_networks)]
HeaderName = Annotated[str, BeforeValidator(_header)]
Weekdays = Annotated[frozenset[int], BeforeValidator(_days)]
Names = tuple[str, ...]
PositiveDuration = Annotated[Duration, AfterValidator(_positive)]
Dates = Annotated[frozenset[date], BeforeValidator(_dates)]
