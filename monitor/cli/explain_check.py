"""``monitor explain ID``: what a check does, where each setting comes from, and who is told."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from monitor.config.defaults import DEFAULT_KEYS
from monitor.config.plan import Place, Plan, PlannedCheck
from monitor.config.settings import settings_of
from monitor.core.model import Tier
from monitor.core.recipients import told_if_it_fired
from monitor.core.route import Recipient
from monitor.engine.replay import due_moments
from monitor.engine.world import world_of

SOON = timedelta(days=400)


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of a check: its value, and where that comes from."""

    key: str
    value: str
    origin: str


@dataclass(frozen=True, slots=True)
class CheckExplanation:
    """What is explained: a check of a plan, at a moment."""

    plan: Plan
    planned: PlannedCheck
    at: datetime

    def settings(self) -> list[Setting]:
        """Return every setting that is not empty."""
        found = settings_of(self.planned)
        return [Setting(k, value, self._origin(k)) for k, value in found.items() if value]

    def _origin(self, key: str) -> str:
        place = self.planned.origins.get("query_file" if key == "query" else key)
        place = place or self.planned.origins.get(key)
        if place is not None:
            return self._where(key, place)
        resource = self.planned.resource
        if key == "maintainer":
            owned = self.plan.resources.get(resource or "")
            return f"resource {resource}" if owned and owned.maintainer else "nobody is named"
        if key in {"timezone", "holidays"}:
            return "config.yaml"
        return f"kind {self.planned.kind}"

    def _where(self, key: str, place: Place) -> str:
        name = Path(place.file).name
        if name == "_defaults.yaml":
            return f"{place}, defaults of the folder"
        if place.file != self.planned.place.file:
            return f"{place}, defaults of the configuration"
        is_above = place.line < self.planned.place.line and key in DEFAULT_KEYS
        return f"{place}{', defaults of the file or a sibling' if is_above else ''}"

    def told(self, tier: Tier) -> list[Recipient]:
        """Return who would be told of an alert of a tier that fires now."""
        return list(told_if_it_fired(self.planned.id, tier, world_of(self.plan), self.at))

    def lines(self) -> Iterator[str]:
        """Tell it in lines."""
        yield f"{self.planned.id}, written at {self.planned.place}"
        shown = self.settings()
        width = max(len(one.key) for one in shown)
        for one in shown:
            yield f"  {one.key:<{width}}  {one.value}  ({one.origin})"
        yield "Next looks:"
        moments, _ = due_moments(self.planned, self.at, self.at + self._ahead(), 1_000_000)
        for moment in moments[:3]:
            yield f"  {self._local(moment)}"
        for rule in self.planned.tiers:
            yield f"Told of tier {rule.tier}, if it fired {self._local(self.at)}:"
            for to in self.told(rule.tier):
                yield f"  {to.receiver}{self._how(to)}"
        yield from self._causes()

    def _ahead(self) -> timedelta:
        every = self.planned.schedule.every
        return every * 4 if every is not None else SOON

    def _how(self, to: Recipient) -> str:
        parts = []
        if to.is_page:
            parts.append("as a page")
        if to.is_page and not to.may_wake:
            parts.append("not now: outside the hours, and the check has no `wake: true`")
        if to.muted_by:
            parts.append(f"not now: muted by {to.muted_by}")
        if to.wait:
            parts.append(f"after {to.wait}")
        if self.planned.maintainer is None:
            parts.append("because nobody owns the check")
        return f": {', '.join(parts)}" if parts else ""

    def _causes(self) -> Iterator[str]:
        resource = self.plan.resources.get(self.planned.resource or "")
        upstream = resource.upstream if resource else ()
        for name in (*self.planned.after, *upstream):
            yield f"Not told on its own while {name} is red: it is listed there, as blocked."

    def _local(self, at: datetime) -> str:
        return f"{at.astimezone(ZoneInfo(self.plan.timezone)):%a %Y-%m-%d %H:%M:%S %Z}"

    def as_json(self) -> dict[str, Any]:
        """Return the same as JSON values."""
        moments, _ = due_moments(self.planned, self.at, self.at + self._ahead(), 1_000_000)
        return {
            "check": self.planned.id,
            "place": str(self.planned.place),
            "settings": {
                one.key: {"value": one.value, "origin": one.origin} for one in self.settings()
            },
            "next_looks": [moment.isoformat() for moment in moments[:3]],
            "told": {
                rule.tier: [
                    {
                        "receiver": to.receiver,
                        "page": to.is_page,
                        "now": to.muted_by is None and (to.may_wake or not to.is_page),
                        "why": self._how(to).removeprefix(": "),
                    }
                    for to in self.told(rule.tier)
                ]
                for rule in self.planned.tiers
            },
            "upstream": list(self._causes()),
        }
