"""What a check does, as texts by key: to compare two versions of it, and to explain one."""

import re
from collections.abc import Mapping
from datetime import timedelta
from hashlib import blake2s

from pydantic import BaseModel

from monitor.config.plan import PlannedCheck
from monitor.core.business_days import BusinessDays
from monitor.core.model import Hold, Limit, TierRule, Unit

_UNITS = (("w", 604_800), ("d", 86_400), ("h", 3600), ("m", 60), ("s", 1))
MOST_TEXT = 300


def settings_of(planned: PlannedCheck) -> dict[str, str]:
    """Return every setting of a check as it is written in YAML, the defaults of its kind too."""
    check = planned.check
    found = {"kind": planned.kind, "source": planned.source}
    if planned.schedule.cron is not None:
        found["cron"] = planned.schedule.cron
    else:
        found["every"] = _shown(planned.schedule.every)
    found |= {
        name: _shown(getattr(check, name)) for name in type(check).model_fields if name != "id"
    }
    for rule in planned.tiers:
        found[rule.tier] = tier_text(rule)
    found |= {
        "maintainer": planned.maintainer or "on-call",
        "resource": planned.resource or "",
        "after": ", ".join(planned.after),
        "wake": _shown(planned.wake),
        "keep_firing_for": _shown(planned.keep_firing_for),
        "runbook": planned.runbook or "",
        "description": planned.description,
        "labels": _shown(dict(planned.labels)),
        "tests": str(len(planned.tests)),
    }
    return found


def tier_text(rule: TierRule) -> str:
    """Write the limits of a tier with their sides: ``age above 2h, for 5m``."""
    limits = ", ".join(f"{one.measure} {one.bad} {bound_text(one)}" for one in rule.limits)
    held = hold_text(rule.hold)
    return f"{limits}, for {held}" if held else limits


def hold_text(hold: Hold) -> str:
    """Write how long a breach must last; empty where the first one counts."""
    if hold.window > 1:
        return f"{hold.needed} of {hold.window}"
    return duration_text(hold.duration) if hold.duration else ""


def duration_text(span: timedelta) -> str:
    """Write a duration as YAML has it: ``1h30m``, ``250ms``."""
    seconds = span.total_seconds()
    if not seconds:
        return "0s"
    if seconds < 1:
        return f"{seconds * 1000:g}ms"
    parts = ""
    for unit, size in _UNITS:
        count, seconds = divmod(seconds, size)
        parts += f"{count:g}{unit}" if count else ""
    return parts + (f"{seconds * 1000:g}ms" if seconds else "")


def bound_text(limit: Limit) -> str:
    """Write the number of a limit in its unit, as YAML has it."""
    if limit.unit is Unit.SECONDS:
        return duration_text(timedelta(seconds=limit.bound))
    if limit.unit is Unit.SHARE:
        return f"{limit.bound * 100:g}%"
    return f"{limit.bound:g}B" if limit.unit is Unit.BYTES else f"{limit.bound:g}"


def _shown(value: object) -> str:  # noqa: PLR0911  # one return for each type of value
    if isinstance(value, timedelta):
        return duration_text(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return ""
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_shown(one)}" for key, one in value.items())
    if isinstance(value, BaseModel):
        shown = {name: _shown(getattr(value, name)) for name in type(value).model_fields}
        return ", ".join(f"{name}: {text}" for name, text in shown.items() if text)
    if isinstance(value, BusinessDays):
        days = ",".join(str(day) for day in sorted(value.weekdays))
        return f"weekdays {days} without {len(value.off)} days and with {len(value.extra)} more"
    if isinstance(value, frozenset | set):
        return f"{len(value)} days" if value else ""
    if isinstance(value, tuple | list):
        return ", ".join(map(_shown, value))
    return _cut(re.sub(r"\s+", " ", str(value)))


def _cut(text: str) -> str:
    """Keep the beginning of a long text; its hash tells two apart that begin alike."""
    if len(text) <= MOST_TEXT:
        return text
    return f"{text[:MOST_TEXT]}... ({blake2s(text.encode(), digest_size=4).hexdigest()})"
